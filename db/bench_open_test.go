package db_test

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/saedb/saedb/db"
	"github.com/saedb/saedb/internal/dbtest"
)

// A database of the size that BenchmarkOpen and BenchmarkIdle measure: k=32 codes of 4,096 latents for each row.
const (
	largeRows    = 100000
	largeLatents = 4096
	largeK       = 32
)

// large makes that database in dir, compacted and closed.
func large(b *testing.B, dir string) {
	b.Helper()
	d, err := db.Create(ctx, dir, nil)
	dbtest.Must(b, err)
	defer d.Close()
	_, err = d.Ingest(ctx, itemSeq(dbtest.Items(largeRows, benchDim, 1)))
	dbtest.Must(b, err)
	dbtest.Must(b, d.AddModel(ctx, "m", dbtest.Model(benchDim, largeLatents, largeK, 1)))
	dbtest.Must(b, d.Activate(ctx, "m"))
	dbtest.Must(b, d.SetNames(ctx, "m", dbtest.Names(largeLatents)))
	_, _, err = d.Compact(ctx)
	dbtest.Must(b, err)
	dbtest.Must(b, d.Derive(ctx))
}

// BenchmarkOpen opens a database of 100,000 items, with warm file cache, and asks it one thing.
func BenchmarkOpen(b *testing.B) {
	dir := filepath.Join(b.TempDir(), "db")
	large(b, dir)
	queries := map[string]string{
		"concept": "concept = word0007 top 10",
		"near":    `near image "i0005" in dense top 10`,
		"latents": `near image "i0005" top 10`,
		"meta":    "meta.year >= 2020 top 10",
	}
	for _, name := range sortedKeys(queries) {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				d, err := db.Open(ctx, dir, nil)
				dbtest.Must(b, err)
				rows := 0
				for _, err := range d.Query(ctx, queries[name], nil) {
					dbtest.Must(b, err)
					rows++
				}
				if rows != 10 {
					b.Fatalf("%d rows", rows)
				}
				b.StopTimer()
				dbtest.Must(b, d.Close())
				b.StartTimer()
			}
		})
	}
	b.Run("idle", func(b *testing.B) {
		for b.Loop() {
			cmd := exec.Command(os.Args[0], "-test.run=^TestIdle$", "-test.v")
			cmd.Env = append(os.Environ(), "SAEDB_IDLE="+dir)
			text, err := cmd.Output()
			dbtest.Must(b, err)
			for line := range strings.Lines(string(text)) {
				if kb, ok := strings.CutPrefix(strings.TrimSpace(line), "RssAnon kB: "); ok {
					n, err := strconv.ParseFloat(kb, 64)
					dbtest.Must(b, err)
					b.ReportMetric(n/1024, "MB-anon")
				}
			}
		}
	})
	b.Run("size", func(b *testing.B) {
		d, err := db.Open(ctx, dir, nil)
		dbtest.Must(b, err)
		defer d.Close()
		st, err := d.Stats(ctx)
		dbtest.Must(b, err)
		for b.Loop() {
		}
		model := 4 * (2*largeLatents*benchDim + largeLatents + benchDim) // its weights, which do not grow with the items
		b.ReportMetric(float64(int(st.Bytes)-model)/float64(st.Items), "B/item")
		b.ReportMetric(float64(st.Derived)/float64(st.Items), "derived-B/item")
	})
}

// TestIdle is what BenchmarkOpen runs in a process of its own: it opens a database and says what memory that takes.
func TestIdle(t *testing.T) {
	dir := os.Getenv("SAEDB_IDLE")
	if dir == "" {
		t.Skip("run by BenchmarkOpen")
	}
	d, err := db.Open(ctx, dir, nil)
	dbtest.Must(t, err)
	defer d.Close()
	time.Sleep(time.Second)
	f, err := os.Open("/proc/self/status")
	dbtest.Must(t, err)
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if name, rest, _ := strings.Cut(lines.Text(), ":"); name == "RssAnon" {
			fmt.Println("RssAnon kB:", strings.Fields(rest)[0])
		}
	}
}
