package hnsw

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"testing"

	"github.com/cespare/xxhash/v2"

	"github.com/saedb/saedb/index"
)

// seal gives a file checksums that are right, so that a fuzzed one is refused for what it says or not at all.
func seal(data []byte) {
	if len(data) < alignment {
		return
	}
	binary.LittleEndian.PutUint64(data[headSize-8:], xxhash.Sum64(data[:headSize-8]))
	h, err := decodeHeader(data)
	if err != nil {
		return
	}
	at, sums, allSums := h.layout()
	for s, n := range h.lengths() {
		section := data[at[s] : at[s]+n]
		for page := 0; page*pageSize < len(section); page++ {
			b := section[page*pageSize : min((page+1)*pageSize, len(section))]
			binary.LittleEndian.PutUint64(data[sums[s]+int64(8*page):], xxhash.Sum64(b))
		}
	}
	end := len(data) - 8
	binary.LittleEndian.PutUint64(data[end:], xxhash.Sum64(data[allSums:end]))
}

// FuzzOpen writes over a file wherever the fuzzer likes, seals it and does with it all that can be done.
func FuzzOpen(f *testing.F) {
	const n, dim = 60, 5
	r := rand.New(rand.NewPCG(1, 1))
	rows := make([][]float32, n)
	for i := range rows {
		v := make([]float32, dim)
		for j := range v {
			v[j] = float32(r.NormFloat64() + 1)
		}
		rows[i], _ = index.Unit(v, dim)
	}
	x := New(dim, Options{Exact: 10, M: 2, Threads: 1})
	for i, v := range rows {
		if err := x.Put(uint32(i), v); err != nil {
			f.Fatal(err)
		}
	}
	if err := x.Bridge(f.Context(), [][]float32{{-1, 1, -1, 1, 0}}); err != nil {
		f.Fatal(err)
	}
	for i := range uint32(9) {
		x.Delete(3 * i)
	}
	var good bytes.Buffer
	if err := x.Write(&good, Stamp{}); err != nil {
		f.Fatal(err)
	}
	at, _, _ := x.header(Stamp{}).layout()
	for s, begin := range at {
		f.Add(uint32(begin), []byte{byte(s)}, uint32(12+4*s), []byte{255})
		f.Add(uint32(begin+4), []byte{255, 255, 255, 127}, uint32(begin+64), []byte{1, 2, 3})
	}
	f.Fuzz(func(t *testing.T, at1 uint32, bytes1 []byte, at2 uint32, bytes2 []byte) {
		data := bytes.Clone(good.Bytes())
		copy(data[int(at1)%len(data):], bytes1)
		copy(data[int(at2)%len(data):], bytes2)
		seal(data)
		y, _, err := Open("fuzzed", data, Options{Threads: 1})
		if err != nil {
			return
		}
		dim := y.Dim()
		q := make([]float32, dim)
		q[0] = -1
		ctx := t.Context()
		for _, ef := range []int{1, 50} {
			_, _ = y.SearchEf(ctx, q, 4, ef, nil)
		}
		q[0] = 1
		_, _ = y.Search(ctx, q, y.Len()+1, nil)
		y.Delete(1)
		for ord := range uint32(3) {
			_ = y.Put(ord, q)
		}
		_ = y.Bridge(ctx, [][]float32{q})
		_ = y.Repair()
		_, _ = y.Search(ctx, q, 4, nil)
	})
}
