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
	{"what is behind a cursor raises the floor together with what is before it", "pool.go", "may, sure = may && !(lo > at), sure && hi < at", "may = may && !(lo > at)"},
	{"rows that tie with the last of a full list are forgotten", "pool.go", "may, sure = !(hi < p.reach), true", "may, sure = hi > p.reach, true"},
	{"what must not fire is forgotten where only filters are left", "stream.go", "m.without(&s.tmp)\n\t}\n\treturn nil\n}\n\nfunc (s *andStream) fill", "m.and(&s.tmp)\n\t}\n\treturn nil\n}\n\nfunc (s *andStream) fill"},
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
			test := exec.Command("go", "test", "-overlay", overlay(t, change{"../" + f.file, f.right, f.wrong}), "-run", "^TestAgainstNaive$", ".")
			test.Env = append(os.Environ(), "SAEDB_LONG=1")
			out, err := test.CombinedOutput()
			if err == nil || !strings.Contains(string(out), "--- FAIL: TestAgainstNaive") {
				t.Errorf("the fault was not found: %v\n%s", err, out)
			}
		})
	}
}

// TestLittleRoom: the answers are the same where hardly a row is kept beyond those that are asked for, so that a few dozen items do what millions
// would: settle near ties, cut lists, and walk through an answer bit by bit. Like TestPlantedFaults it compiles, and runs where that does.
func TestLittleRoom(t *testing.T) {
	changes := []change{
		{"../../index/sparse/best.go", "const few = 4096", "const few = 1 - 3"},
		{"../pool.go", "const fewOpen = 4096", "const fewOpen = 1 - 3"},
		{"../rank.go", "mostWalk  = 1 << 13", "mostWalk  = 3"},
		{"../rank.go", "firstWalk = 64", "firstWalk = 2"},
		{"../rank.go", "const checkEvery = 1024", "const checkEvery = 1"},
	}
	config := overlay(t, changes...)
	if os.Getenv("SAEDB_FAULTS") == "" && os.Getenv("SAEDB_LONG") == "" {
		t.Skip("SAEDB_FAULTS=1 runs it, a minute of compiling")
	}
	test := exec.Command("go", "test", "-overlay", config, "-run", "^(TestAgainstNaive|TestCursorsMakeTheWhole|TestPagesMakeTheWhole|TestManyRows)$", ".")
	test.Env = append(os.Environ(), "SAEDB_LONG=1")
	if out, err := test.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// change is a replacement in a file of another room; what is replaced stands there once.
type change struct{ file, right, wrong string }

// overlay makes copies of files with some changes, and tells the go command to take them instead.
func overlay(t *testing.T, changes ...change) (config string) {
	t.Helper()
	dir := t.TempDir()
	replace, copies := map[string]string{}, map[string]string{}
	for _, c := range changes {
		original, err := filepath.Abs(c.file)
		if err != nil {
			t.Fatal(err)
		}
		if _, met := copies[original]; !met {
			source, err := os.ReadFile(original)
			if err != nil {
				t.Fatal(err)
			}
			copies[original] = string(source)
		}
		if strings.Count(copies[original], c.right) != 1 {
			t.Fatalf("%s has %d times %q, want once", c.file, strings.Count(copies[original], c.right), c.right)
		}
		copies[original] = strings.Replace(copies[original], c.right, c.wrong, 1)
		replace[original] = filepath.Join(dir, filepath.Base(filepath.Dir(original))+"_"+filepath.Base(original))
	}
	for original, copied := range replace {
		if err := os.WriteFile(copied, []byte(copies[original]), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	plan, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		t.Fatal(err)
	}
	config = filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(config, plan, 0o666); err != nil {
		t.Fatal(err)
	}
	return config
}
