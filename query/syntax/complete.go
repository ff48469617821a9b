package syntax

// A Thing is what a query names at some place, as an error says that it was expected there.
type Thing string

// The things.
const (
	AConcept Thing = "the name of a concept"
	ALatent  Thing = "the number of a latent"
	AnImage  Thing = "the id of an image"
	AField   Thing = "the name of a field"
	AValue   Thing = "a value"
	APattern Thing = "a pattern such as sea*"
	AText    Thing = "a string in quotes"
	ANumber  Thing = "a number"
	AnInt    Thing = "a whole number"
)

// Wants says what may stand at a place of a text.
type Wants struct {
	Words   []string // keywords and signs, some perhaps twice
	Thing   Thing    // something else; empty: nothing
	Field   string   // whose value it is, if it is one
	Listing Listing  // whose field it is, if it is that of a listing
}

// Complete finds what may stand where a text ends. from is the offset of the last word, or the length of the text where it does not end in
// a word; a string that is not closed is a word. Where the text before it is no beginning of a query, nothing is wanted.
func Complete(text string) (from int, w Wants) {
	if len(text) > MaxText || invalidUTF8(text) >= 0 {
		return len(text), Wants{}
	}
	from = lastWord(text)
	p := &parser{scan: scanner{text: text[:from]}, notes: true}
	defer recoverError(func(*Error) {
		if p.tok.kind == kindEOF && p.tok.Start == from {
			w = p.wants
		}
	})
	p.advance()
	p.parseQuery()
	return from, p.wants
}

// lastWord returns the offset of the word that a text ends in.
func lastWord(text string) (from int) {
	s := scanner{text: text}
	defer recoverError(func(bad *Error) {
		from = len(text)
		if c := text[bad.Offset]; c == '"' || c == '\'' { // what else cannot be scanned is the beginning of nothing
			from = bad.Offset
		}
	})
	for {
		t := s.next()
		switch {
		case t.kind == kindEOF:
			return len(text)
		case t.End == len(text) && t.kind != kindSign:
			return t.Start
		}
	}
}
