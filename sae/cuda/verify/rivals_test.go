package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestRivalsHaveOurShapes compares the list in rivals.py with ours.
func TestRivalsHaveOurShapes(t *testing.T) {
	text, err := os.ReadFile("rivals.py")
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, s := range shapes {
		list = append(list, fmt.Sprintf("(%d, %d, %d)", s.m, s.k, s.batch))
	}
	for _, line := range []string{"SHAPES = [" + strings.Join(list, ", ") + "]", fmt.Sprintf("PER_EVENT = %d", perEpoch)} {
		if !strings.Contains(string(text), line) {
			t.Errorf("rivals.py has no %q", line)
		}
	}
}

// TestRivalsDoTheSameStep has PyTorch, where it is installed, reach the losses of the CPU backend; without it the script must say so.
func TestRivalsDoTheSameStep(t *testing.T) {
	python := os.Getenv("PYTHON")
	if python == "" {
		python = "python3"
	}
	if _, err := exec.LookPath(python); err != nil {
		t.Skip(err)
	}
	dir := t.TempDir()
	if err := writeRivals(dir); err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), python, "rivals.py", "--parity", filepath.Join(dir, "parity.safetensors"), "--groups", "1").CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if text := string(out); !strings.Contains(text, "PyTorch is not installed here: no rivals are timed.") && !strings.Contains(text, "the losses of the parity run differ by") {
		t.Errorf("rivals.py says\n%s", text)
	}
}

// TestScriptSkipsWhatIsNotThere runs run.sh without a GPU, a checker or ptxas in reach.
func TestScriptSkipsWhatIsNotThere(t *testing.T) {
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Skip(err)
	}
	verify := filepath.Join(t.TempDir(), "verify")
	if err := os.WriteFile(verify, []byte("#!"+bash+"\necho '# a report'\n[ \"${1:-}\" != -rivals ]\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), bash, "run.sh", verify)
	cmd.Env = append(os.Environ(), "PATH=/usr/bin:/bin", "PYTHON=no-such-python")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	words := []string{"# a report", "*Skipped: the rivals: there is no no-such-python.*"}
	if _, err := exec.LookPath("ptxas"); err != nil {
		words = append(words, "there is no ptxas")
	}
	for _, word := range words {
		if !strings.Contains(string(out), word) {
			t.Errorf("the report has no %q:\n%s", word, out)
		}
	}
}
