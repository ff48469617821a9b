package main

import (
	"encoding/binary"
	"encoding/json"
	"hash/crc32"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/saedb/saedb/cmd/saectl/internal/folder"
)

// bad indexes the folder, in which there are that many good pictures, and wants each of the bad files, by its name, to be skipped
// for a reason that begins like that. It wants them listed on stderr, and --strict to make an error of them.
func (x *indexer) bad(good int, reasons map[string]string) {
	x.t.Helper()
	o, encoded, _ := x.index()
	if o.Added != good || encoded != good {
		x.t.Errorf("%s, %d encoded; want %d added", o, encoded, good)
	}
	got := map[string]string{}
	for _, b := range o.Bad {
		name, err := filepath.Rel(x.root, b.Path)
		must(x.t, err)
		got[filepath.ToSlash(name)] = b.Error
	}
	_, stderr, status := x.call("index", x.root, "--strict")
	if want := thousands(len(reasons)) + " files could not be indexed"; status != statusError || !strings.Contains(stderr, want) {
		x.t.Errorf("--strict: status %d, want %d and %q: %s", status, statusError, want, stderr)
	}
	for _, name := range slices.Sorted(maps.Keys(reasons)) {
		if !strings.HasPrefix(got[name], reasons[name]) {
			x.t.Errorf("%s is skipped for %q, want %q", name, got[name], reasons[name])
		}
		if !strings.Contains(stderr, "skipped "+oneLine(filepath.Join(x.root, filepath.FromSlash(name)))+": ") {
			x.t.Errorf("%s is not listed: %s", name, stderr)
		}
		delete(got, name)
	}
	if len(got) > 0 {
		x.t.Errorf("skipped without need: %q", got)
	}
}

// bomb is a PNG of a few bytes that promises a picture of w x h pixels.
func bomb(w, h uint32) string {
	head := binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32([]byte("IHDR"), w), h)
	head = append(head, 8, 2, 0, 0, 0) // eight bits, RGB
	png := append([]byte("\x89PNG\r\n\x1a\n\x00\x00\x00\x0d"), head...)
	return string(binary.BigEndian.AppendUint32(png, crc32.ChecksumIEEE(head)))
}

func TestBadFilesAreListedAndSkipped(t *testing.T) {
	x := newIndexer(t)
	x.paint("good.png", red)
	x.paint("folder.jpg/inside.png", blue)
	x.write("notes.txt", "of no concern")
	x.write("zero.png", "")
	x.write("text.jpg", "not a picture\n")
	x.write("live.heic", "\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic")
	x.write("sub/bomb.png", bomb(50_000, 50_000))
	x.write("bomb.jpg", bomb(1<<31-1, 1<<31-1)) // the content decides, not the name
	x.write("flat.png", bomb(0, 5))
	x.write("huge.tiff", "")
	must(t, os.Truncate(filepath.Join(x.root, "huge.tiff"), maxFile+1)) // a hole: it takes no room on the disk
	x.bad(2, map[string]string{
		"zero.png":     "not a picture saedb can read: the file is empty",
		"text.jpg":     "not a picture saedb can read: its first bytes",
		"live.heic":    "not a picture saedb can read: HEIC is not supported; convert it",
		"sub/bomb.png": "picture too large: 50000x50000 pixels, and the limit is 200000000",
		"bomb.jpg":     "picture too large: ",
		"flat.png":     "damaged picture: ",
		"huge.tiff":    "picture too large: a file of 2,000,000,001 bytes, and the limit is 2,000,000,000",
	})
}

// One file of each format, whole, and without its second half.
func TestTruncatedFilesAreListedAndSkipped(t *testing.T) {
	x := newIndexer(t)
	reasons := map[string]string{}
	for _, name := range []string{"card-420.jpg", "progressive.jpg", "rgb-card.png", "rgb-interlaced.png", "plain.gif", "lossy-75.webp", "lossless.webp", "rgb.bmp", "rgb-lzw.tiff"} {
		data, err := os.ReadFile(filepath.Join("..", "..", "clip", "picture", "testdata", "pillow", name))
		must(t, err)
		x.write("whole/"+name, string(data))
		x.write("half/"+name, string(data[:len(data)/2]))
		reasons["half/"+name] = "damaged picture: "
	}
	x.bad(len(reasons), reasons)
}

// What lies in folders besides files, and files that cannot be read. /proc/self/mem is one that nobody can read from its
// beginning, root included.
func TestUnreadableFilesAreListedAndSkipped(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("links and permissions of Unix")
	}
	x := newIndexer(t)
	x.paint("sub/good.png", red)
	link := func(to, name string) { must(t, os.Symlink(to, filepath.Join(x.root, name))) }
	link(x.root, "sub/loop")
	link("nowhere", "dangling.png")
	link("circle.png", "circle.png")
	link(os.DevNull, "device.png")
	reasons := map[string]string{
		"sub/loop":     "a link to a folder that is read already",
		"dangling.png": "no such file",
		"circle.png":   "too many levels of symbolic links",
		"device.png":   "neither a file nor a folder",
	}
	if _, err := os.Stat("/proc/self/mem"); err == nil {
		link("/proc/self/mem", "memory.png")
		reasons["memory.png"] = "input/output error"
	}
	if os.Geteuid() != 0 { // who reads everything
		x.paint("secret.png", blue)
		must(t, os.Chmod(filepath.Join(x.root, "secret.png"), 0))
		x.paint("closed/inside.png", blue)
		must(t, os.Chmod(filepath.Join(x.root, "closed"), 0))
		t.Cleanup(func() { os.Chmod(filepath.Join(x.root, "closed"), 0o777) })
		reasons["secret.png"], reasons["closed"] = "permission denied", "permission denied"
	}
	x.bad(1, reasons)
	if _, stderr, status := x.call("index", os.DevNull); status != statusError || !strings.Contains(stderr, "neither a file nor a folder") {
		t.Errorf("a device: status %d: %s", status, stderr)
	}
}

// A name is what people gave it: whatever it holds is stored, and a terminal is shown none of it that it would obey.
func TestStrangeNames(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("names of Unix")
	}
	x := newIndexer(t)
	good := []string{"-rf.png", " .png", "a\nb.png", `"quoted" 'name'.png`, "100% *?.png", "雪 ❄.png", "UPPER.PNG", "\x1b[31mred.png"}
	for _, name := range good {
		x.paint(name, red)
	}
	x.write("\x1b[2J.png", "")
	reasons := map[string]string{"\x1b[2J.png": "not a picture saedb can read: the file is empty"}
	if runtime.GOOS == "linux" { // others refuse to make it
		x.paint("bad\xff.png", red)
		o, _, stderr := x.index()
		if o.Added != len(good) || len(o.Bad) != 2 || !strings.Contains(stderr, "its name is not UTF-8; rename it") {
			t.Errorf("%s: %s", o, stderr)
		}
		must(t, os.Remove(filepath.Join(x.root, "bad\xff.png")))
		must(t, os.RemoveAll(x.db))
	}
	x.bad(len(good), reasons)
	for _, name := range good {
		query, err := json.Marshal(name)
		must(t, err)
		stdout, stderr, status := x.call("query", "id = $id", "--param", "id="+name)
		if status != statusDone || !strings.Contains(stdout, `"id":`+string(query)) {
			t.Errorf("%q is not found: status %d: %s%s", name, status, stdout, stderr)
		}
	}
	if _, stderr, _ := x.call("index", x.root); strings.Contains(stderr, "\x1b") {
		t.Errorf("stderr has an escape: %q", stderr)
	}
}

// A file that goes away after it was listed is the fault of that file alone.
func TestAFileThatVanishesIsSkipped(t *testing.T) {
	x := newIndexer(t)
	x.paint("good.png", red)
	work := []indexWork{
		{file: folder.File{ID: "gone.png", Path: filepath.Join(x.root, "gone.png")}},
		{file: folder.File{ID: "good.png", Path: filepath.Join(x.root, "good.png")}},
	}
	batch := process(t.Context(), meanEncoder{&x.encoded}, work, newPixelBudget(decodedAtOnce))
	must(t, batch.err)
	if err := batch.works[0].err; err == nil || strings.Contains(err.Error(), x.root) {
		t.Errorf("the vanished file: %v; its path is said once, elsewhere", err)
	}
	if w := batch.works[1]; w.err != nil || len(w.item.Vec) != 3 {
		t.Errorf("the other file: %v, %v", w.err, w.item.Vec)
	}
}
