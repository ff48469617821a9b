package db_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/saedb/saedb/db"
	"github.com/saedb/saedb/internal/dbtest"
	"github.com/saedb/saedb/query/querytest"
	"github.com/saedb/saedb/sae/concept"
)

// shape is how a database came to be before anything happens to it.
type shape string

const (
	closedOnce  shape = "made and closed"
	closedTwice shape = "made, closed, opened again and closed"
	cutOff      shape = "opened again when the power was cut" // the log is alive
)

// whole is a database before anything happens to it.
type whole struct {
	shape   shape
	fs      *vfs.MemFS
	prints  []string // fingerprints after each call that changed something; the last one is what fs holds
	items   map[string]db.Item
	answers map[string]string // of the questions
}

// questions touch every kind of stored thing.
var questions = []string{
	"find meta.year >= 2010 order by id top 1000",
	"concept = word0003 top 1000",
	"latent = 7 top 1000",
	"near image i0005 in dense top 20",
	"near image i0005 in dense top 1 effort 8", // along the graph: it finds the picture itself
	"near image i0005 in latent top 20",
	`near text "word0001" in dense top 5`,
	"count",
	"count by label",
	"concepts",
	"clusters",
	"explain image i0009",
}

func answerOf(d *db.DB, text string) (string, error) {
	rows, err := rowsOf(d.Query(ctx, text, nil))
	if err != nil {
		return "", err
	}
	var b strings.Builder
	for _, row := range rows {
		fmt.Fprintln(&b, querytest.FormatRow(row), row.Score)
	}
	return b.String(), nil
}

// tight are options under which a small database has many tables and blocks, and all derived files, and a failed one is no burden.
func tight(fs vfs.FS) *db.Options {
	o := dbtest.Options(fs)
	o.GraphFrom = 100
	o.Tune = func(p *pebble.Options) {
		p.FS, p.CacheSize = fs, 64<<10
		for i := range p.Levels {
			p.Levels[i].BlockSize = 512 // Pebble tries each bit of a damaged block for the one that was flipped
		}
		for i := range p.TargetFileSizes {
			p.TargetFileSizes[i] = 8 << 10
		}
	}
	return o
}

// grow makes a database that has everything. Where the power is cut, what came after the second opening is in the log alone.
func grow(t *testing.T, shape shape) *whole {
	t.Helper()
	w := &whole{shape: shape, fs: vfs.NewCrashableMem(), items: map[string]db.Item{}, answers: map[string]string{}}
	o := tight(w.fs)
	if shape == closedOnce { // by many flushes, each of which leaves a state that could be taken for the last
		tune := o.Tune
		o.Tune = func(p *pebble.Options) {
			tune(p)
			p.MemTableSize, p.L0CompactionThreshold, p.L0StopWritesThreshold = 32<<10, 100, 100
		}
	}
	d, err := db.Open(ctx, dbtest.Dir, o)
	dbtest.Must(t, err)
	step := func(err error) {
		t.Helper()
		dbtest.Must(t, err)
		w.prints = append(w.prints, fingerprint(t, d))
	}
	put := func(items []db.Item) {
		t.Helper()
		for i := range items {
			items[i].Thumb = []byte(items[i].ID)
		}
		_, err := d.Put(ctx, items...)
		step(err)
	}
	const dim, latents = 8, 20
	step(nil) // nothing yet
	put(dbtest.Items(150, dim, 1))
	step(d.AddModel(ctx, "m", dbtest.Model(dim, latents, 3, 1)))
	step(d.EncodeAll(ctx, "m", 1, nil))
	step(d.Activate(ctx, "m"))
	step(d.SetNames(ctx, "m", dbtest.Names(latents)))
	step(d.SetVocab(ctx, vocabOf(dim, "word0001", "word0002")))
	if shape != closedOnce {
		dbtest.Must(t, d.Close())
		d, err = db.Open(ctx, dbtest.Dir, tight(w.fs))
		dbtest.Must(t, err)
	}
	dbtest.Must(t, d.DeriveGraph(ctx))
	put(dbtest.Items(60, dim, 2)) // replaced
	_, err = d.Delete(ctx, "i0007", "i0149")
	step(err)
	step(d.SetClusters(ctx, &db.Clusters{Over: "vectors", K: 1, List: []db.Cluster{{ID: 0, Size: 1, Within: 1}}}, clusterOf("i0001")))
	_, err = d.Annotate(ctx, "label", annotations(map[string]any{"i0001": "sea", "i0002": "sky"}))
	step(err)
	put(dbtest.Items(200, dim, 3)[180:])
	for it, err := range d.All(ctx) {
		dbtest.Must(t, err)
		w.items[it.ID] = it
	}
	for _, q := range questions {
		w.answers[q], err = answerOf(d, q)
		dbtest.Must(t, err)
	}
	if shape == cutOff {
		w.fs = w.fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: 0})
	}
	dbtest.Must(t, d.Close())
	return w
}

// kindOf is what a file is by its name: two files of one kind are damaged with the same consequences.
func kindOf(name string) string {
	switch {
	case strings.HasPrefix(name, "derived/"):
		kind, _, _ := strings.Cut(name, "-")
		return kind
	case strings.Contains(name, "/"):
		return path.Dir(name)
	case strings.HasPrefix(name, "marker."):
		return "marker"
	case path.Ext(name) != "":
		return path.Ext(name)
	}
	kind, _, _ := strings.Cut(name, "-")
	return kind
}

// files lists the files of a database by kind, those in folders with their path, but for the two that only say who has it open.
func (w *whole) files(t *testing.T) map[string][]string {
	t.Helper()
	out := map[string][]string{}
	var walk func(dir, prefix string)
	walk = func(dir, prefix string) {
		names, err := w.fs.List(dir)
		dbtest.Must(t, err)
		slices.Sort(names)
		for _, name := range names {
			st, err := w.fs.Stat(dir + "/" + name)
			dbtest.Must(t, err)
			if st.IsDir() {
				walk(dir+"/"+name, prefix+name+"/")
				continue
			}
			out[kindOf(prefix+name)] = append(out[kindOf(prefix+name)], prefix+name)
		}
	}
	walk(dbtest.Dir, "")
	delete(out, "LOCK")
	delete(out, "HOLDER")
	return out
}

// TestFlippedBits flips a bit of a file, again and again, in every kind of file of databases of every shape. Each time either
// everything is there and the check is silent, or there are errors that say so: from the opening, from the check, or from whoever
// reads what is not there; nobody gets another answer than before, and a salvage brings the rest. $SAEDB_LONG flips 30 times as many.
func TestFlippedBits(t *testing.T) {
	each, seed := 20, uint64(20261125)
	if os.Getenv("SAEDB_LONG") != "" {
		each *= 30
	}
	if testing.Short() {
		each = 5
	}
	for _, shape := range []shape{closedOnce, closedTwice, cutOff} {
		w := grow(t, shape)
		files := w.files(t)
		for _, kind := range []string{".sst", "MANIFEST", "derived/rows", "derived/round", "derived/graph"} {
			derived := strings.HasPrefix(kind, "derived/") // a folder that was new when the power was cut is gone
			if len(files[kind]) == 0 && !(derived && shape == cutOff) {
				t.Errorf("%s: no %s file among the kinds %q", shape, kind, sortedKeys(files))
			}
		}
		rng := rand.New(rand.NewPCG(seed, 0))
		for _, kind := range sortedKeys(files) {
			ends := map[string]int{}
			for n := range each {
				s := w.spoil(t, rng, files[kind][rng.IntN(len(files[kind]))])
				s.where = fmt.Sprintf("seed %d, %s: %s", seed, shape, s.where)
				s.readOnly = n%2 == 1
				ends[s.judge(t)]++
			}
			t.Logf("%s: %s: %v", shape, kind, ends)
		}
	}
}

// spoilt is a copy of a database in which one bit is another.
type spoilt struct {
	*whole
	fs       *vfs.MemFS
	file     string
	where    string
	readOnly bool   // how it is opened
	undo     func() // takes the damage back
	late     bool   // the bit is in the last fifth of the file: it may be in the last record
}

// spoil flips one random bit of a file: of its content, or of its name's last number where that is all there is.
func (w *whole) spoil(t *testing.T, rng *rand.Rand, file string) spoilt {
	t.Helper()
	s := spoilt{whole: w, fs: vfs.NewMem(), file: file}
	_, err := vfs.Clone(w.fs, s.fs, dbtest.Dir, dbtest.Dir)
	dbtest.Must(t, err)
	bit := byte(1) << rng.IntN(8)
	if size := sizeOf(t, w.fs, file); size > 0 {
		at := rng.Int64N(size)
		s.where = fmt.Sprintf("%s, byte %d of %d, bit %#02x", file, at, size, bit)
		flipBits(t, s.fs, file, at, bit)
		s.undo, s.late = func() { flipBits(t, s.fs, file, at, bit) }, at > size*4/5
		return s
	}
	name := []byte(file)
	name[len(name)-1] ^= byte(1) << rng.IntN(3)
	s.where = fmt.Sprintf("%s, renamed to %s", file, name)
	dbtest.Must(t, s.fs.Rename(dbtest.Dir+"/"+file, dbtest.Dir+"/"+string(name)))
	s.undo = func() { dbtest.Must(t, s.fs.Rename(dbtest.Dir+"/"+string(name), dbtest.Dir+"/"+file)) }
	return s
}

// judge opens and reads the database in every way, and returns in a word how that ended.
func (s spoilt) judge(t *testing.T) string {
	t.Helper()
	o := tight(s.fs)
	o.Create, o.ReadOnly = false, s.readOnly
	d, err := db.Open(ctx, dbtest.Dir, o)
	if err != nil {
		if !s.says(err) && !strings.Contains(err.Error(), "open "+dbtest.Dir+": ") {
			t.Errorf("%s: opening: %v", s.where, err)
		}
		s.mend(t)
		return "does not open"
	}
	defer func() { _ = d.Close() }()
	var faults []error
	for fault := range d.Check(ctx) {
		if !s.says(fault) {
			t.Errorf("%s: check: %v", s.where, fault)
		}
		if faults = append(faults, fault); len(faults) == 3 {
			break
		}
	}
	print, err := d.Fingerprint(ctx)
	last := len(s.prints) - 1
	switch state := slices.Index(s.prints, print); {
	case err != nil && len(faults) == 0:
		t.Errorf("%s: the check is silent, and the fingerprint cannot be read: %v", s.where, err)
	case err != nil && !s.says(err):
		t.Errorf("%s: fingerprint: %v", s.where, err)
	case err == nil && state < 0:
		t.Errorf("%s: another content", s.where)
	case err == nil && state < last && s.forgets():
		return "is of an earlier time"
	case err == nil && state < last:
		t.Errorf("%s: it is as after call %d of %d, and nobody says so", s.where, state, last)
	}
	if t.Failed() {
		return "" // one report is enough
	}
	s.read(t, d)
	if len(faults) == 0 {
		return "is whole"
	}
	s.salvage(t)
	return "has faults"
}

// mend takes the damage back: the opening that failed has lost nothing.
func (s spoilt) mend(t *testing.T) {
	t.Helper()
	s.undo()
	d, err := db.Open(ctx, dbtest.Dir, tight(s.fs))
	if err != nil {
		t.Errorf("%s: mended, it does not open: %v", s.where, err)
		return
	}
	defer d.Close()
	if print, err := d.Fingerprint(ctx); err != nil || print != s.prints[len(s.prints)-1] {
		t.Errorf("%s: mended, it is another database (%v)", s.where, err)
	}
}

// says reports whether an error says that the database is damaged.
func (s spoilt) says(err error) bool {
	return errors.Is(err, db.ErrCorrupt) || errors.Is(err, db.ErrFailed)
}

// forgets reports whether Pebble may take the damage for the end of a file that was being written when the power was cut: in the log
// of a database that was not closed, and in the last record of a MANIFEST.
func (s spoilt) forgets() bool {
	return kindOf(s.file) == ".log" && s.shape == cutOff || s.late && kindOf(s.file) == "MANIFEST"
}

// read asks for every item and for the answers: each is what it was, or an error.
func (s spoilt) read(t *testing.T, d *db.DB) {
	t.Helper()
	for _, id := range sortedKeys(s.items) {
		it, err := d.Get(ctx, id)
		if err == nil && !reflect.DeepEqual(it, s.items[id]) {
			t.Errorf("%s: get %s gives %+v", s.where, id, it)
		}
		if err != nil && !s.says(err) {
			t.Errorf("%s: %v", s.where, err)
		}
	}
	n := 0
	for it, err := range d.All(ctx) {
		if err != nil {
			n = len(s.items)
			break
		}
		if n++; !reflect.DeepEqual(it, s.items[it.ID]) {
			t.Errorf("%s: %s is %+v among all", s.where, it.ID, it)
		}
	}
	if n != len(s.items) {
		t.Errorf("%s: %d of %d items, and no error", s.where, n, len(s.items))
	}
	for _, q := range questions {
		if answer, err := answerOf(d, q); err == nil && answer != s.answers[q] {
			t.Errorf("%s: %s gives\n%swant\n%s", s.where, q, answer, s.answers[q])
		}
	}
}

// salvage saves what can be read, as saectl does.
func (s spoilt) salvage(t *testing.T) {
	t.Helper()
	o := tight(s.fs)
	o.Create, o.ReadOnly = false, true
	d, err := db.Open(ctx, dbtest.Dir, o)
	if err != nil {
		return // told, and judged elsewhere
	}
	defer func() { _ = d.Close() }()
	to, err := db.Open(ctx, dbtest.Dir, tight(vfs.NewMem()))
	dbtest.Must(t, err)
	defer func() { dbtest.Must(t, to.Close()) }()
	out, err := d.Salvage(ctx, to)
	if err != nil {
		if !s.says(err) {
			t.Errorf("%s: %v", s.where, err)
		}
		return
	}
	dbtest.MustCheck(t, to)
	saved := 0
	for it, err := range to.All(ctx) {
		dbtest.Must(t, err)
		saved++
		want := s.items[it.ID]
		bare := out.Bare > 0 && (it.Meta == nil || it.Thumb == nil)
		if !slices.Equal(it.Vec, want.Vec) || it.Norm != want.Norm || !bare && (!reflect.DeepEqual(it.Meta, want.Meta) || !bytes.Equal(it.Thumb, want.Thumb)) {
			t.Errorf("%s: salvaged %+v, it was %+v", s.where, it, want)
		}
	}
	if saved != out.Items || saved+out.Lost < len(s.items) || saved < len(s.items) && len(out.Faults) == 0 {
		t.Errorf("%s: salvaged %d of %d items, it says %d, %d lost (%v)", s.where, saved, len(s.items), out.Items, out.Lost, errors.Join(out.Faults...))
	}
}

// flipBits changes bits of one byte of a file of the database.
func flipBits(t *testing.T, fs vfs.FS, name string, at int64, bits byte) {
	t.Helper()
	f, err := fs.OpenReadWrite(dbtest.Dir+"/"+name, vfs.WriteCategoryUnspecified)
	dbtest.Must(t, err)
	b := []byte{0}
	_, err = f.ReadAt(b, at)
	dbtest.Must(t, err)
	_, err = f.WriteAt([]byte{b[0] ^ bits}, at)
	dbtest.Must(t, err)
	dbtest.Must(t, f.Close())
}

// vocabOf makes a vocabulary of words, each along an axis.
func vocabOf(dim int, words ...string) *concept.Vocab {
	v := &concept.Vocab{Words: words, Vectors: make([]float32, dim*len(words)), D: dim}
	for i := range words {
		v.Vectors[i*dim+i] = 1
	}
	return v
}
