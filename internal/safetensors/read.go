package safetensors

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
)

// maxHeader bounds the JSON header. The format's own readers allow 100 MB; a header
// takes about 100 bytes a tensor, so 16 MB is room for more than any model we meet.
const maxHeader = 16 << 20

// ErrFormat marks every error about the content of a file.
var ErrFormat = errors.New("not a valid safetensors file")

// span is a header entry: a tensor's type, shape and place in the data.
type span struct {
	name string
	Tensor
	from, to int64
}

// Read reads a whole file of size bytes from r.
func Read(r io.Reader, size int64) (*File, error) {
	f, err := read(r, size)
	if err != nil {
		return nil, fmt.Errorf("safetensors: %w", err)
	}
	return f, nil
}

func read(r io.Reader, size int64) (*File, error) {
	var length [8]byte
	if _, err := io.ReadFull(r, length[:]); err != nil {
		return nil, fmt.Errorf("%w: shorter than its first eight bytes (%w)", ErrFormat, err)
	}
	n := binary.LittleEndian.Uint64(length[:])
	if n < 2 || n > maxHeader || int64(n) > size-8 {
		return nil, fmt.Errorf("%w: header of %d bytes in a file of %d", ErrFormat, n, size)
	}
	head := make([]byte, n)
	if _, err := io.ReadFull(r, head); err != nil {
		return nil, fmt.Errorf("%w: the header is cut short (%w)", ErrFormat, err)
	}
	f := &File{Tensors: map[string]Tensor{}}
	spans, err := f.header(head, size-8-int64(n))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFormat, err)
	}
	for _, s := range spans {
		data, err := io.ReadAll(io.LimitReader(r, s.to-s.from)) // grows with what is there, not with what is claimed
		if err != nil || int64(len(data)) < s.to-s.from {
			return nil, fmt.Errorf("%w: tensor %q is cut short", ErrFormat, s.name)
		}
		s.Data = data
		f.Tensors[s.name] = s.Tensor
	}
	if n, _ := io.ReadFull(r, length[:1]); n != 0 {
		return nil, fmt.Errorf("%w: bytes follow the last tensor", ErrFormat)
	}
	return f, nil
}

// header parses the JSON header: the metadata into f, the tensors' places into a list
// ordered by place, which covers the room bytes of data without gap or overlap.
func (f *File) header(head []byte, room int64) ([]span, error) {
	fields, err := object(head)
	if err != nil {
		return nil, err
	}
	var spans []span
	for name, raw := range fields {
		if name == "__metadata__" {
			if err := json.Unmarshal(raw, &f.Metadata); err != nil {
				return nil, fmt.Errorf("metadata: %w", err)
			}
			continue
		}
		s, err := parseSpan(name, raw)
		if err != nil {
			return nil, fmt.Errorf("tensor %q: %w", name, err)
		}
		spans = append(spans, s)
	}
	slices.SortFunc(spans, func(a, b span) int {
		return cmp.Or(cmp.Compare(a.from, b.from), cmp.Compare(a.to, b.to), cmp.Compare(a.name, b.name))
	})
	end := int64(0)
	for _, s := range spans {
		if s.from != end {
			return nil, fmt.Errorf("tensor %q begins at %d, the one before it ends at %d", s.name, s.from, end)
		}
		end = s.to
	}
	if end != room {
		return nil, fmt.Errorf("the tensors take %d bytes, the file has %d for them", end, room)
	}
	return spans, nil
}

// parseSpan reads one tensor's entry and checks that its place has the length that
// its type and shape ask for.
func parseSpan(name string, raw json.RawMessage) (span, error) {
	var entry struct {
		DType   DType    `json:"dtype"`
		Shape   *[]int   `json:"shape"`
		Offsets []uint64 `json:"data_offsets"`
	}
	if err := json.Unmarshal(raw, &entry); err != nil {
		return span{}, err
	}
	if entry.Shape == nil || len(entry.Offsets) != 2 {
		return span{}, errors.New("shape and two data_offsets are needed")
	}
	s := span{name: name, Tensor: Tensor{DType: entry.DType, Shape: *entry.Shape}, from: int64(entry.Offsets[0]), to: int64(entry.Offsets[1])}
	want, err := s.bytes()
	if err != nil {
		return span{}, err
	}
	if s.from < 0 || s.to < s.from || s.to-s.from != want {
		return span{}, fmt.Errorf("%s%v needs %d bytes, its place is %v", s.DType, s.Shape, want, entry.Offsets)
	}
	return s, nil
}

// object splits a JSON object into its members and refuses a name that comes twice,
// which encoding/json would silently let win.
func object(text []byte) (map[string]json.RawMessage, error) {
	dec := json.NewDecoder(bytes.NewReader(text))
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return nil, errors.New("the header is not a JSON object")
	}
	fields := map[string]json.RawMessage{}
	for dec.More() {
		t, err := dec.Token()
		if err != nil {
			return nil, fmt.Errorf("header: %w", err)
		}
		name, ok := t.(string)
		if !ok {
			return nil, errors.New("the header is not a JSON object")
		}
		if _, twice := fields[name]; twice {
			return nil, fmt.Errorf("tensor %q is named twice", name)
		}
		var raw json.RawMessage
		if err := dec.Decode(&raw); err != nil {
			return nil, fmt.Errorf("header: %w", err)
		}
		fields[name] = raw
	}
	if _, err := dec.Token(); err != nil {
		return nil, fmt.Errorf("header: %w", err)
	}
	if rest := bytes.TrimLeft(text[dec.InputOffset():], " "); len(rest) > 0 {
		return nil, errors.New("text follows the header object")
	}
	return fields, nil
}
