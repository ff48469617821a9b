package db

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/saedb/saedb/internal/kv"
)

// Item is one picture.
type Item struct {
	ID string // UTF-8, 1 to MaxID bytes

	// Vec has one number per dimension of the space. The database stores it divided by its norm and gives it back so.
	Vec []float32

	// Norm is the vector's norm. 0 on the way in: that of Vec. Given together with a Vec of norm 1 it is kept, so that
	// what came from one database goes into another unchanged.
	Norm float32

	// Meta is what is known about the picture: string, int64, float64, bool, time.Time (kept in UTC) and []string.
	// The names path, width, height, bytes, mtime, hash, cluster, label and split are the query language's own; any other
	// NAME is meta.NAME there. A key may also be written as in the language.
	Meta map[string]any

	Thumb []byte    // a small picture in a format of the caller's choice, or nil
	Added time.Time // when the id was first put; filled in by the database
}

// reserved are the language's own fields that an item may set.
var reserved = map[string]bool{"path": true, "width": true, "height": true, "bytes": true, "mtime": true, "hash": true, "cluster": true, "label": true, "split": true}

// FieldName returns the query language's name for a key of Item.Meta: "year" is meta.year, "path" is path.
func FieldName(key string) string {
	if reserved[key] || strings.HasPrefix(key, "meta.") && len(key) > len("meta.") {
		return key
	}
	return "meta." + key
}

// metaKey is the inverse of FieldName: the shortest key that means the field.
func metaKey(field string) string {
	if key, ok := strings.CutPrefix(field, "meta."); ok && !reserved[key] && (key == "meta." || !strings.HasPrefix(key, "meta.")) {
		return key
	}
	return field
}

// CheckVector returns nil if x can be stored: at least one number, all finite, a norm that is neither zero nor
// too large. Otherwise the error satisfies errors.Is(err, ErrVector).
func CheckVector(x []float32) error {
	_, err := norm(x)
	return err
}

func norm(x []float32) (float64, error) {
	if len(x) == 0 {
		return 0, fmt.Errorf("%w: it is empty", ErrVector)
	}
	var sum float64
	for i, f := range x {
		if f-f != 0 {
			return 0, fmt.Errorf("%w: element %d is %v", ErrVector, i, f)
		}
		sum += float64(f) * float64(f)
	}
	n := math.Sqrt(sum)
	if float32(n) == 0 || math.IsInf(float64(float32(n)), 0) {
		return 0, fmt.Errorf("%w: its norm is %g", ErrVector, n)
	}
	return n, nil
}

// row is an item in the form it is stored in.
type row struct {
	id    string
	vec   []float32 // unit norm
	norm  float32
	meta  map[string]any // keyed by field name
	bytes []byte         // meta, encoded
	thumb []byte
}

// prepare checks an item and brings it into its stored form, which shares the item's thumbnail and nothing else.
func prepare(it Item) (row, error) {
	if n := len(it.ID); n == 0 || n > MaxID || !utf8.ValidString(it.ID) {
		return row{}, fmt.Errorf("%w: id %.40q has %d bytes, want UTF-8 of 1 to %d bytes", ErrItem, it.ID, n, MaxID)
	}
	if len(it.Vec) > MaxDim {
		return row{}, fmt.Errorf("put %q: %w: its vector has %d numbers, more than %d", it.ID, ErrDim, len(it.Vec), MaxDim)
	}
	vec, n, err := unit(it.Vec, it.Norm)
	if err != nil {
		return row{}, fmt.Errorf("put %q: %w", it.ID, err)
	}
	meta, err := normalMeta(it.Meta)
	if err != nil {
		return row{}, fmt.Errorf("put %q: %w", it.ID, err)
	}
	r := row{id: it.ID, vec: vec, norm: n, meta: meta, thumb: it.Thumb}
	if len(meta) > 0 {
		r.bytes = kv.AppendMeta(nil, meta)
	}
	if len(r.bytes) > MaxMeta || len(r.thumb) > MaxThumb {
		return row{}, fmt.Errorf("put %q: %w: %d bytes of metadata (at most %d), %d bytes of thumbnail (at most %d)",
			it.ID, ErrItem, len(r.bytes), MaxMeta, len(r.thumb), MaxThumb)
	}
	return r, nil
}

// unit returns x divided by its norm, and the norm to keep. A given norm says that x was divided already: then a
// norm of 1 up to rounding is left as it is, so that storing again what was read changes no bit.
func unit(x []float32, given float32) ([]float32, float32, error) {
	n, err := norm(x)
	if err != nil {
		return nil, 0, err
	}
	if !(given >= 0) || math.IsInf(float64(given), 0) {
		return nil, 0, fmt.Errorf("%w: its given norm is %v", ErrVector, given)
	}
	out := make([]float32, len(x))
	if given != 0 && math.Abs(n-1) < 1e-5 {
		copy(out, x)
		return out, given, nil
	}
	for i, f := range x {
		out[i] = float32(float64(f) / n)
	}
	if given == 0 {
		given = float32(n)
	}
	return out, given, nil
}

// normalMeta returns a copy keyed by field name with checked values; empty lists are dropped.
func normalMeta(in map[string]any) (map[string]any, error) {
	out := make(map[string]any, len(in))
	for key, v := range in {
		name := FieldName(key)
		if key == "" || len(name) > MaxID || !utf8.ValidString(name) || strings.ContainsRune(name, 0) {
			return nil, fmt.Errorf("%w: metadata key %.40q: want UTF-8 of 1 to %d bytes", ErrItem, key, MaxID)
		}
		if key == "id" || key == "added" {
			return nil, fmt.Errorf("%w: metadata key %q is the database's own: write meta.%s", ErrItem, key, key)
		}
		if _, twice := out[name]; twice {
			return nil, fmt.Errorf("%w: metadata names %s twice", ErrItem, name)
		}
		switch v := v.(type) {
		case string:
			if !utf8.ValidString(v) {
				return nil, fmt.Errorf("%w: metadata %s is not UTF-8", ErrItem, name)
			}
		case float64:
			if v-v != 0 {
				return nil, fmt.Errorf("%w: metadata %s is %v", ErrItem, name, v)
			}
		case []string:
			if len(v) == 0 {
				continue
			}
			for _, s := range v {
				if !utf8.ValidString(s) {
					return nil, fmt.Errorf("%w: metadata %s is not UTF-8", ErrItem, name)
				}
			}
			out[name] = slices.Clone(v)
			continue
		default:
			if _, ok := kv.TypeOf(v); !ok {
				return nil, fmt.Errorf("%w: metadata %s is a %T, want string, int64, float64, bool, time.Time or []string", ErrItem, name, v)
			}
		}
		if _, isText := v.(string); name == "path" && !isText {
			return nil, fmt.Errorf("%w: metadata path is a %T, want string", ErrItem, v)
		}
		out[name] = v
	}
	return out, nil
}

// path returns the path of the item with this id and metadata.
func path(id string, meta map[string]any) string {
	if p, ok := meta["path"].(string); ok {
		return p
	}
	return id
}

// indexKeys returns the item's entries in the metadata index. Every item has one for its path.
func indexKeys(id string, meta map[string]any, ord uint32) map[string]bool {
	keys := map[string]bool{}
	eachIndexKey(id, meta, ord, func(k []byte) { keys[string(k)] = true })
	return keys
}

// eachIndexKey calls f for the entries of indexKeys; for those of a list's equal members more than once.
func eachIndexKey(id string, meta map[string]any, ord uint32, f func(k []byte)) {
	f(kv.KeyIndex("path", path(id, meta), ord))
	for field, v := range meta {
		switch v := v.(type) {
		case []string:
			for _, s := range v {
				f(kv.KeyIndex(field, s, ord))
			}
		case string:
			if field != "path" {
				f(kv.KeyIndex(field, v, ord))
			}
		default:
			f(kv.KeyIndex(field, v, ord))
		}
	}
}

// fieldType is a kind of value that a field has: what the field catalogue counts.
type fieldType struct {
	field string
	t     kv.Type
}

// fieldKeys returns the counters of the field catalogue that count this item.
func fieldKeys(meta map[string]any) map[string]bool {
	keys := make(map[string]bool, len(meta))
	for field, v := range meta {
		t, _ := kv.TypeOf(v)
		keys[string(kv.KeyField(field, t))] = true
	}
	return keys
}

// item assembles what the caller gets.
func item(s stored) (Item, error) {
	meta, err := kv.DecodeMeta(s.rec.Meta, metaKey)
	return Item{ID: s.rec.ID, Vec: s.vec, Norm: s.rec.Norm, Meta: meta, Thumb: s.thumb, Added: time.UnixMilli(s.rec.Added).UTC()}, err
}
