package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/saedb/saedb/cmd/saectl/internal/runs"
	"github.com/saedb/saedb/db"
)

// trained is a new database of 300 vectors and a vocabulary of three words.
func newTrainDB(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "db")
	x, data := writeVectors(t, "x.npy", 300, 24, 5)
	words := filepath.Join(t.TempDir(), "words.txt")
	if err := os.WriteFile(words, []byte("one\ntwo\nthree\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	vectors := writeNPY(t, "words.npy", 3, 24, data[:3*24])
	done(t, "import", "--db", dir, x)
	done(t, "name", "--db", dir, "--vocab", words, "--vocab-vectors", vectors)
	return dir
}

// done runs a command that is to succeed.
func done(t *testing.T, args ...string) (stdout, stderr string) {
	t.Helper()
	stdout, stderr, status := call(t, args...)
	if status != statusDone {
		t.Fatalf("%q: status %d: %s", args, status, stderr)
	}
	return stdout, stderr
}

func fingerprint(t *testing.T, dir string) string {
	t.Helper()
	d, err := db.Open(context.Background(), dir, &db.Options{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	f, err := d.Fingerprint(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprint(f)
}

func trainArgs(dir string) []string {
	return []string{"train", "--db", dir, "--latents", "48", "--k", "4", "--batch", "16", "--epochs", "12", "--checkpoint", "1ns"}
}

// A run killed while it trains, and again when its model is written, ends where
// an undisturbed one does: same fingerprint, so same vectors, model and codes.
func TestKilledTrainContinues(t *testing.T) {
	whole, killed := newTrainDB(t), newTrainDB(t)
	done(t, trainArgs(whole)...)
	run, err := runs.In(killed).Run("sae1")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{"checkpoint", "model.sae"} {
		killWhen(t, filepath.Join(run.Dir(), file), trainArgs(killed))
	}
	_, said := done(t, trainArgs(killed)...)
	if !strings.Contains(said, "continuing the run sae1") && !strings.Contains(said, "was trained with these settings") {
		t.Errorf("after the kills it says %q", said)
	}
	if a, b := fingerprint(t, whole), fingerprint(t, killed); a != b {
		t.Errorf("fingerprint %s, want %s", b, a)
	}
	points, err := run.Points()
	if err != nil {
		t.Fatal(err)
	}
	for i, p := range points {
		if p.Step != i+1 {
			t.Fatalf("line %d of the log is step %d", i+1, p.Step)
		}
	}
	if _, said := done(t, trainArgs(killed)...); !strings.Contains(said, "--fresh trains again") {
		t.Errorf("a finished run says %q", said)
	}
}

// killWhen starts saectl as a process and kills it as soon as file exists, or lets
// it end if it is faster.
func killWhen(t *testing.T, file string, args []string) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	var stderr bytes.Buffer
	cmd := &exec.Cmd{Path: self, Args: append([]string{"saectl"}, args...), Stderr: &stderr}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	for {
		select {
		case err := <-ended:
			if err != nil {
				t.Fatalf("%q: %v: %s", args, err, stderr.String())
			}
			return
		case <-time.After(time.Millisecond):
		}
		if _, err := os.Stat(file); err == nil {
			_ = cmd.Process.Kill() // it may have ended by itself
			<-ended
			return
		}
	}
}

// Cancelling, as Ctrl-C does, leaves a checkpoint that --resume takes up with the
// settings of the run, not with those of the command line.
func TestInterruptedTrainResumes(t *testing.T) {
	whole, stopped := newTrainDB(t), newTrainDB(t)
	done(t, trainArgs(whole)...)

	ctx, cancel := context.WithCancel(context.Background())
	var out bytes.Buffer
	a := testApp(&out)
	ticks := 0
	a.now = func() time.Time {
		if ticks++; ticks == 60 { // asked for the time at every step
			cancel()
		}
		return time.Unix(int64(ticks), 0)
	}
	if status := run(ctx, a, trainArgs(stopped)); status != statusError || !strings.Contains(out.String(), "the same command continues") {
		t.Fatalf("interrupted: status %d, %s", status, out.String())
	}
	done(t, "train", "--db", stopped, "--resume")
	if a, b := fingerprint(t, whole), fingerprint(t, stopped); a != b {
		t.Errorf("fingerprint %s, want %s", b, a)
	}
	refuse(t, "no run is unfinished", "train", "--db", stopped, "--resume")
}

// --fresh leaves a finished autoencoder alone and trains one beside it.
func TestFreshTrainsAgain(t *testing.T) {
	dir := newTrainDB(t)
	done(t, trainArgs(dir)...)
	stdout, _ := done(t, append(trainArgs(dir), "--fresh", "--json")...)
	if !strings.Contains(stdout, `"sae": "sae2"`) {
		t.Errorf("--fresh made %s", stdout)
	}
	refuse(t, "an autoencoder called sae1 already", append(trainArgs(dir), "--seed", "9", "--sae", "sae1")...)
	refuse(t, "cannot be the name", append(trainArgs(dir), "--sae", "../x")...)
}
