package querytest

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// faults are mistakes that somebody might make in package query: each is one small replacement in a file.
var faults = []struct{ name, file, right, wrong string }{
	{"a threshold leaves out who just reaches it", "cond.go", "return activation >= limit", "return activation > limit"},
	{"a bound is taken for the activation", "stream.go", "if _, certain := s.f.passes(b, s.limit); !certain {", "if _, certain := s.f.passes(b, s.limit); !certain && i > 0 {"},
	{"ties go to the larger id", "rank.go", "return cmp.Or(c, strings.Compare(a.id, b.id))", "return cmp.Or(c, strings.Compare(b.id, a.id))"},
	{"the weaker latents of a concept steer too little", "edit.go", "float64(w.W/s.group[0].W)", "float64(w.W)"},
	{"a day ends when it begins", "value.go", "return test(Le, values[0].last), false, nil", "return test(Le, values[0].first), false, nil"},
}

// TestPlantedFaults makes each mistake in turn and demands that TestAgainstNaive finds it. Every fault compiles package query again, so only
// $SAEDB_FAULTS or $SAEDB_LONG asks for it; that the mistakes can still be made is looked at each time.
func TestPlantedFaults(t *testing.T) {
	for _, f := range faults {
		source, err := os.ReadFile(filepath.Join("..", f.file))
		if err != nil {
			t.Fatal(err)
		}
		if n := strings.Count(string(source), f.right); n != 1 {
			t.Errorf("%s: %s has %d times %q, want once: plant the fault elsewhere", f.name, f.file, n, f.right)
		}
	}
	if os.Getenv("SAEDB_FAULTS") == "" && os.Getenv("SAEDB_LONG") == "" {
		t.Skip("SAEDB_FAULTS=1 plants them, a minute of compiling")
	}
	for _, f := range faults {
		t.Run(f.name, func(t *testing.T) {
			test := exec.Command("go", "test", "-overlay", overlay(t, f.file, f.right, f.wrong), "-run", "^TestAgainstNaive$", ".")
			test.Env = append(os.Environ(), "SAEDB_LONG=1")
			out, err := test.CombinedOutput()
			if err == nil || !strings.Contains(string(out), "--- FAIL: TestAgainstNaive") {
				t.Errorf("the fault was not found: %v\n%s", err, out)
			}
		})
	}
}

// overlay writes a file of package query with one replacement, and tells the go command to take it instead.
func overlay(t *testing.T, file, right, wrong string) string {
	t.Helper()
	original, err := filepath.Abs(filepath.Join("..", file))
	if err != nil {
		t.Fatal(err)
	}
	source, err := os.ReadFile(original)
	if err != nil {
		t.Fatal(err)
	}
	mutant := filepath.Join(t.TempDir(), file)
	plan, err := json.Marshal(map[string]map[string]string{"Replace": {original: mutant}})
	if err != nil {
		t.Fatal(err)
	}
	config := filepath.Join(filepath.Dir(mutant), "overlay.json")
	for name, content := range map[string]string{mutant: strings.Replace(string(source), right, wrong, 1), config: string(plan)} {
		if err := os.WriteFile(name, []byte(content), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	return config
}
