package db_test

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/klauspost/compress/zstd"

	"github.com/saedb/saedb/db"
	"github.com/saedb/saedb/internal/dbtest"
)

// lived returns a database on the disk that has had a small life.
func lived(t *testing.T) *db.DB {
	t.Helper()
	d, err := db.Create(ctx, filepath.Join(t.TempDir(), "db"), &db.Options{Threads: 1})
	dbtest.Must(t, err)
	t.Cleanup(func() { _ = d.Close() })
	_, err = d.Put(ctx, dbtest.Items(50, 8, 1)...)
	dbtest.Must(t, err)
	dbtest.Must(t, d.AddModel(ctx, "m", dbtest.Model(8, 32, 4, 1)))
	dbtest.Must(t, d.Activate(ctx, "m"))
	dbtest.Must(t, d.SetNames(ctx, "", dbtest.Names(32)))
	_, err = d.Put(ctx, dbtest.Items(10, 8, 2)...)
	dbtest.Must(t, err)
	_, err = d.Delete(ctx, "i0003", "i0029")
	dbtest.Must(t, err)
	return d
}

// fingerprintOf opens the database in dir, checks it, and returns its fingerprint.
func fingerprintOf(t *testing.T, dir string) string {
	t.Helper()
	d, err := db.Open(ctx, dir, nil)
	dbtest.Must(t, err)
	defer d.Close()
	dbtest.MustCheck(t, d)
	sum, err := d.Fingerprint(ctx)
	dbtest.Must(t, err)
	return sum
}

func backupOf(t *testing.T, d *db.DB) []byte {
	t.Helper()
	var b bytes.Buffer
	dbtest.Must(t, d.Backup(ctx, &b))
	return b.Bytes()
}

func TestBackupComesBack(t *testing.T) {
	d := lived(t)
	want, err := d.Fingerprint(ctx)
	dbtest.Must(t, err)
	b := backupOf(t, d)
	folder := filepath.Join(t.TempDir(), "copy")
	dbtest.Must(t, d.BackupTo(ctx, folder))

	_, err = d.Delete(ctx, "i0001") // later: not in the backups
	dbtest.Must(t, err)
	out := t.TempDir()
	empty := filepath.Join(out, "empty")
	dbtest.Must(t, os.Mkdir(empty, 0o700))
	for dir, restore := range map[string]func(string) error{
		filepath.Join(out, "deep", "stream"): func(dir string) error { return db.Restore(ctx, dir, bytes.NewReader(b)) },
		empty:                                func(dir string) error { return db.Restore(ctx, dir, bytes.NewReader(b)) },
		filepath.Join(out, "folder"):         func(dir string) error { return db.RestoreFrom(ctx, dir, folder) },
	} {
		dbtest.Must(t, restore(dir))
		if got := fingerprintOf(t, dir); got != want {
			t.Errorf("%s: fingerprint %s, want %s", dir, got, want)
		}
		if err := restore(dir); !errors.Is(err, fs.ErrExist) || !strings.Contains(err.Error(), "nothing is ever restored over") {
			t.Errorf("%s: restored over itself: %v", dir, err)
		}
	}
	if left, _ := filepath.Glob(filepath.Join(out, ".*")); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
	if names, _ := os.ReadDir(d.Dir()); slices.ContainsFunc(names, func(e fs.DirEntry) bool { return e.Name() == "backup.tmp" }) {
		t.Error("the checkpoint is still there")
	}
	if err := d.BackupTo(ctx, folder); err == nil || !strings.Contains(err.Error(), "exists: name a folder that does not") {
		t.Errorf("a backup over another: %v", err)
	}
}

// TestBackupBesideAWriter: a backup holds one state, whole commits of it.
func TestBackupBesideAWriter(t *testing.T) {
	d := lived(t)
	stop, stopped := make(chan struct{}), make(chan error)
	go func() {
		for seed := uint64(3); ; seed++ {
			select {
			case <-stop:
				stopped <- nil
				return
			default:
			}
			if _, err := d.Put(ctx, dbtest.Items(20, 8, seed)...); err != nil {
				stopped <- err
				return
			}
		}
	}()
	for i := range 5 {
		dir := filepath.Join(t.TempDir(), "db")
		dbtest.Must(t, db.Restore(ctx, dir, bytes.NewReader(backupOf(t, d))))
		if fingerprintOf(t, dir) == "" { // checks, too
			t.Errorf("backup %d has no fingerprint", i)
		}
	}
	close(stop)
	dbtest.Must(t, <-stopped)
}

func TestRestoreRefusesEveryDamage(t *testing.T) {
	d := lived(t)
	want, err := d.Fingerprint(ctx)
	dbtest.Must(t, err)
	b := backupOf(t, d)
	step := max(1, len(b)/300)
	tried, same := 0, 0
	for at := 0; at < len(b); at += step {
		flipped := bytes.Clone(b)
		flipped[at] ^= 0x20
		for what, bad := range map[string][]byte{"cut": b[:at], "flipped": flipped} {
			dir := filepath.Join(t.TempDir(), "db")
			err := db.Restore(ctx, dir, bytes.NewReader(bad))
			if err == nil && fingerprintOf(t, dir) == want { // a bit that says nothing: padding of the compression
				same++
				continue
			}
			if !errors.Is(err, db.ErrBackup) {
				t.Fatalf("%s at byte %d of %d: %v", what, at, len(b), err)
			}
			if left, _ := os.ReadDir(filepath.Dir(dir)); len(left) > 0 {
				t.Fatalf("%s at byte %d: %s is left behind", what, at, left[0].Name())
			}
			tried++
		}
	}
	t.Logf("%d damaged backups of %d bytes were refused, %d were harmless", tried, len(b), same)
	if same > tried/20 {
		t.Errorf("%d of %d damaged backups were restored", same, tried+same)
	}
}

// archive is a backup of files that somebody else put together.
func archive(t *testing.T, files ...[2]string) []byte {
	t.Helper()
	var b bytes.Buffer
	z, err := zstd.NewWriter(&b)
	dbtest.Must(t, err)
	w := tar.NewWriter(z)
	for _, f := range files {
		h := &tar.Header{Typeflag: tar.TypeReg, Name: f[0], Size: int64(len(f[1])), Mode: 0o644}
		if f[1] == "link" {
			h.Typeflag, h.Linkname, h.Size, f[1] = tar.TypeSymlink, "/etc/passwd", 0, ""
		}
		dbtest.Must(t, w.WriteHeader(h))
		_, err := io.WriteString(w, f[1])
		dbtest.Must(t, err)
	}
	dbtest.Must(t, w.Close())
	dbtest.Must(t, z.Close())
	return b.Bytes()
}

func TestRestoreRefusesWhatIsNoBackup(t *testing.T) {
	const sum = "9834876dcfb05cb167a5c24953eba58c4ac89b1adf57f28f2f9d09af107ee8f0" // of "aaa"
	line := func(name string) string { return sum + "  " + name + "\n" }
	for says, files := range map[string][][2]string{
		`holds "../000001.log"`:             {{"../000001.log", "aaa"}},
		`holds "sub/000001.log"`:            {{"sub/000001.log", "aaa"}},
		`holds "/000001.log"`:               {{"/000001.log", "aaa"}},
		`holds "000002.log"`:                {{"000001.log", "aaa"}, {"000002.log", "link"}},
		`holds "LOCK"`:                      {{"LOCK", "aaa"}},
		`holds "notes.txt"`:                 {{"notes.txt", "aaa"}},
		"holds 000001.log twice":            {{"000001.log", "aaa"}, {"000001.log", "aaa"}},
		"ends before SHA256SUMS":            {{"000001.log", "aaa"}},
		"000001.log does not agree":         {{"000001.log", "aab"}, {"SHA256SUMS", line("000001.log")}},
		"000002.log is missing":             {{"000001.log", "aaa"}, {"SHA256SUMS", line("000002.log")}},
		"2 files, and sums of 1":            {{"000001.log", "aaa"}, {"000002.log", "aaa"}, {"SHA256SUMS", line("000001.log")}},
		"something follows SHA256SUMS":      {{"000001.log", "aaa"}, {"SHA256SUMS", line("000001.log")}, {"000002.log", "aaa"}},
		"SHA256SUMS is empty":               {{"000001.log", "aaa"}, {"SHA256SUMS", ""}},
		`names "../x", which is no file`:    {{"000001.log", "aaa"}, {"SHA256SUMS", line("../x")}},
		"SHA256SUMS names 000001.log twice": {{"000001.log", "aaa"}, {"SHA256SUMS", line("000001.log") + line("000001.log")}},
		`SHA256SUMS has the line "aaa"`:     {{"000001.log", "aaa"}, {"SHA256SUMS", "aaa"}},
		"what it holds does not open":       {{"000001.log", "aaa"}, {"SHA256SUMS", line("000001.log")}},
	} {
		dir := filepath.Join(t.TempDir(), "db")
		err := db.Restore(ctx, dir, bytes.NewReader(archive(t, files...)))
		if !errors.Is(err, db.ErrBackup) || !strings.Contains(err.Error(), says) {
			t.Errorf("%v, want %q", err, says)
		}
		if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: there is a folder", says)
		}
	}
	if err := db.Restore(ctx, t.TempDir()+"/db", strings.NewReader("hello")); !errors.Is(err, db.ErrBackup) {
		t.Errorf("a text: %v", err)
	}
}

func TestRestoreFromADamagedFolder(t *testing.T) {
	d := lived(t)
	for says, harm := range map[string]func(dir string) error{
		"has no SHA256SUMS":               func(dir string) error { return os.Remove(dir + "/SHA256SUMS") },
		"is missing":                      func(dir string) error { return os.Remove(first(t, dir, "MANIFEST-*")) },
		"does not agree with its SHA-256": func(dir string) error { return os.WriteFile(first(t, dir, "OPTIONS-*"), []byte("x"), 0o600) },
	} {
		folder := filepath.Join(t.TempDir(), "copy")
		dbtest.Must(t, d.BackupTo(ctx, folder))
		dbtest.Must(t, harm(folder))
		if err := db.RestoreFrom(ctx, filepath.Join(t.TempDir(), "db"), folder); !errors.Is(err, db.ErrBackup) || !strings.Contains(err.Error(), says) {
			t.Errorf("%v, want %q", err, says)
		}
	}
}

func first(t *testing.T, dir, pattern string) string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, pattern))
	if err != nil || len(names) == 0 {
		t.Fatalf("no %s in %s (%v)", pattern, dir, err)
	}
	return names[0]
}

func TestBackupAndRestoreThatAreCancelled(t *testing.T) {
	d := lived(t)
	b := backupOf(t, d)
	over, cancel := context.WithCancel(ctx)
	cancel()
	if err := d.Backup(over, io.Discard); !errors.Is(err, context.Canceled) {
		t.Errorf("backup: %v", err)
	}
	dbtest.Must(t, d.Backup(ctx, io.Discard)) // nothing is in the way of the next
	dir := filepath.Join(t.TempDir(), "db")
	if err := db.Restore(over, dir, bytes.NewReader(b)); !errors.Is(err, context.Canceled) {
		t.Errorf("restore: %v", err)
	}
	if left, _ := os.ReadDir(filepath.Dir(dir)); len(left) > 0 {
		t.Errorf("%s is left behind", left[0].Name())
	}
	full := errors.New("disk full")
	if err := d.Backup(ctx, failing{full}); !errors.Is(err, full) {
		t.Errorf("a writer that fails: %v", err)
	}
}

type failing struct{ err error }

func (f failing) Write([]byte) (int, error) { return 0, f.err }

// TestABackupThatWasKilled: what it left is gone when the database is opened again.
func TestABackupThatWasKilled(t *testing.T) {
	d := lived(t)
	dir := d.Dir()
	dbtest.Must(t, d.Close())
	dbtest.Must(t, os.MkdirAll(filepath.Join(dir, "backup.tmp", "old"), 0o700))
	want := fingerprintOf(t, dir)
	if _, err := os.Stat(filepath.Join(dir, "backup.tmp")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("it is still there (%v)", err)
	}
	d, err := db.Open(ctx, dir, nil)
	dbtest.Must(t, err)
	defer d.Close()
	to := filepath.Join(t.TempDir(), "db")
	dbtest.Must(t, db.Restore(ctx, to, bytes.NewReader(backupOf(t, d))))
	if got := fingerprintOf(t, to); got != want {
		t.Errorf("fingerprint %s, want %s", got, want)
	}
}

func TestCompact(t *testing.T) {
	o := dbtest.Options(vfs.NewMem())
	tune := o.Tune
	o.Tune = func(po *pebble.Options) { tune(po); po.DisableAutomaticCompactions, po.MemTableSize = true, 256<<10 }
	d, err := db.Open(ctx, dbtest.Dir, o)
	dbtest.Must(t, err)
	defer d.Close()
	for seed := range uint64(5) {
		_, err := d.Put(ctx, dbtest.Items(2000, 32, seed)...)
		dbtest.Must(t, err)
	}
	var ids []string
	for i := range 1900 {
		ids = append(ids, fmt.Sprintf("i%04d", i))
	}
	_, err = d.Delete(ctx, ids...)
	dbtest.Must(t, err)
	want, err := d.Fingerprint(ctx)
	dbtest.Must(t, err)
	before, after, err := d.Compact(ctx)
	dbtest.Must(t, err)
	if after >= before/2 {
		t.Errorf("%d bytes were %d before", after, before)
	}
	dbtest.MustCheck(t, d)
	if got, err := d.Fingerprint(ctx); err != nil || got != want {
		t.Errorf("fingerprint %s, want %s (%v)", got, want, err)
	}
}

func TestUpgradeOfTheNewestFormat(t *testing.T) {
	d := lived(t)
	dir := d.Dir()
	dbtest.Must(t, d.Close())
	from, to, err := db.Upgrade(ctx, dir)
	if err != nil || from != to || from < 1 {
		t.Errorf("from %d to %d, %v", from, to, err)
	}
	if _, _, err := db.Upgrade(ctx, t.TempDir()); !errors.Is(err, db.ErrNoDatabase) {
		t.Errorf("an empty folder: %v", err)
	}
}

// FuzzRestore gives Restore whatever comes: it makes a database that is whole, or an error that says that this is no backup, and leaves
// nothing behind.
func FuzzRestore(f *testing.F) {
	released, err := os.ReadFile("testdata/format1.tar.zst")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(released)
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		dir := filepath.Join(t.TempDir(), "db")
		err := db.Restore(ctx, dir, bytes.NewReader(b))
		if err == nil {
			fingerprintOf(t, dir)
			return
		}
		if !errors.Is(err, db.ErrBackup) {
			t.Errorf("%v", err)
		}
		if left, _ := os.ReadDir(filepath.Dir(dir)); len(left) > 0 {
			t.Errorf("%s is left behind", left[0].Name())
		}
	})
}
