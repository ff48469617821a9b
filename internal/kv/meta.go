package kv

import (
	"bytes"
	"encoding/binary"
	"maps"
	"math"
	"slices"
	"strings"
	"time"
)

// Type is the kind of a metadata value, a byte in keys and values.
type Type byte

const (
	String Type = 's'
	Int    Type = 'i'
	Float  Type = 'f'
	Bool   Type = 'b'
	Time   Type = 't'
	List   Type = 'l' // of strings
)

// Name is the type as people read it.
func (t Type) Name() string {
	switch t {
	case String:
		return "string"
	case Int:
		return "int"
	case Float:
		return "float"
	case Bool:
		return "bool"
	case Time:
		return "time"
	case List:
		return "list"
	}
	return "unknown"
}

// TypeOf returns the type of a Go value; ok is false for a value that metadata cannot hold.
func TypeOf(v any) (t Type, ok bool) {
	switch v.(type) {
	case string:
		return String, true
	case int64:
		return Int, true
	case float64:
		return Float, true
	case bool:
		return Bool, true
	case time.Time:
		return Time, true
	case []string:
		return List, true
	}
	return 0, false
}

// AppendMeta appends metadata: the number of fields, then for each in order of its name the name (length, bytes),
// the type and the value. Times are kept in UTC to the nanosecond. Every value has a type that TypeOf knows.
func AppendMeta(dst []byte, meta map[string]any) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(meta)))
	names := slices.AppendSeq(make([]string, 0, len(meta)), maps.Keys(meta))
	slices.Sort(names)
	for _, name := range names {
		dst = appendText(dst, name)
		t, _ := TypeOf(meta[name])
		dst = append(dst, byte(t))
		switch v := meta[name].(type) {
		case string:
			dst = appendText(dst, v)
		case int64:
			dst = binary.LittleEndian.AppendUint64(dst, uint64(v))
		case float64:
			dst = binary.LittleEndian.AppendUint64(dst, math.Float64bits(v))
		case bool:
			dst = append(dst, boolByte(v))
		case time.Time:
			dst = binary.LittleEndian.AppendUint64(dst, uint64(v.Unix()))
			dst = binary.LittleEndian.AppendUint32(dst, uint32(v.Nanosecond()))
		case []string:
			dst = binary.AppendUvarint(dst, uint64(len(v)))
			for _, s := range v {
				dst = appendText(dst, s)
			}
		}
	}
	return dst
}

// MetaText returns the text of one field of what AppendMeta wrote; ok is false where it has no such field or that is no text. It looks no further.
func MetaText(v []byte, field string) (text string, ok bool, err error) {
	if v == nil {
		return "", false, nil
	}
	r := reader{v: v}
	for range r.count(3) {
		name := r.bytes(r.count(1))
		t := r.bytes(1)
		if r.bad {
			break
		}
		switch Type(t[0]) {
		case String:
			if string(name) == field {
				text := r.text()
				if r.bad {
					return "", false, Corruptf("metadata %q: the text is cut off", field)
				}
				return text, true, nil
			}
			r.bytes(r.count(1))
		case Int, Float:
			r.bytes(8)
		case Bool:
			r.bytes(1)
		case Time:
			r.bytes(12)
		case List:
			for range r.count(1) {
				r.bytes(r.count(1))
			}
		default:
			return "", false, Corruptf("metadata %q: type %q", name, t)
		}
	}
	if r.bad {
		return "", false, Corruptf("metadata is cut off")
	}
	return "", false, nil
}

// DecodeMeta reads what AppendMeta wrote; nil is no metadata. rename, which may be nil, gives the keys of the map: different
// ones for different names.
func DecodeMeta(v []byte, rename func(string) string) (map[string]any, error) {
	if v == nil {
		return nil, nil
	}
	r := reader{v: v}
	n := r.count(3)
	meta := make(map[string]any, n)
	for i := range n {
		name := r.text()
		if rename != nil {
			name = rename(name)
		}
		t := r.bytes(1)
		if r.bad {
			return nil, Corruptf("metadata: field %d of %d", i, n)
		}
		switch Type(t[0]) {
		case String:
			meta[name] = r.text()
		case Int:
			meta[name] = int64(r.u64())
		case Float:
			meta[name] = math.Float64frombits(r.u64())
		case Bool:
			b := r.bytes(1)
			meta[name] = !r.bad && b[0] != 0
		case Time:
			sec, nsec := int64(r.u64()), r.bytes(4)
			if !r.bad {
				meta[name] = time.Unix(sec, int64(binary.LittleEndian.Uint32(nsec))).UTC()
			}
		case List:
			list := make([]string, r.count(1))
			for j := range list {
				list[j] = r.text()
			}
			meta[name] = list
		default:
			return nil, Corruptf("metadata %q: type %q", name, t)
		}
	}
	if r.bad || len(r.v) > 0 || len(meta) != n {
		return nil, Corruptf("metadata of %d fields: %d bytes left", n, len(r.v))
	}
	return meta, nil
}

func appendText(dst []byte, s string) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(s))), s...)
}

func boolByte(b bool) byte {
	if b {
		return 1
	}
	return 0
}

// LongValue is the length in bytes from which a string is cut in the metadata index.
const LongValue = 256

// How a value ends in an index key. Inside a string, the byte 0 is written 0x00 0xff, so an end is never in one and
// a shorter string sorts before a longer.
const (
	endWhole = 0x01 // 0x00 0x01: the whole value stands before
	endCut   = 0x02 // 0x00 0x02: the first LongValue bytes of a longer string
)

// KeyIndex is one entry of the metadata index: x, the field, 0, the type, the value in an order-preserving form,
// the end mark and the ordinal. v is a string, int64, float64, bool or time.Time; a list has one entry for each
// different member, typed as strings. field has no 0 byte.
func KeyIndex(field string, v any, ord uint32) []byte {
	k := PrefixIndex(field, v)
	end := byte(endWhole)
	if s, ok := v.(string); ok && len(s) > LongValue {
		end = endCut
	}
	return binary.BigEndian.AppendUint32(append(k, 0, end), ord)
}

// PrefixIndex is KeyIndex up to the value's end: entries of equal or larger values of the same type are not below it.
func PrefixIndex(field string, v any) []byte {
	t, _ := TypeOf(v)
	k := PrefixIndexType(field, t)
	switch v := v.(type) {
	case string:
		if len(v) > LongValue {
			v = v[:LongValue]
		}
		k = append(k, strings.ReplaceAll(v, "\x00", "\x00\xff")...)
	case int64:
		k = binary.BigEndian.AppendUint64(k, uint64(v)^1<<63)
	case float64:
		bits := math.Float64bits(v)
		if bits>>63 == 1 {
			bits = ^bits
		} else {
			bits |= 1 << 63
		}
		k = binary.BigEndian.AppendUint64(k, bits)
	case bool:
		k = append(k, boolByte(v))
	case time.Time:
		k = binary.BigEndian.AppendUint64(k, uint64(v.Unix())^1<<63)
		k = binary.BigEndian.AppendUint32(k, uint32(v.Nanosecond()))
	}
	return k
}

// PrefixIndexType is the start of all index entries of a field's values of one type.
func PrefixIndexType(field string, t Type) []byte {
	const most = 32 // bytes that most values and the ordinal take
	return append(append(append(append(make([]byte, 0, len(field)+most), prefixIndex), field...), 0), byte(t))
}

// IndexEntry is a decoded index key.
type IndexEntry struct {
	Field string
	Value any
	Cut   bool // Value holds the first LongValue bytes of a longer string
	Ord   uint32
}

// DecodeIndex reads an index key.
func DecodeIndex(k []byte) (IndexEntry, error) {
	bad := Corruptf("metadata index key %x", k)
	field, rest, ok := bytes.Cut(k, []byte{0})
	if !ok || len(field) < 1 || field[0] != prefixIndex || len(rest) < 1+1+2+4 && !(len(rest) == 1+2+4 && rest[0] == byte(String)) {
		return IndexEntry{}, bad
	}
	e := IndexEntry{Field: string(field[1:]), Ord: binary.BigEndian.Uint32(rest[len(rest)-4:])}
	t, body := Type(rest[0]), rest[1:len(rest)-4]
	end := body[len(body)-2:]
	body = body[:len(body)-2]
	if end[0] != 0 || end[1] != endWhole && !(end[1] == endCut && t == String) {
		return IndexEntry{}, bad
	}
	e.Cut = end[1] == endCut
	switch {
	case t == String:
		s := strings.ReplaceAll(string(body), "\x00\xff", "\x00")
		if !bytes.Equal([]byte(strings.ReplaceAll(s, "\x00", "\x00\xff")), body) {
			return IndexEntry{}, bad
		}
		e.Value = s
	case t == Int && len(body) == 8:
		e.Value = int64(binary.BigEndian.Uint64(body) ^ 1<<63)
	case t == Float && len(body) == 8:
		bits := binary.BigEndian.Uint64(body)
		if bits>>63 == 1 {
			bits &^= 1 << 63
		} else {
			bits = ^bits
		}
		e.Value = math.Float64frombits(bits)
	case t == Bool && len(body) == 1 && body[0] <= 1:
		e.Value = body[0] == 1
	case t == Time && len(body) == 12:
		sec := int64(binary.BigEndian.Uint64(body) ^ 1<<63)
		e.Value = time.Unix(sec, int64(binary.BigEndian.Uint32(body[8:]))).UTC()
	default:
		return IndexEntry{}, bad
	}
	return e, nil
}

// KeyField counts the items that have a value of this type in the field.
func KeyField(field string, t Type) []byte {
	return append(append(append([]byte{prefixField}, field...), 0), byte(t))
}

// DecodeField reads a KeyField.
func DecodeField(k []byte) (field string, t Type, err error) {
	if len(k) < 4 || k[0] != prefixField || k[len(k)-2] != 0 {
		return "", 0, Corruptf("field key %x", k)
	}
	return string(k[1 : len(k)-2]), Type(k[len(k)-1]), nil
}
