package db_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/saedb/saedb/db"
	"github.com/saedb/saedb/internal/dbtest"
	"github.com/saedb/saedb/query"
)

// answers returns ids and scores of the items nearest to a few vectors, with and without a filter.
func answers(t *testing.T, d *db.DB, dim int) (out []string) {
	t.Helper()
	rng := rand.New(rand.NewPCG(7, 7))
	for i := range 4 {
		q := make([]float32, dim)
		for j := range q {
			q[j] = float32(rng.NormFloat64())
		}
		text := "near vector $q in dense top 25"
		if i%2 == 1 {
			text = "near vector $q in dense where meta.year >= 2010 top 25"
		}
		for row, err := range d.Query(ctx, text, query.Params{"q": q}) {
			dbtest.Must(t, err)
			out = append(out, fmt.Sprintf("%d %s %v", i, row.ID, row.Score))
		}
	}
	return out
}

// derivedFiles returns the names of the derived files.
func derivedFiles(t *testing.T, fs vfs.FS) []string {
	t.Helper()
	names, err := fs.List(dbtest.Dir + "/derived")
	dbtest.Must(t, err)
	return names
}

// TestDerivedRowsAgainstNone puts, replaces and deletes at random, makes the derived file now and then, and reopens: at each
// step the answers are those of the same database without a derived file.
func TestDerivedRowsAgainstNone(t *testing.T) {
	const dim = 12
	seeds := uint64(4)
	if testing.Short() {
		seeds = 1
	}
	for seed := range seeds {
		rng := rand.New(rand.NewPCG(seed, 0))
		fs := vfs.NewMem()
		d := dbtest.MustOpenOn(t, fs)
		_, err := d.Put(ctx, dbtest.Items(300, dim, seed)...)
		dbtest.Must(t, err)
		made := 0
		for step := range 30 {
			switch rng.IntN(6) {
			case 0, 1:
				items := dbtest.Items(400, dim, seed<<8+uint64(step))
				from := rng.IntN(390)
				_, err = d.Put(ctx, items[from:from+1+rng.IntN(10)]...)
			case 2:
				_, err = d.Delete(ctx, fmt.Sprintf("i%04d", rng.IntN(400)), fmt.Sprintf("i%04d", rng.IntN(400)))
			case 3:
				_, err = d.Annotate(ctx, "year", seqOf("i0299", int64(2020+step)))
				if err != nil { // deleted meanwhile
					err = nil
				}
			case 4:
				err = d.Derive(ctx)
				made++
			case 5:
				err = d.Close()
				d = dbtest.MustOpenOn(t, fs)
			}
			dbtest.Must(t, err)
			bare := vfs.NewMem()
			_, err = vfs.Clone(fs, bare, dbtest.Dir, dbtest.Dir)
			dbtest.Must(t, err)
			dbtest.Must(t, bare.RemoveAll(dbtest.Dir+"/derived"))
			dbtest.MustCheck(t, d)
			e := dbtest.MustOpenOn(t, bare)
			if got, want := answers(t, d, dim), answers(t, e, dim); !reflect.DeepEqual(got, want) {
				t.Fatalf("seed %d, step %d: got %q\nwant %q", seed, step, got, want)
			}
			dbtest.Must(t, e.Close())
		}
		if made == 0 || len(derivedFiles(t, fs)) != 1 {
			t.Errorf("seed %d: made %d times, files %q", seed, made, derivedFiles(t, fs))
		}
	}
}

// TestDerivedRowsDamaged flips bytes all over the file, cuts it and removes it: the answers stay, and the file is made anew.
func TestDerivedRowsDamaged(t *testing.T) {
	const dim = 24
	whole := vfs.NewMem()
	d := dbtest.MustOpenOn(t, whole)
	_, err := d.Put(ctx, dbtest.Items(700, dim, 1)...)
	dbtest.Must(t, err)
	dbtest.Must(t, d.Derive(ctx))
	want := answers(t, d, dim)
	dbtest.Must(t, d.Close())
	name := "derived/" + derivedFiles(t, whole)[0]
	size := sizeOf(t, whole, name)
	unused := 0
	damage := map[string]func(fs vfs.FS){
		"removed": func(fs vfs.FS) { dbtest.Must(t, fs.Remove(dbtest.Dir+"/"+name)) },
		"cut": func(fs vfs.FS) {
			f, err := fs.Create(dbtest.Dir+"/"+name, vfs.WriteCategoryUnspecified)
			dbtest.Must(t, err)
			_, err = f.Write([]byte("saedbrow"))
			dbtest.Must(t, err)
			dbtest.Must(t, f.Close())
		},
		"renamed": func(fs vfs.FS) {
			dbtest.Must(t, fs.Rename(dbtest.Dir+"/"+name, dbtest.Dir+"/derived/rows-ffffffffffffffff"))
		},
	}
	step := int64(997)
	if testing.Short() {
		step *= 8
	}
	for at := int64(0); at < size; at += step {
		damage[fmt.Sprintf("byte %d", at)] = func(fs vfs.FS) { flip(t, fs, name, at) }
	}
	for _, what := range sortedKeys(damage) {
		fs := vfs.NewMem()
		_, err := vfs.Clone(whole, fs, dbtest.Dir, dbtest.Dir)
		dbtest.Must(t, err)
		damage[what](fs)
		d := dbtest.MustOpenOn(t, fs)
		if got := answers(t, d, dim); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %q\nwant %q", what, got, want)
		}
		if len(derivedFiles(t, fs)) == 0 {
			unused++
		}
		dbtest.MustCheck(t, d)
		dbtest.Must(t, d.Derive(ctx))
		if got := answers(t, d, dim); !reflect.DeepEqual(got, want) {
			t.Errorf("%s, made anew: got %q\nwant %q", what, got, want)
		}
		if files := derivedFiles(t, fs); len(files) != 1 {
			t.Errorf("%s: files %q", what, files)
		}
		dbtest.Must(t, d.Close())
	}
	if unused < len(damage)/2 { // a byte between the sections is nobody's
		t.Errorf("%d of %d damaged files were found out", unused, len(damage))
	}
}

// TestCheckFindsDamagedDerivedRows: what no search has touched yet, the check reads.
func TestCheckFindsDamagedDerivedRows(t *testing.T) {
	fs := vfs.NewMem()
	d := dbtest.MustOpenOn(t, fs)
	_, err := d.Put(ctx, dbtest.Items(300, 8, 1)...)
	dbtest.Must(t, err)
	dbtest.Must(t, d.Derive(ctx))
	dbtest.Must(t, d.Close())
	flip(t, fs, "derived/"+derivedFiles(t, fs)[0], 4096*2+300*32/2)
	d = dbtest.MustOpenOn(t, fs)
	var found []string
	for err := range d.Check(ctx) {
		found = append(found, err.Error())
	}
	if len(found) != 1 || !strings.Contains(found[0], "derived file") {
		t.Errorf("check: %q", found)
	}
	dbtest.MustCheck(t, d)
}

// TestDerivedRowsPowerCut cuts the power before every operation of a Derive that replaces a file: whatever is left, the
// answers are right.
func TestDerivedRowsPowerCut(t *testing.T) {
	const dim = 8
	seed := uint64(20261124)
	rng := rand.New(rand.NewPCG(seed, 0))
	mem := vfs.NewCrashableMem()
	var mu sync.Mutex
	armed := false
	var left []*vfs.MemFS
	d := dbtest.MustOpenOn(t, errorfs.Wrap(mem, errorfs.InjectorFunc(func(op errorfs.Op) error {
		mu.Lock()
		defer mu.Unlock()
		if armed && op.Kind.ReadOrWrite() == errorfs.OpIsWrite {
			percents := []int{0, 50, 100}
			if testing.Short() {
				percents = percents[:1]
			}
			for _, percent := range percents {
				left = append(left, mem.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: percent, RNG: rng}))
			}
		}
		return nil
	})))
	_, err := d.Put(ctx, dbtest.Items(200, dim, 1)...)
	dbtest.Must(t, err)
	dbtest.Must(t, d.Derive(ctx))
	_, err = d.Put(ctx, dbtest.Items(50, dim, 2)...)
	dbtest.Must(t, err)
	_, err = d.Delete(ctx, "i0100")
	dbtest.Must(t, err)
	want := answers(t, d, dim)
	mu.Lock()
	armed = true
	mu.Unlock()
	dbtest.Must(t, d.Derive(ctx))
	dbtest.Must(t, d.Close())
	for i, fs := range left {
		c := dbtest.MustOpenOn(t, fs)
		if got := answers(t, c, dim); !reflect.DeepEqual(got, want) {
			t.Errorf("seed %d, cut %d: got %q\nwant %q", seed, i, got, want)
		}
		dbtest.MustCheck(t, c)
		dbtest.Must(t, c.Close())
	}
	if len(left) < 10 {
		t.Errorf("%d cuts", len(left))
	}
}

// TestDerivedRowsThatWereNotFinished: of a file that was being written when the power went, parts may be missing. It is not used.
func TestDerivedRowsThatWereNotFinished(t *testing.T) {
	fs := vfs.NewMem()
	d := dbtest.MustOpenOn(t, fs)
	_, err := d.Put(ctx, dbtest.Items(300, 12, 1)...)
	dbtest.Must(t, err)
	dbtest.Must(t, d.Derive(ctx))
	dbtest.Must(t, d.Close())
	name := "derived/" + derivedFiles(t, fs)[0]
	flip(t, fs, name, 8192+100) // as if this block had not reached the disk
	dbtest.Must(t, fs.Rename(dbtest.Dir+"/"+name, dbtest.Dir+"/"+name+".tmp"))
	d = dbtest.MustOpenOn(t, fs)
	if files := derivedFiles(t, fs); len(files) > 0 {
		t.Errorf("files %q", files)
	}
	dbtest.MustCheck(t, d)
}

// TestDerivedRowsThatCannotBeWritten: the disk has no room for the file; searches go on without it.
func TestDerivedRowsThatCannotBeWritten(t *testing.T) {
	fs := errorfs.Wrap(vfs.NewMem(), errorfs.InjectorFunc(func(op errorfs.Op) error {
		if strings.Contains(op.Path, "derived") && op.Kind.ReadOrWrite() == errorfs.OpIsWrite {
			return syscall.ENOSPC
		}
		return nil
	}))
	d := dbtest.MustOpenOn(t, fs)
	_, err := d.Put(ctx, dbtest.Items(5000, 4, 1)...) // enough for a search to want the file
	dbtest.Must(t, err)
	if n := len(answers(t, d, 4)); n != 100 {
		t.Errorf("%d answers", n)
	}
	if err := d.Derive(ctx); !errors.Is(err, db.ErrDiskFull) {
		t.Errorf("derive: %v", err)
	}
	_, err = d.Put(ctx, dbtest.Items(10, 4, 2)...)
	dbtest.Must(t, err)
	dbtest.MustCheck(t, d)
}

// TestSearchMakesTheDerivedFile once there are many rows, makes it anew when many more have come, and not for a few.
func TestSearchMakesTheDerivedFile(t *testing.T) {
	fs := vfs.NewMem()
	d := dbtest.MustOpenOn(t, fs)
	put := func(from, to int) string {
		_, err := d.Put(ctx, dbtest.Items(to, 4, 1)[from:]...)
		dbtest.Must(t, err)
		answers(t, d, 4)
		names, err := fs.List(dbtest.Dir + "/derived")
		if err != nil {
			return ""
		}
		slices.Sort(names)
		return strings.Join(names, " ")
	}
	few, many, same, more := put(0, 1000), put(1000, 6000), put(6000, 7000), put(7000, 12000)
	if few != "" || many == "" || many != same || more == same || more == "" {
		t.Errorf("files after 1,000, 6,000, 7,000 and 12,000 rows: %q, %q, %q, %q", few, many, same, more)
	}
	dbtest.MustCheck(t, d)
}
