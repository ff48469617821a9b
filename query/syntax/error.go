package syntax

import "fmt"

// An Error says where a text stops being a query, what was expected there, and
// how to mend it.
type Error struct {
	Offset int    // in bytes; the length of the text where it ends too early
	Msg    string // one line
	Hint   string // the cure; may be empty
}

// Error returns offset, message and hint in one line.
func (e *Error) Error() string {
	s := fmt.Sprintf("offset %d: %s", e.Offset, e.Msg)
	if e.Hint != "" {
		s += " (" + e.Hint + ")"
	}
	return s
}
