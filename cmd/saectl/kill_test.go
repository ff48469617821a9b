package main

import (
	"bytes"
	"context"
	"fmt"
	"image/color"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/saedb/saedb/clip"
)

// mainOfMeans is main with meanEncoder, as a program of its own that can be killed.
func mainOfMeans() {
	a := testApp(new(bytes.Buffer))
	a.stdout = os.Stdout
	a.stderr = os.Stderr
	a.encoder = func(encoderFlags) (clip.Encoder, error) { return meanEncoder{new(int)}, nil }
	os.Exit(run(context.Background(), a, os.Args[1:]))
}

// program returns a file that runs this test's binary as the program of that name.
func program(t *testing.T, name string) string {
	t.Helper()
	self, err := os.Executable()
	must(t, err)
	path := filepath.Join(t.TempDir(), name)
	must(t, os.Symlink(self, path))
	return path
}

// TestKill kills the process in the middle of an import or of indexing, at moments that a seed draws, one to three times, and runs the
// same command again to its end: the check is silent and the content is that of a run nobody disturbed. $SAEDB_LONG has 25 rounds.
func TestKill(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the program is a symbolic link to the test, which Windows may refuse")
	}
	rounds := 3
	if os.Getenv("SAEDB_LONG") != "" {
		rounds = 25
	}
	saectl, means := program(t, "saectl"), program(t, "saectl-mean")
	vectors, _ := writeVectors(t, "x.npy", 30000, 128, 1)
	x := newIndexer(t)
	for i := range 2000 {
		x.paint(fmt.Sprintf("%04d.png", i), color.RGBA{byte(i), byte(i >> 4), byte(i * 7), 255})
	}
	for _, c := range []struct {
		name    string
		command []string
	}{
		{"import", []string{saectl, "import", "--vectors", vectors}},
		{"index", []string{means, "index", x.root}},
	} {
		t.Run(c.name, func(t *testing.T) {
			finish := func(db string, args ...string) string {
				t.Helper()
				out, err := exec.Command(args[0], append(args[1:], "--db", db)...).CombinedOutput()
				if err != nil {
					t.Fatalf("%q: %v\n%s", args, err, out)
				}
				return strings.TrimSpace(string(out))
			}
			content := func(db string) string {
				t.Helper()
				finish(db, saectl, "check")
				return finish(db, saectl, "stats", "--fingerprint")
			}
			whole := filepath.Join(t.TempDir(), "whole")
			begin := time.Now()
			finish(whole, c.command...)
			took := time.Since(begin)
			want := content(whole)
			seed := uint64(20261124)
			rng := rand.New(rand.NewPCG(seed, 0))
			killed := 0
			for round := range rounds {
				db := filepath.Join(t.TempDir(), fmt.Sprint("db", round))
				for range 1 + rng.IntN(3) {
					cmd := exec.Command(c.command[0], append(c.command[1:], "--db", db)...)
					var log bytes.Buffer
					cmd.Stderr = &log
					must(t, cmd.Start())
					time.Sleep(time.Duration(rng.Int64N(int64(took))))
					_ = cmd.Process.Kill() // it may have ended
					if err := cmd.Wait(); err != nil && cmd.ProcessState.Exited() {
						t.Fatalf("seed %d, round %d: %v\n%s", seed, round, err, &log)
					} else if err != nil {
						killed++
					}
				}
				finish(db, c.command...)
				if got := content(db); got != want {
					t.Errorf("seed %d, round %d: fingerprint %s, want %s", seed, round, got, want)
				}
			}
			if killed == 0 {
				t.Error("no process was killed before its end")
			}
			t.Logf("%d rounds, %d processes killed within %v", rounds, killed, took)
		})
	}
}
