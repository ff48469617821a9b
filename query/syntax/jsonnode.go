package syntax

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// MaxJSON is how many bytes the JSON form of a query may have: enough for whatever a text may say.
const MaxJSON = 8 * MaxText

// A jsonNode is a JSON value with its place. Unlike a map it knows the order of its keys.
type jsonNode struct {
	offset  int
	kind    byte // { [ " 0 t n, as the value begins; t also of false
	text    string
	truth   bool
	members []jsonMember
	items   []*jsonNode
}

type jsonMember struct {
	key   string
	value *jsonNode
}

// describe names the value in an error message.
func (n *jsonNode) describe() string {
	switch n.kind {
	case '{':
		return "an object"
	case '[':
		return "a list"
	case '"':
		return "a text"
	case '0':
		return n.text
	case 't':
		return strconv.FormatBool(n.truth)
	}
	return "null"
}

// A jsonReader makes a tree of JSON. Its functions read what the functions of jsonWriter of the same names write, and fail with a place: the
// keys on the way there as a JSON pointer.
type jsonReader struct {
	data    []byte
	dec     *json.Decoder
	path    []string
	depth   int // as parser has them
	counted int
}

// fail ends the reading with an error at a value.
func (r *jsonReader) fail(n *jsonNode, hint, format string, args ...any) {
	where := ""
	for _, step := range r.path {
		where += "/" + strings.ReplaceAll(strings.ReplaceAll(step, "~", "~0"), "/", "~1")
	}
	if where != "" {
		where += ": "
	}
	fail(n.offset, hint, "%s%s", where, fmt.Sprintf(format, args...))
}

// failKind is fail for a value of another kind than expected.
func (r *jsonReader) failKind(n *jsonNode, expected string) {
	r.fail(n, "", "expected %s, found %s", expected, n.describe())
}

// below runs f one step further down.
func (r *jsonReader) below(step string, f func()) {
	r.path = append(r.path, step)
	f()
	r.path = r.path[:len(r.path)-1]
}

// readJSON reads one value and nothing behind it.
func (r *jsonReader) readJSON(data []byte) *jsonNode {
	if len(data) > MaxJSON {
		fail(0, longHint, "the query as JSON is longer than 524,288 bytes")
	}
	if at := invalidUTF8(string(data)); at >= 0 {
		fail(at, "", "the query is not UTF-8 here")
	}
	var broken *json.SyntaxError
	if err := json.Unmarshal(data, new(json.RawMessage)); errors.As(err, &broken) {
		fail(min(max(int(broken.Offset)-1, 0), len(data)), "", "not JSON: %v", err)
	}
	r.data, r.dec = data, json.NewDecoder(bytes.NewReader(data))
	r.dec.UseNumber()
	n := r.readValue()
	if _, err := r.dec.Token(); !errors.Is(err, io.EOF) {
		fail(int(r.dec.InputOffset()), "", "expected one object")
	}
	return n
}

// readValue reads the value that comes next. Text that is no JSON was found before.
func (r *jsonReader) readValue() *jsonNode {
	n := &jsonNode{offset: int(r.dec.InputOffset())}
	for n.offset < len(r.data) && strings.IndexByte(" \t\r\n,:", r.data[n.offset]) >= 0 {
		n.offset++
	}
	token, err := r.dec.Token()
	if err != nil {
		fail(n.offset, "", "not JSON: %v", err)
	}
	switch v := token.(type) {
	case json.Delim:
		n.kind = byte(v)
		r.readInside(n)
	case string:
		n.kind, n.text = '"', v
	case json.Number:
		n.kind, n.text = '0', v.String()
	case bool:
		n.kind, n.truth = 't', v
	case nil:
		n.kind = 'n'
	}
	return n
}

// readInside reads the members of an object or the items of a list.
func (r *jsonReader) readInside(n *jsonNode) {
	for i := 0; r.dec.More(); i++ {
		if n.kind == '[' {
			r.below(strconv.Itoa(i), func() { n.items = append(n.items, r.readValue()) })
			continue
		}
		key := r.readValue().text
		for _, m := range n.members {
			if m.key == key {
				r.fail(n, "leave one of them out", "%q stands twice", key)
			}
		}
		r.below(key, func() { n.members = append(n.members, jsonMember{key, r.readValue()}) })
	}
	if _, err := r.dec.Token(); err != nil {
		fail(int(r.dec.InputOffset()), "", "not JSON: %v", err)
	}
}
