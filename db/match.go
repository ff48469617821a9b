package db

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/RoaringBitmap/roaring/v2"

	"github.com/saedb/saedb/internal/kv"
	"github.com/saedb/saedb/query"
)

// Fields lists the metadata fields that items have, by name.
func (s *source) Fields(ctx context.Context) ([]query.Field, error) {
	return derive(ctx, s.data, "fields", s.fields)
}

func (s *Snapshot) fields() ([]query.Field, error) {
	byName := map[string]*query.Field{}
	span := kv.SpanFields()
	for p, err := range s.r.Range(span.Lower, span.Upper) {
		if err != nil {
			return nil, err
		}
		name, t, err := kv.DecodeField(p.Key)
		if err != nil {
			return nil, err
		}
		n, err := kv.DecodeCounter(p.Value)
		if err != nil || n == 0 {
			if err != nil {
				return nil, fmt.Errorf("field %s: %w", name, err)
			}
			continue
		}
		f := byName[name]
		if f == nil {
			f = &query.Field{Name: name}
			byName[name] = f
		}
		f.Count += int(n)
		kind := t.Name()
		if t == kv.List {
			kind = query.TypeString
		}
		if !slices.Contains(f.Types, kind) {
			f.Types = append(f.Types, kind)
		}
	}
	fields := make([]query.Field, 0, len(byName))
	for _, f := range byName {
		fields = append(fields, *f)
	}
	slices.SortFunc(fields, func(a, b query.Field) int { return strings.Compare(a.Name, b.Name) })
	return fields, nil
}

// Match answers a predicate from the metadata index: it reads the field's entries, within the bounds that the
// predicate sets, and asks the predicate itself once for each different value.
func (s *source) Match(ctx context.Context, p query.Pred) (*roaring.Bitmap, error) {
	switch p.Field {
	case "id":
		return s.matchID(ctx, p)
	case "added":
		return s.matchAdded(ctx, p)
	}
	out := roaring.New()
	for _, t := range []kv.Type{kv.String, kv.Int, kv.Float, kv.Bool, kv.Time} {
		for _, span := range bounds(p, t) {
			if bytes.Compare(span.Lower, span.Upper) >= 0 {
				continue // between 3 and 2
			}
			if err := s.matchSpan(ctx, p, span, out); err != nil {
				return nil, fmt.Errorf("match %s: %w", p, err)
			}
		}
	}
	return out, nil
}

// matchSpan adds to out the items of the index entries in span whose value passes p.
func (s *source) matchSpan(ctx context.Context, p query.Pred, span kv.Span, out *roaring.Bitmap) error {
	var value []byte // the part of the last key that says the value
	pass, n := false, 0
	for pair, err := range s.r.Range(span.Lower, span.Upper) {
		if err == nil && n%1024 == 0 {
			err = ctx.Err()
		}
		if err != nil {
			return err
		}
		n++
		k := pair.Key
		if len(k) < 4 || value == nil || !bytes.Equal(k[:len(k)-4], value) {
			e, err := kv.DecodeIndex(k)
			if err != nil {
				return err
			}
			if e.Cut && p.Op != query.Exists {
				if err := s.matchForward(ctx, p, e.Ord, out); err != nil {
					return err
				}
				continue
			}
			pass = p.Match(e.Value)
			value = append(value[:0], k[:len(k)-4]...)
		}
		if pass {
			ord, err := kv.Last(k)
			if err != nil {
				return err
			}
			out.Add(ord)
		}
	}
	return nil
}

// matchForward decides by the item's own metadata, for a value that the index holds in part only.
func (s *source) matchForward(ctx context.Context, p query.Pred, ord uint32, out *roaring.Bitmap) error {
	meta, err := s.Meta(ctx, ord)
	if err != nil {
		return err
	}
	if p.Match(meta[p.Field]) {
		out.Add(ord)
	}
	return nil
}

// bounds returns the spans of index entries of one type that may hold values that pass p. They may be too wide, never
// too narrow.
func bounds(p query.Pred, t kv.Type) []kv.Span {
	prefix := kv.PrefixIndexType(p.Field, t)
	all := kv.Span{Lower: prefix, Upper: kv.After(prefix)}
	from := func(v any) kv.Span { return kv.Span{Lower: kv.PrefixIndex(p.Field, v), Upper: all.Upper} }
	to := func(v any) kv.Span { return kv.Span{Lower: all.Lower, Upper: kv.After(kv.PrefixIndex(p.Field, v))} }
	switch p.Op {
	case query.Eq, query.In:
		var spans []kv.Span
		for _, v := range p.Values {
			if w, ok := as(v, t); ok {
				at := kv.PrefixIndex(p.Field, w)
				spans = append(spans, kv.Span{Lower: at, Upper: kv.After(at)})
			} else if isNumber(v) && (t == kv.Int || t == kv.Float) {
				return []kv.Span{all}
			}
		}
		return spans
	case query.Lt, query.Le, query.Gt, query.Ge, query.Between:
		if v, ok := as(p.Values[0], t); ok {
			switch p.Op {
			case query.Gt, query.Ge:
				return []kv.Span{from(v)}
			case query.Lt, query.Le:
				return []kv.Span{to(v)}
			}
			if w, ok := as(p.Values[1], t); ok {
				return []kv.Span{{Lower: from(v).Lower, Upper: to(w).Upper}}
			}
		} else if !isNumber(p.Values[0]) {
			return nil // another type: nothing compares
		}
	case query.Glob:
		pattern, ok := p.Values[0].(string)
		if t != kv.String || !ok {
			return nil
		}
		head, _, _ := strings.Cut(pattern, "*")
		head, _, _ = strings.Cut(head, "?")
		if len(head) < kv.LongValue && head != "" {
			at := kv.PrefixIndex(p.Field, head)
			return []kv.Span{{Lower: at, Upper: kv.After(at)}}
		}
	}
	return []kv.Span{all}
}

func isNumber(v any) bool {
	t, _ := kv.TypeOf(v)
	return t == kv.Int || t == kv.Float
}

// as returns v as a value of type t whose place in the index is that of v: ok is false if there is none, or if it is
// not exact.
func as(v any, t kv.Type) (any, bool) {
	if have, _ := kv.TypeOf(v); have == t && t != kv.Float {
		return v, true
	}
	const exact = 1 << 53
	switch n := v.(type) {
	case int64:
		if t == kv.Float && n > -exact && n < exact && n != 0 {
			return float64(n), true
		}
	case float64:
		if t == kv.Float && n != 0 { // 0 and -0 are equal and stand apart
			return n, true
		}
		if t == kv.Int && n > -exact && n < exact && n == float64(int64(n)) {
			return int64(n), true
		}
	}
	return nil, false
}

// matchID asks the predicate about every id.
func (s *source) matchID(ctx context.Context, p query.Pred) (*roaring.Bitmap, error) {
	out := roaring.New()
	span, n := kv.SpanIDs(), 0
	if id, ok := singleText(p); ok {
		span = kv.Span{Lower: kv.KeyID(id), Upper: append(kv.KeyID(id), 0)}
	}
	for pair, err := range s.r.Range(span.Lower, span.Upper) {
		if err == nil && n%1024 == 0 {
			err = ctx.Err()
		}
		if err != nil {
			return nil, err
		}
		n++
		if !p.Match(kv.IDOfKey(pair.Key)) {
			continue
		}
		ord, err := kv.DecodeOrd(pair.Value)
		if err != nil {
			return nil, err
		}
		out.Add(ord)
	}
	return out, nil
}

// singleText returns the one text that can pass p.
func singleText(p query.Pred) (string, bool) {
	if p.Op != query.Eq || len(p.Values) != 1 {
		return "", false
	}
	id, ok := p.Values[0].(string)
	return id, ok
}

// matchAdded asks the predicate about the time of every item.
func (s *source) matchAdded(ctx context.Context, p query.Pred) (*roaring.Bitmap, error) {
	out := roaring.New()
	span, n := kv.SpanItems(), 0
	for pair, err := range s.r.Range(span.Lower, span.Upper) {
		if err == nil && n%1024 == 0 {
			err = ctx.Err()
		}
		if err != nil {
			return nil, err
		}
		n++
		rec, err := kv.DecodeItem(pair.Value)
		if err != nil {
			return nil, err
		}
		if !p.Match(time.UnixMilli(rec.Added).UTC()) {
			continue
		}
		ord, err := kv.Last(pair.Key)
		if err != nil {
			return nil, err
		}
		out.Add(ord)
	}
	return out, nil
}
