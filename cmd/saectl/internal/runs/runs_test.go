package runs

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func begin(t *testing.T, root Root, name string) Run {
	t.Helper()
	r, err := root.Run(name)
	if err != nil {
		t.Fatal(err)
	}
	c := Config{Train: json.RawMessage(`{"k":4}`), RowsDigest: "aa", Rows: 2, HeldDigest: "bb", Held: 1}
	if err := r.Begin(c, []string{"a.jpg", "b c.jpg"}, []string{"d.jpg"}); err != nil {
		t.Fatal(err)
	}
	return r
}

func text(t *testing.T, open func() (io.ReadCloser, error)) string {
	t.Helper()
	f, err := open()
	if err != nil {
		t.Fatal(err)
	}
	if f == nil {
		return "(none)"
	}
	defer f.Close()
	b, err := io.ReadAll(f)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func write(s string) func(io.Writer) error {
	return func(w io.Writer) error { _, err := io.WriteString(w, s); return err }
}

// A run from its beginning to its end.
func TestLifeOfARun(t *testing.T) {
	root := In(t.TempDir())
	r := begin(t, root, "first")
	if rows, held, err := r.Rows(); err != nil || !slices.Equal(rows, []string{"a.jpg", "b c.jpg"}) || !slices.Equal(held, []string{"d.jpg"}) {
		t.Errorf("rows %q, held %q, %v", rows, held, err)
	}
	c, err := r.Config()
	if err != nil || c.Rows != 2 || !c.Equal(Config{Train: json.RawMessage(`{ "k": 4 }`), RowsDigest: "aa", HeldDigest: "bb"}) {
		t.Errorf("config %+v, %v", c, err)
	}
	if c.Equal(Config{Train: json.RawMessage(`{"k":5}`), RowsDigest: "aa", HeldDigest: "bb"}) {
		t.Error("another k counts as the same run")
	}
	if got := text(t, r.Checkpoint); got != "(none)" {
		t.Errorf("checkpoint before the first: %q", got)
	}
	for _, s := range []string{"state 1", "state 2"} {
		if err := r.SaveCheckpoint(write(s)); err != nil {
			t.Fatal(err)
		}
	}
	if got := text(t, r.Checkpoint); got != "state 2" {
		t.Errorf("checkpoint %q", got)
	}
	if err := r.SaveModel(write("weights")); err != nil {
		t.Fatal(err)
	}
	if got := text(t, r.Model) + text(t, r.Checkpoint); got != "weights(none)" {
		t.Errorf("model and checkpoint: %q", got)
	}
	if r.Done() {
		t.Error("done before Finish")
	}
	if err := r.Finish(map[string]int{"rows": 2}); err != nil {
		t.Fatal(err)
	}
	result := map[string]int{}
	if err := r.Result(&result); err != nil || result["rows"] != 2 || !r.Done() {
		t.Errorf("result %v, %v", result, err)
	}
}

// A writer that fails in the middle leaves what was there, and no litter.
func TestFailedWriteKeepsTheOldFile(t *testing.T) {
	r := begin(t, In(t.TempDir()), "first")
	if err := r.SaveCheckpoint(write("good")); err != nil {
		t.Fatal(err)
	}
	broken := errors.New("disk full")
	err := r.SaveCheckpoint(func(w io.Writer) error {
		_, _ = io.WriteString(w, "half of")
		return broken
	})
	if !errors.Is(err, broken) {
		t.Errorf("error %v", err)
	}
	if got := text(t, r.Checkpoint); got != "good" {
		t.Errorf("checkpoint %q", got)
	}
	if left, _ := filepath.Glob(filepath.Join(r.Dir(), "*.tmp*")); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
}

func TestListAndNames(t *testing.T) {
	root := In(t.TempDir())
	if l, err := root.List(); err != nil || len(l) != 0 {
		t.Errorf("no runs yet: %v, %v", l, err)
	}
	begin(t, root, "first")
	begin(t, root, "second")
	if err := os.MkdirAll(filepath.Join(string(root), "not-begun"), 0o777); err != nil {
		t.Fatal(err)
	}
	l, err := root.List()
	if err != nil || len(l) != 2 {
		t.Fatalf("list %v, %v", l, err)
	}
	for _, bad := range []string{"", ".", "..", "a/b", `a\b`, "a\nb", "c:", strings.Repeat("x", 101)} {
		if _, err := root.Run(bad); err == nil {
			t.Errorf("%q is accepted as a name", bad)
		}
	}
}

// After a kill the log may run ahead of the checkpoint and end in half a line.
func TestLogContinuesAtTheCheckpoint(t *testing.T) {
	r := begin(t, In(t.TempDir()), "first")
	log, err := r.Log(0)
	if err != nil {
		t.Fatal(err)
	}
	for step := range 6 {
		if err := log.Add(Point{Step: step, Loss: float64(step)}); err != nil {
			t.Fatal(err)
		}
	}
	log.f.WriteString(`{"step":6,"lo`)
	log.Close()
	if log, err = r.Log(4); err != nil {
		t.Fatal(err)
	}
	if err := log.Add(Point{Step: 4, Loss: 40}); err != nil {
		t.Fatal(err)
	}
	log.Close()
	points, err := r.Points()
	if err != nil {
		t.Fatal(err)
	}
	var steps []int
	for _, p := range points {
		steps = append(steps, p.Step)
	}
	if !slices.Equal(steps, []int{0, 1, 2, 3, 4}) || points[4].Loss != 40 {
		t.Errorf("points %v", points)
	}
}
