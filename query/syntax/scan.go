package syntax

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// kind is what a token is.
type kind uint8

const (
	kindEOF    kind = iota
	kindWord        // dog, sea-side, meta.year, also every keyword
	kindNumber      // 42, 0.5, 1e-3; never signed
	kindDate        // 2021-05-01, 2021-05-01T10:00:00Z
	kindRun         // 1000268201_693b08cb0e.jpg: begins with a digit, no number, no date
	kindString      // "red barn"
	kindParam       // $name
	kindGlob        // sea*; scanned only where the parser asks for one
	kindSign        // = != < <= > >= ( ) , + - * % ^ ~ ;
)

// A token is one word of the text. Its text is what it stands for: a string
// without quotes and escapes, a parameter without its dollar.
type token struct {
	Span
	kind kind
	text string
}

// describe names a token in an error message.
func (t token) describe() string {
	switch t.kind {
	case kindEOF:
		return "the end"
	case kindString:
		return "a string"
	case kindParam:
		return "$" + t.text
	}
	return strconv.Quote(t.text)
}

// A scanner cuts a text into tokens, one at a time. It panics with an *Error,
// which Parse recovers.
type scanner struct {
	text string
	pos  int
}

// fail ends the scan or the parse with an error at a byte offset.
func fail(offset int, hint, format string, args ...any) {
	panic(&Error{Offset: offset, Msg: fmt.Sprintf(format, args...), Hint: hint})
}

// peek returns the character at the scanner's place, and utf8.RuneError at the end.
func (s *scanner) peek() rune {
	r, _ := utf8.DecodeRuneInString(s.text[s.pos:])
	return r
}

// skipSpace moves to the next token.
func (s *scanner) skipSpace() {
	for s.pos < len(s.text) {
		r, width := utf8.DecodeRuneInString(s.text[s.pos:])
		if !unicode.IsSpace(r) {
			return
		}
		s.pos += width
	}
}

// next scans one token.
func (s *scanner) next() token {
	s.skipSpace()
	start := s.pos
	if start == len(s.text) {
		return token{Span: Span{start, start}, kind: kindEOF}
	}
	switch r := s.peek(); {
	case startsWord(r):
		s.takeRun(inWord)
		return s.token(kindWord, start)
	case isDigit(r), r == '.' && s.digitAt(start+1):
		return s.scanNumber(start)
	case r == '"', r == '\'':
		return s.scanString(start)
	case r == '$':
		return s.scanParam(start)
	}
	return s.scanSign(start)
}

// nextGlob scans one token where a pattern may stand. A string, a parameter and
// the end are what they are anywhere else.
func (s *scanner) nextGlob() token {
	s.skipSpace()
	start := s.pos
	s.takeRun(func(r rune) bool { return inWord(r) || r == '*' || r == '?' })
	if s.pos == start {
		return s.next()
	}
	return s.token(kindGlob, start)
}

// token is what was scanned since start.
func (s *scanner) token(k kind, start int) token {
	return token{Span: Span{start, s.pos}, kind: k, text: s.text[start:s.pos]}
}

// takeRun moves past the characters that in accepts.
func (s *scanner) takeRun(in func(rune) bool) {
	for s.pos < len(s.text) {
		r, width := utf8.DecodeRuneInString(s.text[s.pos:])
		if !in(r) {
			return
		}
		s.pos += width
	}
}

// scanNumber scans what begins with a digit or a point: the whole run of word
// characters, and then sees whether that is a number, a date or a mere run.
func (s *scanner) scanNumber(start int) token {
	s.takeRun(inWord)
	if rest := s.text[s.pos:]; strings.HasPrefix(rest, "+") {
		s.takePlus(start)
	}
	switch run := s.text[start:s.pos]; {
	case isNumber(run):
		return s.token(kindNumber, start)
	case isDate(run):
		return s.token(kindDate, start)
	case run[0] == '.':
		fail(start, "put text in quotes", "%q is no number", run)
	}
	return s.token(kindRun, start)
}

// takePlus takes in a plus that belongs to a number (1e+5) or to a date's zone (…T10:00+02:00).
func (s *scanner) takePlus(start int) {
	before := s.pos
	s.pos++
	s.takeRun(func(r rune) bool { return isDigit(r) || r == ':' })
	if run := s.text[start:s.pos]; !isNumber(run) && !isDate(run) {
		s.pos = before
	}
}

// scanString scans a quoted string.
func (s *scanner) scanString(start int) token {
	quote := s.text[start]
	var b strings.Builder
	for s.pos++; s.pos < len(s.text); {
		switch c := s.text[s.pos]; c {
		case quote:
			s.pos++
			return token{Span: Span{start, s.pos}, kind: kindString, text: b.String()}
		case '\\':
			b.WriteRune(s.scanEscape())
		default:
			b.WriteByte(c)
			s.pos++
		}
	}
	fail(start, "close it with "+string(quote), "a string begins here and never ends")
	return token{}
}

// scanEscape scans a backslash and what follows it.
func (s *scanner) scanEscape() rune {
	start := s.pos
	s.pos++
	if s.pos < len(s.text) {
		c := s.text[s.pos]
		s.pos++
		switch c {
		case '\\', '"', '\'':
			return rune(c)
		case 'n':
			return '\n'
		case 'r':
			return '\r'
		case 't':
			return '\t'
		case 'u':
			if r, ok := s.scanHex(); ok {
				return r
			}
		}
	}
	fail(start, `write \\ for a backslash`, `a backslash may stand before \ " ' n r t, or u and four hexadecimal digits`)
	return 0
}

// scanHex scans the four digits of an escape; ok is false where they are no character.
func (s *scanner) scanHex() (r rune, ok bool) {
	if s.pos+4 > len(s.text) {
		return 0, false
	}
	code, err := strconv.ParseUint(s.text[s.pos:s.pos+4], 16, 16)
	s.pos += 4
	return rune(code), err == nil && utf8.ValidRune(rune(code))
}

// scanParam scans a parameter.
func (s *scanner) scanParam(start int) token {
	s.pos++
	if s.pos < len(s.text) && startsWord(s.peek()) {
		s.takeRun(func(r rune) bool { return startsWord(r) || unicode.IsNumber(r) })
	}
	if s.pos == start+1 {
		fail(start, "write $name", "a dollar begins the name of a parameter")
	}
	return token{Span: Span{start, s.pos}, kind: kindParam, text: s.text[start+1 : s.pos]}
}

// scanSign scans an operator or a bracket.
func (s *scanner) scanSign(start int) token {
	r, width := utf8.DecodeRuneInString(s.text[start:])
	s.pos += width
	switch r {
	case '<', '>':
		s.accept('=')
		return s.token(kindSign, start)
	case '!':
		if !s.accept('=') {
			fail(start, `write "not" or "!="`, `"!" stands only before "="`)
		}
		return s.token(kindSign, start)
	case '=', '(', ')', ',', '+', '-', '*', '%', '^', '~', ';':
		return s.token(kindSign, start)
	}
	hint := "put names that hold it in quotes"
	switch r {
	case '&':
		hint = `write "and"`
	case '|':
		hint = `write "or"`
	case '“', '”', '„', '‘', '’', '«', '»', '`':
		hint = `quotes are " or '`
	}
	fail(start, hint, "%q has no meaning here", r)
	return token{}
}

// accept moves past c if it stands here.
func (s *scanner) accept(c byte) bool {
	if s.pos < len(s.text) && s.text[s.pos] == c {
		s.pos++
		return true
	}
	return false
}

func (s *scanner) digitAt(i int) bool { return i < len(s.text) && isDigit(rune(s.text[i])) }

func isDigit(r rune) bool { return '0' <= r && r <= '9' }

func startsWord(r rune) bool { return r == '_' || unicode.IsLetter(r) }

func inWord(r rune) bool {
	return startsWord(r) || unicode.IsNumber(r) || r == '.' || r == '/' || r == ':' || r == '-'
}

// isNumber reports whether s is an unsigned decimal number.
func isNumber(s string) bool {
	whole, s := cutDigits(s)
	frac := 0
	if strings.HasPrefix(s, ".") {
		frac, s = cutDigits(s[1:])
		if frac == 0 {
			return false
		}
	}
	if whole+frac == 0 {
		return false
	}
	if s != "" && (s[0] == 'e' || s[0] == 'E') {
		s = s[1:]
		if s != "" && (s[0] == '+' || s[0] == '-') {
			s = s[1:]
		}
		var digits int
		if digits, s = cutDigits(s); digits == 0 {
			return false
		}
	}
	return s == ""
}

// cutDigits returns how many digits s begins with, and the rest.
func cutDigits(s string) (n int, rest string) {
	for n < len(s) && isDigit(rune(s[n])) {
		n++
	}
	return n, s[n:]
}

// isDate reports whether s has the form of a date or of a date and a time.
// Whether that day exists is not asked here.
func isDate(s string) bool {
	s, ok := cutShape(s, "0000-00-00")
	if !ok || s == "" {
		return ok
	}
	if s, ok = cutShape(s, "T00:00"); !ok {
		return false
	}
	if rest, hasSeconds := cutShape(s, ":00"); hasSeconds {
		s = rest
		if strings.HasPrefix(s, ".") {
			var digits int
			if digits, s = cutDigits(s[1:]); digits == 0 {
				return false
			}
		}
	}
	if s == "" || s == "Z" {
		return true
	}
	if s[0] != '+' && s[0] != '-' {
		return false
	}
	s, ok = cutShape(s[1:], "00:00")
	return ok && s == ""
}

// cutShape returns what follows shape at the beginning of s, where a 0 in shape
// stands for any digit.
func cutShape(s, shape string) (rest string, ok bool) {
	if len(s) < len(shape) {
		return s, false
	}
	for i := range len(shape) {
		if shape[i] == '0' && isDigit(rune(s[i])) || shape[i] != '0' && shape[i] == s[i] {
			continue
		}
		return s, false
	}
	return s[len(shape):], true
}
