package db_test

import (
	"encoding/binary"
	"fmt"
	"iter"
	"math"
	"path/filepath"
	"testing"

	"github.com/cockroachdb/pebble/v2"

	"github.com/saedb/saedb/db"
	"github.com/saedb/saedb/internal/dbtest"
)

// The rows that are measured: what CLIP ViT-B/32 gives, with a little metadata.
const (
	benchRows = 20000
	benchDim  = 512
)

func itemSeq(items []db.Item) iter.Seq2[db.Item, error] {
	return func(yield func(db.Item, error) bool) {
		for _, it := range items {
			if !yield(it, nil) {
				return
			}
		}
	}
}

// record is the bytes of an item as a plain store would hold them: vector, then metadata.
func record(it db.Item) (key, value []byte) {
	for _, x := range it.Vec {
		value = binary.LittleEndian.AppendUint32(value, math.Float32bits(x))
	}
	return []byte(it.ID), append(value, fmt.Sprint(it.Meta)...)
}

// reportCPU reports the processor time of an operation, which other work on the machine disturbs less than it does the clock. Call what it
// returns after the loop.
func reportCPU(b *testing.B) (done func()) {
	from := cpuTime()
	return func() { b.ReportMetric(float64(cpuTime()-from)/float64(b.N), "cpu-ns/op") }
}

// BenchmarkIngest imports rows in bulk, each thousand synced; MB/s are of vectors alone.
func BenchmarkIngest(b *testing.B) {
	items := dbtest.Items(benchRows, benchDim, 1)
	b.Run("saedb", func(b *testing.B) {
		done := reportCPU(b)
		for b.Loop() {
			d, err := db.Create(ctx, filepath.Join(b.TempDir(), "db"), nil)
			dbtest.Must(b, err)
			_, err = d.Ingest(ctx, itemSeq(items))
			dbtest.Must(b, err)
			dbtest.Must(b, d.Close())
		}
		done()
		b.SetBytes(benchRows * benchDim * 4)
	})
	b.Run("pebble", func(b *testing.B) { // the same bytes under one key each
		done := reportCPU(b)
		for b.Loop() {
			p, err := pebble.Open(b.TempDir(), &pebble.Options{MemTableSize: 32 << 20, Logger: quiet{}})
			dbtest.Must(b, err)
			batch := p.NewBatch()
			for i, it := range items {
				key, value := record(it)
				dbtest.Must(b, batch.Set(key, value, nil))
				if (i+1)%db.IngestChunk == 0 {
					dbtest.Must(b, batch.Commit(pebble.Sync))
					batch = p.NewBatch()
				}
			}
			dbtest.Must(b, batch.Close())
			dbtest.Must(b, p.Flush())
			dbtest.Must(b, p.Close())
		}
		done()
		b.SetBytes(benchRows * benchDim * 4)
	})
}

// BenchmarkPut stores one row at a time, on disk before the next.
func BenchmarkPut(b *testing.B) {
	items := dbtest.Items(4096, benchDim, 1)
	b.Run("saedb", func(b *testing.B) {
		d, err := db.Create(ctx, filepath.Join(b.TempDir(), "db"), nil)
		dbtest.Must(b, err)
		defer d.Close()
		i := 0
		done := reportCPU(b)
		for b.Loop() {
			it := items[i%len(items)]
			it.ID = fmt.Sprintf("p%d", i)
			_, err := d.Put(ctx, it)
			dbtest.Must(b, err)
			i++
		}
		done()
	})
	b.Run("pebble", func(b *testing.B) {
		p, err := pebble.Open(b.TempDir(), &pebble.Options{Logger: quiet{}})
		dbtest.Must(b, err)
		defer p.Close()
		i := 0
		done := reportCPU(b)
		for b.Loop() {
			_, value := record(items[i%len(items)])
			dbtest.Must(b, p.Set(fmt.Appendf(nil, "p%d", i), value, pebble.Sync))
			i++
		}
		done()
	})
}

// coded makes a database whose active autoencoder gives each item a code of 32 of 4,096 latents.
func coded(b *testing.B, rows int) *db.DB {
	b.Helper()
	d, err := db.Create(ctx, filepath.Join(b.TempDir(), "db"), nil)
	dbtest.Must(b, err)
	_, err = d.Ingest(ctx, itemSeq(dbtest.Items(rows, benchDim, 1)))
	dbtest.Must(b, err)
	dbtest.Must(b, d.AddModel(ctx, "m", dbtest.Model(benchDim, largeLatents, largeK, 1)))
	dbtest.Must(b, d.Activate(ctx, "m"))
	return d
}

// BenchmarkPutCoded stores one row at a time, with its code, on disk before the next.
func BenchmarkPutCoded(b *testing.B) {
	items := dbtest.Items(4096, benchDim, 2)
	d := coded(b, 1000)
	defer d.Close()
	for i := 0; b.Loop(); i++ {
		it := items[i%len(items)]
		it.ID = fmt.Sprintf("p%d", i)
		_, err := d.Put(ctx, it)
		dbtest.Must(b, err)
	}
}

// BenchmarkIngestCoded imports 10,000 rows with their codes.
func BenchmarkIngestCoded(b *testing.B) {
	items := dbtest.Items(10000, benchDim, 2)
	for i := range items {
		items[i].ID = "n" + items[i].ID
	}
	for b.Loop() {
		b.StopTimer()
		d := coded(b, 1)
		b.StartTimer()
		_, err := d.Ingest(ctx, itemSeq(items))
		dbtest.Must(b, err)
		dbtest.Must(b, d.Close())
	}
}

// compacted makes a database of the measured rows in a folder of b's, compacted.
func compacted(b *testing.B) (d *db.DB, items []db.Item, size uint64) {
	b.Helper()
	d, err := db.Create(ctx, filepath.Join(b.TempDir(), "db"), nil)
	dbtest.Must(b, err)
	b.Cleanup(func() { dbtest.Must(b, d.Close()) })
	items = dbtest.Items(benchRows, benchDim, 1)
	_, err = d.Ingest(ctx, itemSeq(items))
	dbtest.Must(b, err)
	_, size, err = d.Compact(ctx)
	dbtest.Must(b, err)
	return d, items, size
}

// BenchmarkGet reads one item by its id, warm, on one goroutine: some thousand again and again, or any of all.
func BenchmarkGet(b *testing.B) {
	d, items, _ := compacted(b)
	for _, c := range []struct {
		name string
		of   int
	}{{"thousand", 1000}, {"all", benchRows}} {
		b.Run(c.name, func(b *testing.B) {
			i := 0
			done := reportCPU(b)
			for b.Loop() {
				_, err := d.Get(ctx, items[i*7919%c.of].ID)
				dbtest.Must(b, err)
				i++
			}
			done()
		})
	}
	b.Run("snapshot", func(b *testing.B) { // it keeps no records
		s, err := d.Snapshot()
		dbtest.Must(b, err)
		defer s.Close()
		i := 0
		done := reportCPU(b)
		for b.Loop() {
			_, err := s.Get(ctx, items[i*7919%benchRows].ID)
			dbtest.Must(b, err)
			i++
		}
		done()
	})
}

// BenchmarkScan reads all vectors of the store in their order, warm.
func BenchmarkScan(b *testing.B) {
	d, _, size := compacted(b)
	done := reportCPU(b)
	for b.Loop() {
		for _, err := range d.Vectors(ctx) {
			dbtest.Must(b, err)
		}
	}
	done()
	b.SetBytes(benchRows * benchDim * 4)
	b.ReportMetric(float64(size)/benchRows, "B/item")
}

// quiet is a logger that says nothing.
type quiet struct{}

func (quiet) Infof(string, ...any)  {}
func (quiet) Errorf(string, ...any) {}
func (quiet) Fatalf(string, ...any) {}

// BenchmarkEncodeAll makes the codes of all rows by an autoencoder that is not active, as after training.
func BenchmarkEncodeAll(b *testing.B) {
	const rows, latents, k = 100000, 4096, 32
	d, err := db.Create(ctx, filepath.Join(b.TempDir(), "db"), nil)
	dbtest.Must(b, err)
	defer d.Close()
	for lo := 0; lo < rows; lo += benchRows {
		items := dbtest.Items(benchRows, benchDim, uint64(lo))
		for i := range items {
			items[i].ID = fmt.Sprintf("i%06d", lo+i)
		}
		_, err = d.Ingest(ctx, itemSeq(items))
		dbtest.Must(b, err)
	}
	m := dbtest.Model(benchDim, latents, k, 1)
	for _, threads := range []int{1, 2} {
		b.Run(fmt.Sprintf("m=%d/k=%d/threads=%d", latents, k, threads), func(b *testing.B) {
			for b.Loop() {
				b.StopTimer()
				dbtest.Must(b, d.AddModel(ctx, "m", m))
				b.StartTimer()
				dbtest.Must(b, d.EncodeAll(ctx, "m", threads, func(int, int) {}))
				b.StopTimer()
				dbtest.Must(b, d.DropModel(ctx, "m"))
				b.StartTimer()
			}
			b.ReportMetric(rows*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
		})
	}
}
