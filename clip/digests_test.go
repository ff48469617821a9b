package clip

import (
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestDigestsAreRemembered follows one file through its changes. A digest that was remembered is told from one that was computed by writing a
// false one into the memory.
func TestDigestsAreRemembered(t *testing.T) {
	dir := t.TempDir()
	file, memory := filepath.Join(dir, "weights"), filepath.Join(dir, "new", "digests.json")
	put := func(content string, age time.Duration) {
		t.Helper()
		if err := os.WriteFile(file, []byte(content), 0o666); err != nil {
			t.Fatal(err)
		}
		then := time.Now().Add(-age)
		if err := os.Chtimes(file, then, then); err != nil {
			t.Fatal(err)
		}
	}
	ask := func() string {
		t.Helper()
		known := recall(memory)
		got, err := known.of(file)
		if err != nil {
			t.Fatal(err)
		}
		known.keep(memory)
		return got.SHA256
	}
	sum := func(content string) string { return fmt.Sprintf("%x", sha256.Sum256([]byte(content))) }
	forged := strings.Repeat("0", 64)
	forge := func() {
		t.Helper()
		data, err := os.ReadFile(memory)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(memory, []byte(strings.ReplaceAll(string(data), sum("one"), forged)), 0o666); err != nil {
			t.Fatal(err)
		}
	}

	put("one", 0)
	if got := ask(); got != sum("one") {
		t.Errorf("a new file: %s", got)
	}
	if _, err := os.Stat(memory); err == nil {
		t.Error("a file that was written just now is remembered")
	}
	put("one", time.Hour)
	ask()
	forge()
	if got := ask(); got != forged {
		t.Errorf("nothing changed, and the file was read again: %s", got)
	}
	put("two", 30*time.Minute)
	if got := ask(); got != sum("two") {
		t.Errorf("another time: %s", got)
	}
	put("one and more", time.Hour)
	if got := ask(); got != sum("one and more") {
		t.Errorf("another size: %s", got)
	}
	if err := os.WriteFile(memory, []byte(`{"files": 7`), 0o666); err != nil {
		t.Fatal(err)
	}
	if got := ask(); got != sum("one and more") {
		t.Errorf("after the memory was damaged: %s", got)
	}
	left, err := os.ReadDir(filepath.Dir(memory))
	if err != nil || len(left) != 1 {
		t.Errorf("beside the memory lie %v, %v", left, err)
	}
}
