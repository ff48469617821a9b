package npy

import (
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
)

// magic opens every .npy file; a version (major, minor) and the header's length follow it.
const magic = "\x93NUMPY"

// maxHeader bounds the header we are willing to read. A plain float array needs about 80 bytes; versions 2 and 3
// allow 4 GiB for structured types, which are refused anyway.
const maxHeader = 1 << 16

// header is what a .npy file says about its array: the Python dictionary after the magic.
type header struct {
	descr   string // type as NumPy writes it, "<f4"; "[" where it is structured
	fortran bool
	shape   []int
	bytes   int64 // length of magic, version, length field and dictionary together
}

// readHeader reads magic, version and dictionary of versions 1 to 3.
func readHeader(r io.Reader) (header, error) {
	var h header
	var fixed [12]byte
	if _, err := io.ReadFull(r, fixed[:8]); err != nil {
		return h, cut("the first 8 bytes", err)
	}
	if string(fixed[:6]) != magic {
		return h, fmt.Errorf("npy: not a .npy file: it starts with %q, not with %q; save the array with np.save", fixed[:6], magic)
	}
	width := 4
	switch fixed[6] {
	case 1:
		width = 2
	case 2, 3:
	default:
		return h, fmt.Errorf("npy: format version %d.%d is not known; versions 1 to 3 are read", fixed[6], fixed[7])
	}
	if _, err := io.ReadFull(r, fixed[8:8+width]); err != nil {
		return h, cut("the header's length", err)
	}
	n := int64(binary.LittleEndian.Uint16(fixed[8:]))
	if width == 4 {
		n = int64(binary.LittleEndian.Uint32(fixed[8:]))
	}
	if n > maxHeader {
		return h, fmt.Errorf("npy: the header claims %d bytes, more than the %d of any plain array; the file is damaged or of a structured type", n, maxHeader)
	}
	text := make([]byte, n)
	if _, err := io.ReadFull(r, text); err != nil {
		return h, cut("the header", err)
	}
	h.bytes = int64(8+width) + n
	err := parseDict(string(text), &h)
	return h, err
}

// cut turns the end of the input in the middle of a part into an error that says which part.
func cut(part string, err error) error {
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return fmt.Errorf("npy: the file is truncated: it ends within %s: %w", part, io.ErrUnexpectedEOF)
	}
	return fmt.Errorf("npy: reading %s: %w", part, err)
}

// parseDict fills h from a literal such as {'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }.
func parseDict(text string, h *header) error {
	p := dict{rest: strings.TrimRight(text, " \n\x00")}
	seen := map[string]bool{}
	p.expect("{")
	for p.err == nil && !p.accept("}") {
		key := p.quoted()
		p.expect(":")
		switch {
		case p.err != nil:
		case seen[key]:
			p.fail("the key %q twice", key)
		case key == "descr":
			h.descr = p.descr()
		case key == "fortran_order":
			h.fortran = p.boolean()
		case key == "shape":
			h.shape = p.tuple()
		default:
			p.fail("the unknown key %q", key)
		}
		seen[key] = true
		if !p.accept(",") && p.err == nil && !strings.HasPrefix(p.rest, "}") {
			p.fail("no comma before %q", head(p.rest))
		}
	}
	if p.err == nil && p.rest != "" {
		p.fail("%q after the dictionary", head(p.rest))
	}
	if p.err == nil && len(seen) != 3 {
		p.fail("not the three keys descr, fortran_order and shape")
	}
	return p.err
}

// dict reads the few kinds of Python literal that a header holds. The first fault sticks in err.
type dict struct {
	rest string
	err  error
}

func (p *dict) fail(format string, args ...any) {
	if p.err == nil {
		p.err = fmt.Errorf("npy: the header is damaged: it has "+format, args...)
	}
}

func (p *dict) accept(token string) bool {
	rest, ok := strings.CutPrefix(p.rest, token)
	if ok {
		p.rest = strings.TrimLeft(rest, " ")
	}
	return ok
}

func (p *dict) expect(token string) {
	if p.err == nil && !p.accept(token) {
		p.fail("%q where %q should be", head(p.rest), token)
	}
}

func (p *dict) quoted() string {
	if p.err != nil {
		return ""
	}
	if p.rest == "" || p.rest[0] != '\'' && p.rest[0] != '"' {
		p.fail("%q where a quoted name should be", head(p.rest))
		return ""
	}
	quote := p.rest[:1]
	word, rest, ok := strings.Cut(p.rest[1:], quote)
	if !ok {
		p.fail("a quotation without an end")
	}
	p.rest = strings.TrimLeft(rest, " ")
	return word
}

// descr reads a type. A structured type is a list; it is told apart and skipped to its closing bracket.
func (p *dict) descr() string {
	if !strings.HasPrefix(p.rest, "[") {
		return p.quoted()
	}
	end := strings.LastIndex(p.rest, "]")
	if end < 0 {
		p.fail("a list without an end")
		return ""
	}
	p.rest = strings.TrimLeft(p.rest[end+1:], " ")
	return "["
}

func (p *dict) boolean() bool {
	if p.accept("True") {
		return true
	}
	p.expect("False")
	return false
}

// tuple reads (), (3,) or (2, 3); Python 2 wrote (2L, 3L).
func (p *dict) tuple() []int {
	shape := []int{}
	p.expect("(")
	for p.err == nil && !p.accept(")") {
		digits := p.rest[:len(p.rest)-len(strings.TrimLeft(p.rest, "0123456789"))]
		n, err := strconv.ParseInt(digits, 10, 64)
		if err != nil || n > math.MaxInt {
			p.fail("the dimension %q", head(p.rest))
			break
		}
		shape = append(shape, int(n))
		p.rest = strings.TrimLeft(strings.TrimPrefix(p.rest[len(digits):], "L"), " ")
		if !p.accept(",") && !strings.HasPrefix(p.rest, ")") {
			p.fail("the shape %q", head(p.rest))
		}
	}
	return shape
}

// head shortens a faulty text so that a message stays a line.
func head(s string) string {
	if len(s) > 20 {
		return s[:20] + "…"
	}
	return s
}

// floatWidth returns the bytes per value of a little-endian float type, or why the type is refused and what to do.
func floatWidth(descr string) (int, error) {
	switch descr {
	case "<f2":
		return 2, nil
	case "<f4":
		return 4, nil
	case "<f8":
		return 8, nil
	}
	const cure = "convert it with np.save(path, arr.astype('float32'))"
	switch {
	case strings.HasSuffix(descr, "O"):
		return 0, fmt.Errorf("npy: the array is of object type %q, a Python pickle, which can run code and is never read; %s", descr, cure)
	case descr == "[":
		return 0, fmt.Errorf("npy: the array is of a structured type; save one field of it: np.save(path, arr['name'].astype('float32'))")
	case strings.HasPrefix(descr, ">f"):
		return 0, fmt.Errorf("npy: the array is big-endian (%q); %s", descr, cure)
	}
	return 0, fmt.Errorf("npy: the array is of type %q, not float16, float32 or float64; %s", descr, cure)
}

// matrixShape turns a shape into rows and columns: (n,d) as it is, (d,) as one row.
func matrixShape(shape []int) (rows, cols int, err error) {
	switch len(shape) {
	case 1:
		rows, cols = 1, shape[0]
	case 2:
		rows, cols = shape[0], shape[1]
	default:
		return 0, 0, fmt.Errorf("npy: the array has %d dimensions %v; rows of vectors have two: np.save(path, arr.reshape(len(arr), -1))", len(shape), shape)
	}
	if cols == 0 {
		return 0, 0, fmt.Errorf("npy: the array of shape %v has rows of no values", shape)
	}
	return rows, cols, nil
}

// byteCount returns rows*cols*width, or false where that does not fit an int.
func byteCount(rows, cols, width int) (int64, bool) {
	if cols > math.MaxInt/width || rows > math.MaxInt/(cols*width) {
		return 0, false
	}
	return int64(rows) * int64(cols) * int64(width), true
}
