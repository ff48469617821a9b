package query

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/saedb/saedb/query/syntax"
)

// What an Error may wrap, for errors.Is.
var (
	ErrNoModel    = errors.New("no autoencoder is active")
	ErrNoClusters = errors.New("no clusters")
	ErrNotFound   = errors.New("not found")
	ErrNoEncoder  = errors.New("no encoder")
	ErrChanged    = errors.New("the database has changed")
)

// An Error says what is wrong with a query, at which place, and what to do
// about it. It is written for the person who typed the query.
type Error struct {
	Offset int    // bytes before the place
	Line   int    // 1-based
	Col    int    // 1-based, in characters
	Msg    string // what is wrong, in one line
	Hint   string // the cure; may be empty

	text string // the whole query
	err  error  // its kind, for errors.Is; may be nil
}

// NewError places an error at a byte offset of a query's text, for whoever got it from somewhere else than Compile and Run.
// kind is what errors.Is finds in it; it may be nil.
func NewError(text string, offset int, kind error, msg, hint string) *Error {
	return newError(text, offset, kind, msg, hint)
}

// newError places an error at a byte offset of a query's text.
func newError(text string, offset int, kind error, msg, hint string) *Error {
	offset = min(max(offset, 0), len(text))
	before := text[:offset]
	lineStart := strings.LastIndexByte(before, '\n') + 1
	return &Error{
		Offset: offset,
		Line:   1 + strings.Count(before, "\n"),
		Col:    1 + utf8.RuneCountInString(before[lineStart:]),
		Msg:    msg,
		Hint:   hint,
		text:   text,
		err:    kind,
	}
}

// fromSyntax makes the parser's error one of ours.
func fromSyntax(text string, err error) error {
	var bad *syntax.Error
	if errors.As(err, &bad) {
		return newError(text, bad.Offset, nil, bad.Msg, bad.Hint)
	}
	return err
}

// Error returns place, message and hint in one line.
func (e *Error) Error() string {
	s := fmt.Sprintf("query:%d:%d: %s", e.Line, e.Col, e.Msg)
	if e.Hint != "" {
		s += " (" + e.Hint + ")"
	}
	return s
}

// Unwrap returns the kind of the error, if it has one.
func (e *Error) Unwrap() error { return e.err }

// widestLine is how many characters of the struck line Render shows.
const widestLine = 100

// Render returns the message, the struck line with a caret under the place, and
// the hint, each on a line of its own.
func (e *Error) Render() string {
	var b strings.Builder
	b.WriteString(e.Msg + "\n")
	if line, at := e.struckLine(); line != "" {
		b.WriteString("  " + line + "\n")
		b.WriteString("  " + strings.Repeat(" ", at) + "^\n")
	}
	if e.Hint != "" {
		b.WriteString(e.Hint + "\n")
	}
	return b.String()
}

// struckLine returns the line of the place, cut around it where it is long, and
// the number of characters before the place. Tabs and control characters become
// spaces, so that the caret stands where it should.
func (e *Error) struckLine() (line string, at int) {
	if e.text == "" {
		return "", 0
	}
	rest := strings.Split(strings.ToValidUTF8(e.text, "?"), "\n")
	runes := []rune(rest[min(e.Line, len(rest))-1])
	at = min(e.Col-1, len(runes))
	if len(runes) > widestLine {
		start := min(max(at-widestLine/2, 0), len(runes)-widestLine)
		runes, at = runes[start:start+widestLine], at-start
	}
	for i, r := range runes {
		if r < ' ' || r == 0x7f {
			runes[i] = ' '
		}
	}
	return string(runes), at
}

// MarshalJSON writes {"error":…,"offset":…,"hint":…}.
func (e *Error) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		Error  string `json:"error"`
		Offset int    `json:"offset"`
		Hint   string `json:"hint"`
	}{e.Msg, e.Offset, e.Hint})
}
