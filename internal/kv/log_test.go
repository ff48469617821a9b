package kv

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
)

// TestLogFile holds what was written and then zeros, whatever the sizes of the commits; in a file that is used again, what was there.
func TestLogFile(t *testing.T) {
	for _, c := range []struct {
		name   string
		reused bool
		most   int // bytes of a commit
		zeros  bool
	}{
		{"small commits", false, 3000, true},
		{"large commits", false, 500_000, false},
		{"used again", true, 3000, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			fs, rng := vfs.NewMem(), rand.New(rand.NewPCG(20261127, 0))
			raw, err := fs.Create("1.log", vfs.WriteCategoryUnspecified)
			if err != nil {
				t.Fatal(err)
			}
			var f vfs.File = &logFile{File: raw}
			rest := []byte(nil)
			if c.reused {
				rest = bytes.Repeat([]byte{7}, 200_000)
				if _, err := raw.Write(rest); err != nil {
					t.Fatal(err)
				}
				if raw, err = fs.ReuseForWrite("1.log", "2.log", vfs.WriteCategoryUnspecified); err != nil {
					t.Fatal(err)
				}
				f = reusedLog(raw)
			}
			var want []byte
			for len(want) < 3_000_000 {
				p := make([]byte, 1+rng.IntN(c.most))
				for i := range p {
					p[i] = byte(rng.Uint32())
				}
				want = append(want, p...) // before it is written: a file may use p up
				if _, err := f.Write(p); err != nil {
					t.Fatal(err)
				}
				if err := f.SyncData(); err != nil {
					t.Fatal(err)
				}
			}
			st, err := f.Stat()
			if err != nil {
				t.Fatal(err)
			}
			got := make([]byte, st.Size())
			if _, err := readAll(fs, f, c.reused, got); err != nil {
				t.Fatal(err)
			}
			if !bytes.HasPrefix(got, want) {
				t.Fatal("it holds something else")
			}
			if tail := got[len(want):]; len(bytes.Trim(tail, "\x00")) > 0 || len(tail) > mostZeros+smallCommit || len(tail) > 0 != c.zeros {
				t.Errorf("%d bytes follow", len(tail))
			}
		})
	}
}

func readAll(fs vfs.FS, f vfs.File, reused bool, p []byte) (int, error) {
	name := "1.log"
	if reused {
		name = "2.log"
	}
	r, err := fs.Open(name)
	if err != nil {
		return 0, err
	}
	defer r.Close()
	return r.ReadAt(p, 0)
}

// TestLogFileOnAFullDisk takes commits as long as there is room for them: that there is none for zeros is no error.
func TestLogFileOnAFullDisk(t *testing.T) {
	full := errorfs.InjectorFunc(func(op errorfs.Op) error {
		if op.Kind == errorfs.OpFileWriteAt {
			return errorfs.ErrInjected
		}
		return nil
	})
	fs := errorfs.Wrap(vfs.NewMem(), full)
	s := mustOpen(t, fs)
	for i := range 400 {
		b := s.Batch()
		b.Set(binary.BigEndian.AppendUint32([]byte("k"), uint32(i)), make([]byte, 1000))
		if err := b.Commit(); err != nil {
			t.Fatal(err)
		}
		b.Close()
	}
}

// TestPowerCutOfALongLog cuts the power again and again while small commits make a log long: everything acknowledged is there.
func TestPowerCutOfALongLog(t *testing.T) {
	const seed = 20261127
	fs, rng := vfs.NewCrashableMem(), rand.New(rand.NewPCG(seed, 0))
	tune := func(fs vfs.FS) Options {
		return Options{Create: true, Tune: func(o *pebble.Options) { o.FS, o.MemTableSize = fs, 4<<20 }}
	}
	s, _, err := Open("db", tune(fs))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	key := func(i int) []byte { return binary.BigEndian.AppendUint32([]byte("k"), uint32(i)) }
	value := func(i int) []byte { return bytes.Repeat([]byte{byte(i)}, 100+i*37%4000) }
	for i := range 1500 {
		b := s.Batch()
		b.Set(key(i), value(i))
		err := b.Commit()
		b.Close()
		if err != nil {
			t.Fatal(err)
		}
		if rng.IntN(60) > 0 {
			continue
		}
		left := fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: []int{0, 50, 100}[rng.IntN(3)], RNG: rng})
		again, _, err := Open("db", tune(left))
		if err != nil {
			t.Fatalf("seed %d, after commit %d: %v", seed, i, err)
		}
		err = again.Now(func(v Viewer) error {
			for j := range i + 1 {
				ok, err := v.View(key(j), func(got []byte) error {
					if !bytes.Equal(got, value(j)) {
						return errors.New("another value")
					}
					return nil
				})
				if err != nil || !ok {
					t.Errorf("seed %d, after commit %d: key %d: %v, %v", seed, i, j, ok, err)
				}
			}
			return nil
		})
		if err := errors.Join(err, again.Close()); err != nil {
			t.Fatal(err)
		}
	}
}
