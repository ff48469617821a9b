package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/saedb/saedb/query"
)

// Exit statuses, as grep has them.
const (
	statusDone    = 0
	statusNothing = 1
	statusError   = 2
)

// errNothing says that a command worked and found nothing.
var errNothing = errors.New("nothing found")

// hinted is an error together with what to do about it.
type hinted struct {
	err  error
	hint string
}

func (e *hinted) Error() string { return e.err.Error() }
func (e *hinted) Unwrap() error { return e.err }

// hint adds the cure to err: a sentence without a full stop.
func hint(err error, text string, args ...any) error {
	if err == nil {
		return nil
	}
	return &hinted{err: err, hint: fmt.Sprintf(text, args...)}
}

// status renders err on stderr and returns the exit status it stands for. The
// reader of our pipe going away is a success: it has read what it wanted.
func (a *app) status(err error) int {
	switch {
	case err == nil, isClosedPipe(err):
		return statusDone
	case errors.Is(err, errNothing):
		return statusNothing
	}
	a.render(explainError(err))
	return statusError
}

// report is an error as people and programs read it.
type report struct {
	Error  string `json:"error"`
	Offset *int   `json:"offset,omitempty"` // byte in the query text
	Hint   string `json:"hint,omitempty"`

	rendered string // of a query error: all of it for people, with a caret under the fault
}

// explainError finds in err what is worth telling apart.
func explainError(err error) report {
	r := report{Error: err.Error()}
	var h *hinted
	if errors.As(err, &h) {
		r.Hint = h.hint
	}
	var q *query.Error
	if errors.As(err, &q) {
		r = report{Error: q.Msg, Offset: &q.Offset, Hint: cmp.Or(q.Hint, r.Hint), rendered: q.Render()}
		if q.Hint == "" && r.Hint != "" {
			r.rendered += "  " + r.Hint + "\n" // what the command says about its query
		}
	}
	if errors.Is(err, context.Canceled) {
		r = report{Error: "interrupted", Hint: "what is stored is kept: the same command continues"}
	}
	return r
}

// render writes r to stderr: one JSON object when the output is JSON, else the
// message, the caret and the hint on lines of their own.
func (a *app) render(r report) {
	if a.jsonErrors {
		enc := json.NewEncoder(a.stderr)
		enc.SetEscapeHTML(false)
		_ = enc.Encode(r) // nobody is left to tell
		return
	}
	text := r.rendered
	if text == "" {
		text = r.Error + "\n"
		if r.Hint != "" {
			text += "  " + r.Hint + "\n"
		}
	}
	text = "saectl: " + text
	if a.errTerminal {
		text = printable(text)
	}
	fmt.Fprint(a.stderr, text)
}
