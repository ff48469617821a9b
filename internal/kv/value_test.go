package kv

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

// FuzzDecode gives arbitrary bytes to every decoder: an error that says so, or a value that encodes to bytes with the
// same meaning; never a panic.
func FuzzDecode(f *testing.F) {
	f.Add(AppendFormat(nil, Format))
	f.Add(AppendState(nil, State{Seq: 1, Next: 2}))
	f.Add(AppendItem(nil, Item{ID: "a", Norm: 1, Added: 3}))
	f.Add(AppendItem(nil, Item{ID: "a", Norm: 1, Added: 3, Old: true}))
	f.Add(AppendItem(nil, Item{ID: "a", Norm: 1, Added: 3, Thumb: true, Meta: AppendMeta(nil, everyType())}))
	f.Add(AppendItem(nil, Item{ID: "a", Norm: 1, Added: 3, Block: true}))
	f.Add(AppendVector(AppendBlock(nil, 5), []float32{1, 2, 3, 4}))
	f.Add(AppendRangeSum(nil, RangeSum{Keys: -2, Digest: 1 << 63}))
	f.Add(AppendSeq(nil, 1<<40))
	f.Add(AppendCode(nil, []uint32{0, 5, 900}, []float32{1, 2, 3}))
	f.Add(AppendMeta(nil, everyType()))
	f.Add(AppendPosting(AppendPosting(nil, 1, 2), 3, 4))
	f.Add(AppendWeights(nil, Weigh([]uint16{1, 3, 900}, []float32{2, 0.25, 1000})))
	f.Add(AppendStats(nil, Stats{Count: 3, Whole: 7, Part: 1 << 63, Top: 4, Gone: 2}))
	for field, v := range everyType() {
		if _, list := v.([]string); !list {
			f.Add(KeyIndex(field, v, 77))
		}
	}
	f.Fuzz(func(t *testing.T, v []byte) {
		check := func(what string, err error, again func() any, first any) {
			t.Helper()
			if err != nil {
				if !errors.Is(err, ErrCorrupt) {
					t.Errorf("%s: %v is not ErrCorrupt", what, err)
				}
				return
			}
			if got := again(); !reflect.DeepEqual(got, first) {
				t.Errorf("%s: %#v encodes to what reads as %#v", what, first, got)
			}
		}
		format, err := DecodeFormat(v)
		check("format", err, func() any { n, _ := DecodeFormat(AppendFormat(nil, format)); return n }, format)
		state, err := DecodeState(v)
		check("state", err, func() any { s, _ := DecodeState(AppendState(nil, state)); return s }, state)
		item, err := DecodeItem(v)
		check("item", err, func() any { i, _ := DecodeItem(AppendItem(nil, item)); return i }, item)
		latents, acts, err := DecodeCode(nil, nil, v)
		check("code", err, func() any { l, a, _ := DecodeCode(nil, nil, AppendCode(nil, latents, acts)); return [2]any{l, a} }, [2]any{latents, acts})
		if meta, err := DecodeMeta(v, nil); err != nil {
			check("metadata", err, nil, nil)
		} else if b := AppendMeta(nil, meta); !sameMeta(t, b) {
			t.Errorf("metadata %v encodes to %x, which does not read", meta, b)
		} else {
			for field, value := range meta {
				want, is := value.(string)
				if text, ok, err := MetaText(v, field); err != nil || ok != is || text != want {
					t.Errorf("metadata %x, field %q: %q, %v, %v; want %v", v, field, text, ok, err, value)
				}
			}
		}
		if e, err := DecodeIndex(v); err != nil {
			check("index", err, nil, nil)
		} else if len(v) > 0 && !e.Cut && len(v) <= LongValue && !bytes.Equal(KeyIndex(e.Field, e.Value, e.Ord), v) && !wildTime(e.Value) {
			t.Errorf("index key %x reads as %+v, which is %x", v, e, KeyIndex(e.Field, e.Value, e.Ord))
		}
		n, err := DecodeCounter(v)
		check("counter", err, func() any { n, _ := DecodeCounter(AppendCounter(nil, n)); return n }, n)
		sum, err := DecodeRangeSum(v)
		check("range sum", err, func() any { s, _ := DecodeRangeSum(AppendRangeSum(nil, sum)); return s }, sum)
		seq, err := DecodeSeq(v)
		check("commit", err, func() any { n, _ := DecodeSeq(AppendSeq(nil, seq)); return n }, seq)
		x, err := DecodeVector(nil, v, len(v)/4)
		check("vector", err, func() any { return nil }, nil)
		if want := plainVector(v); len(v)%4 == 0 && (err == nil) != (want != nil) || err == nil && !slices.Equal(x, want) {
			t.Errorf("vector %x reads as %v (%v), number by number as %v", v, x, err, want)
		}
		for _, dim := range []int{1, 2, 3, 512, 1 << 16} {
			block, err := DecodeBlock(v, dim)
			check("block of vectors", err, func() any { return block }, block)
			if err == nil && !bytes.Equal(plainBlock(block, dim), v) {
				t.Errorf("block %x of vectors of %d numbers reads as %x", v, dim, plainBlock(block, dim))
			}
		}
		err = EachPosting(0, v, func(uint32, float32) bool { return true })
		check("postings", err, func() any { return nil }, nil)
		w, err := DecodeWeights(v, nil)
		check("weights", err, func() any { w, _ := DecodeWeights(AppendWeights(nil, w), nil); return w }, w)
		if len(w.Rows) > len(v)/weightsEntry {
			t.Errorf("%d bytes read as %d rows", len(v), len(w.Rows))
		}
		st, err := DecodeStats(v)
		check("statistics", err, func() any { s, _ := DecodeStats(AppendStats(nil, st)); return s }, st)
		_, _, err = DecodeField(v)
		check("field", err, func() any { return nil }, nil)
		_, err = Last(v)
		check("number", err, func() any { return nil }, nil)
	})
}

// plainBlock writes a block again row by row.
func plainBlock(b VectorBlock, dim int) []byte {
	v := AppendBlock(nil, b.Mask())
	for place := range VectorRows(dim) {
		v = append(v, b.Row(place)...)
	}
	return v
}

func sameMeta(t *testing.T, b []byte) bool {
	t.Helper()
	meta, err := DecodeMeta(b, nil)
	return err == nil && bytes.Equal(AppendMeta(nil, meta), b)
}

// wildTime: seconds or nanoseconds that no time.Time normalises to itself.
func wildTime(v any) bool {
	_, ok := v.(time.Time)
	return ok
}

func everyType() map[string]any {
	return map[string]any{
		"s": "text", "i": int64(-5), "f": -2.5, "b": true, "l": []string{"x", "y"},
		"t": time.Date(2020, 1, 2, 3, 4, 5, 6, time.UTC),
	}
}

// TestIndexOrder: byte order of index keys is the order of values.
func TestIndexOrder(t *testing.T) {
	day := func(n int) time.Time { return time.Date(1960, 1, n, 0, 0, 0, n, time.UTC) }
	for _, ascending := range [][]any{
		{"", "\x00", "\x00\x00", "\x00\x01", "\x01", "a", "a\x00", "a\x00b", "aa", "b", strings.Repeat("z", LongValue-1), "é"},
		{int64(math.MinInt64), int64(-2), int64(-1), int64(0), int64(1), int64(255), int64(256), int64(math.MaxInt64)},
		{-math.MaxFloat64, -1.5, -math.SmallestNonzeroFloat64, 0.0, math.SmallestNonzeroFloat64, 0.5, 1.5, math.MaxFloat64},
		{false, true},
		{day(1), day(2), day(40), day(9999), day(99999)},
	} {
		for i := 1; i < len(ascending); i++ {
			a, b := KeyIndex("f", ascending[i-1], math.MaxUint32), KeyIndex("f", ascending[i], 0)
			if bytes.Compare(a, b) >= 0 {
				t.Errorf("%v is not below %v: %x, %x", ascending[i-1], ascending[i], a, b)
			}
			e, err := DecodeIndex(b)
			if err != nil || !reflect.DeepEqual(e, IndexEntry{Field: "f", Value: ascending[i]}) {
				t.Errorf("%x reads as %+v, %v", b, e, err)
			}
		}
	}
	long := strings.Repeat("x", LongValue+1)
	if e, err := DecodeIndex(KeyIndex("f", long, 1)); err != nil || !e.Cut || e.Value != long[:LongValue] {
		t.Errorf("a long value: %+v, %v", e, err)
	}
}

func TestBlobs(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	s := mustOpen(t, crashable())
	for _, size := range []int{3*chunkSize + 5, chunkSize, 1, 0} { // each in place of a larger one
		data := make([]byte, size)
		for i := range data {
			data[i] = byte(rng.Uint32())
		}
		b := s.Batch()
		b.SetBlob(SpanFile(9), data)
		if err := b.Commit(); err != nil {
			t.Fatal(err)
		}
		b.Close()
		r, err := s.Snapshot()
		if err != nil {
			t.Fatal(err)
		}
		if got, err := r.Blob(SpanFile(9)); err != nil || !bytes.Equal(got, data) {
			t.Errorf("%d bytes come back as %d, %v", size, len(got), err)
		}
		r.Close()
	}
	b := s.Batch()
	b.Set(SpanFile(9).From(1).Lower, []byte("second"))
	if err := b.Commit(); err != nil {
		t.Fatal(err)
	}
	b.Close()
	r, err := s.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if _, err := r.Blob(SpanFile(9)); !errors.Is(err, ErrCorrupt) {
		t.Errorf("without its first piece: %v", err)
	}
}

// plainVector is DecodeVector number by number: nil for a NaN or infinite one.
func plainVector(v []byte) []float32 {
	x := []float32{}
	for ; len(v) >= 4; v = v[4:] {
		f := math.Float32frombits(binary.LittleEndian.Uint32(v))
		if math.IsNaN(float64(f)) || math.IsInf(float64(f), 0) {
			return nil
		}
		x = append(x, f)
	}
	return x
}

// TestDecodeVectorKnowsOddNumbers at every place of vectors of even and odd length.
func TestDecodeVectorKnowsOddNumbers(t *testing.T) {
	odd := []float32{float32(math.NaN()), float32(math.Inf(1)), float32(math.Inf(-1)), math.Float32frombits(0xff800001)}
	for _, n := range []int{1, 2, 3, 4, 7, 8, 9, 16, 21} {
		for at := range n {
			x := make([]float32, n)
			for i := range x {
				x[i] = math.MaxFloat32 * float32(1-2*(i%2))
			}
			if got, err := DecodeVector(nil, AppendVector(nil, x), n); err != nil || !slices.Equal(got, x) {
				t.Fatalf("%v reads as %v, %v", x, got, err)
			}
			for _, f := range odd {
				x[at] = f
				if _, err := DecodeVector(nil, AppendVector(nil, x), n); !errors.Is(err, ErrCorrupt) {
					t.Errorf("%v: %v", x, err)
				}
			}
		}
	}
}

// TestVectorAgainstNumberByNumber: what is copied in one piece is what is written and read number by number, for every short length.
func TestVectorAgainstNumberByNumber(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	for n := range 40 {
		x, back := make([]float32, n), make([]float32, n)
		for i := range x {
			x[i] = rng.Float32() - 0.5
		}
		v := AppendVector([]byte("head"), x)
		if want := appendPlain([]byte("head"), x); !bytes.Equal(v, want) {
			t.Errorf("%v is %x, want %x", x, v, want)
		}
		decodePlain(back, v[4:])
		got, err := DecodeVector([]float32{7}, v[4:], n)
		if err != nil || !slices.Equal(got[1:], back) || !slices.Equal(back, x) {
			t.Errorf("%v reads as %v, number by number as %v (%v)", x, got, back, err)
		}
	}
}

func BenchmarkVector(b *testing.B) {
	x := make([]float32, 512)
	for i := range x {
		x[i] = float32(i) / 512
	}
	v := AppendVector(nil, x)
	b.Run("append", func(b *testing.B) {
		for b.Loop() {
			v = AppendVector(v[:0], x)
		}
		b.SetBytes(2048)
	})
	b.Run("decode", func(b *testing.B) {
		for b.Loop() {
			var err error
			if x, err = DecodeVector(x[:0], v, 512); err != nil {
				b.Fatal(err)
			}
		}
		b.SetBytes(2048)
	})
}
