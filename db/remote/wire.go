package remote

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/saedb/saedb/db"
	"github.com/saedb/saedb/index"
	"github.com/saedb/saedb/query"
	"github.com/saedb/saedb/query/syntax"
)

// apiVersion is the first element of every path, and what healthz says.
const apiVersion = "v1"

// question is the body of a query.
type question struct {
	Query  asked          `json:"query"`
	Params map[string]any `json:"params,omitempty"`
}

// asked is a query on the wire: a text, or its tree as an object.
type asked struct {
	text string
	tree *syntax.Query // nil: it is a text
}

func (a asked) MarshalJSON() ([]byte, error) {
	if a.tree != nil {
		return a.tree.MarshalJSON()
	}
	return json.Marshal(a.text)
}

// UnmarshalJSON fails with a *query.Error whose place is in the object.
func (a *asked) UnmarshalJSON(data []byte) (err error) {
	if !bytes.HasPrefix(data, []byte("{")) {
		return json.Unmarshal(data, &a.text)
	}
	if a.tree, err = query.ParseTree(data); err == nil {
		a.text = a.tree.String()
	}
	return err
}

// message is a line that is no row, or the body of an error. A row begins with its rank.
type message struct {
	Note   string `json:"note,omitempty"`
	Error  string `json:"error,omitempty"`
	Offset *int   `json:"offset,omitempty"` // byte in the query's text
	Hint   string `json:"hint,omitempty"`
	Kind   string `json:"kind,omitempty"`
	Text   string `json:"text,omitempty"` // of a query that came as a tree: what the offset is in
}

// health is the answer of healthz.
type health struct {
	API    string `json:"api"`
	Status string `json:"status"`
}

// fingerprint is the answer of fingerprint.
type fingerprint struct {
	Sum string `json:"fingerprint"`
}

// ErrToken and ErrBusy are refusals of a server, beside those of package db.
var (
	ErrToken = errors.New("the server wants its token")
	ErrBusy  = errors.New("the server is busy")
	errAsked = errors.New("bad request")
)

// kinds are the errors that keep their meaning on the way. The first that fits an error is its kind.
var kinds = []struct {
	name   string
	err    error
	status int
}{
	{"token", ErrToken, http.StatusUnauthorized},
	{"busy", ErrBusy, http.StatusServiceUnavailable},
	{"timeout", context.DeadlineExceeded, http.StatusServiceUnavailable},
	{"closed", db.ErrClosed, http.StatusServiceUnavailable},
	{"failed", db.ErrFailed, http.StatusServiceUnavailable},
	{"corrupt", db.ErrCorrupt, http.StatusInternalServerError},
	{"request", errAsked, http.StatusBadRequest},
	{"not found", db.ErrNotFound, http.StatusNotFound},
	{"no autoencoder", db.ErrNoModel, http.StatusConflict},
	{"no names", db.ErrNoNames, http.StatusConflict},
	{"no vocabulary", db.ErrNoVocab, http.StatusConflict},
	{"no clusters", db.ErrNoClusters, http.StatusConflict},
	{"no encoder", db.ErrNoEmbedder, http.StatusConflict},
	{"dimensions", db.ErrDim, http.StatusBadRequest},
	{"vector dimensions", index.ErrDim, http.StatusBadRequest},
	{"space", db.ErrSpace, http.StatusBadRequest},
	{"vector", db.ErrVector, http.StatusBadRequest},
	{"changed", query.ErrChanged, http.StatusConflict},
}

// messageOf is err on the wire, with the status it goes out under.
func messageOf(err error) (m message, status int) {
	m, status = message{Error: err.Error()}, http.StatusInternalServerError
	for _, k := range kinds {
		if errors.Is(err, k.err) {
			m.Kind, status = k.name, k.status
			break
		}
	}
	if q, ok := errors.AsType[*query.Error](err); ok {
		m.Error, m.Offset, m.Hint = q.Msg, &q.Offset, q.Hint
		if status >= http.StatusInternalServerError && m.Kind == "" {
			status = http.StatusBadRequest
		}
	}
	return m, status
}

// err is the error that messageOf made m from; text is the query it is about.
func (m message) err(text string) error {
	var kind error
	for _, k := range kinds {
		if k.name == m.Kind {
			kind = k.err
		}
	}
	if m.Offset != nil {
		return query.NewError(text, *m.Offset, kind, m.Error, m.Hint)
	}
	if m.Hint != "" {
		m.Error += ": " + m.Hint
	}
	return &received{m.Error, kind}
}

// received is an error that came over the wire: its text, and its kind for errors.Is.
type received struct {
	text string
	kind error
}

func (e *received) Error() string { return e.text }
func (e *received) Unwrap() error { return e.kind }

// item is a db.Item as JSON.
type item struct {
	ID     string         `json:"id"`
	Added  time.Time      `json:"added"`
	Norm   float32        `json:"norm"`
	Meta   map[string]any `json:"meta"`
	Vector []float32      `json:"vector"`
	Thumb  []byte         `json:"thumb,omitempty"` // base64
}

func itemOf(it db.Item) item {
	meta := make(map[string]any, len(it.Meta))
	for key, v := range it.Meta {
		meta[key] = toWire(v)
	}
	return item{it.ID, it.Added, it.Norm, meta, it.Vec, it.Thumb}
}

func (it item) item() (db.Item, error) {
	var meta map[string]any
	for key, v := range it.Meta {
		value, err := fromWire(v)
		if err != nil {
			return db.Item{}, fmt.Errorf("item %q: metadata %s: %w", it.ID, key, err)
		}
		if s, isText := value.(string); isText {
			if t, err := time.Parse(time.RFC3339Nano, s); err == nil {
				value = t
			}
		}
		if meta == nil {
			meta = map[string]any{}
		}
		meta[key] = value
	}
	return db.Item{ID: it.ID, Vec: it.Vector, Norm: it.Norm, Meta: meta, Thumb: it.Thumb, Added: it.Added}, nil
}

// toWire makes a float without a fraction one that fromWire tells from a whole number.
func toWire(v any) any {
	switch v := v.(type) {
	case float32:
		return toWire(float64(v))
	case float64:
		s := strconv.FormatFloat(v, 'g', -1, 64)
		if !math.IsNaN(v) && !math.IsInf(v, 0) && !strings.ContainsAny(s, ".e") {
			s += ".0"
		}
		return json.Number(s)
	}
	return v
}

// fromWire gives a decoded value its type: int64, float64, string, bool, []string or, of a list of numbers, []float32.
func fromWire(v any) (any, error) {
	switch v := v.(type) {
	case string, bool:
		return v, nil
	case json.Number:
		if i, err := strconv.ParseInt(v.String(), 10, 64); err == nil {
			return i, nil
		}
		return v.Float64()
	case []any:
		if len(v) > 0 {
			if _, isNumber := v[0].(json.Number); isNumber {
				return listOf(v, func(n json.Number) (float32, error) {
					x, err := strconv.ParseFloat(n.String(), 32)
					return float32(x), err
				})
			}
		}
		return listOf(v, func(s string) (string, error) { return s, nil })
	}
	return nil, errors.New("want a text, a number, true, false, or a list of texts or of numbers")
}

// listOf gives every element of a list the same type.
func listOf[From, To any](list []any, convert func(From) (To, error)) ([]To, error) {
	out := make([]To, len(list))
	for i, e := range list {
		v, ok := e.(From)
		if !ok {
			return nil, fmt.Errorf("element %d: a list is of texts or of numbers", i)
		}
		var err error
		if out[i], err = convert(v); err != nil {
			return nil, fmt.Errorf("element %d: %w", i, err)
		}
	}
	return out, nil
}

// stats is db.Stats as JSON, with the names of saectl stats.
type stats struct {
	Format  int      `json:"format"`
	Items   int      `json:"items"`
	Dim     int      `json:"dim"`
	Space   db.Space `json:"space"`
	Bytes   uint64   `json:"bytes"`
	Derived uint64   `json:"derived_bytes"`
	Active  string   `json:"active"`
	Models  []model  `json:"models"`
	Fields  []field  `json:"fields"`
	Words   int      `json:"vocabulary"`
}

type model struct {
	Name    string    `json:"name"`
	Active  bool      `json:"active"`
	Latents int       `json:"latents"`
	K       int       `json:"k"`
	Dim     int       `json:"dim"`
	Encoded bool      `json:"encoded"`
	Named   bool      `json:"named"`
	Added   time.Time `json:"added"`
	Digest  string    `json:"digest"`
}

type field struct {
	Name  string   `json:"field"`
	Types []string `json:"types"`
	Count int      `json:"count"`
}

func statsOf(st db.Stats) stats {
	s := stats{st.Format, st.Items, st.Dim, st.Space, st.Bytes, st.Derived, st.Active, []model{}, []field{}, st.Words}
	for _, m := range st.Models {
		s.Models = append(s.Models, model{m.Name, m.Active, m.M, m.K, m.D, m.Encoded, m.Named, m.Added, m.Digest})
	}
	for _, f := range st.Fields {
		s.Fields = append(s.Fields, field(f))
	}
	return s
}

func (s stats) stats() db.Stats {
	st := db.Stats{Format: s.Format, Items: s.Items, Dim: s.Dim, Space: s.Space, Bytes: s.Bytes, Derived: s.Derived, Active: s.Active, Words: s.Words}
	for _, m := range s.Models {
		st.Models = append(st.Models, db.ModelInfo{
			Name: m.Name, Digest: m.Digest, D: m.Dim, M: m.Latents, K: m.K, Added: m.Added, Active: m.Active, Encoded: m.Encoded, Named: m.Named,
		})
	}
	for _, f := range s.Fields {
		st.Fields = append(st.Fields, query.Field(f))
	}
	return st
}
