package main

import (
	"errors"
	"os/exec"
	"strconv"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestMain lets the scripts call the command by its name: the test binary
// starts itself as saectl.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"saectl": main})
}

// TestScripts plays the shell dialogues of testdata/script. In them `saectl` is
// this package's main, the working directory is empty but for the files that
// the dialogue brings along, and `exits N saectl …` demands an exit status.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:  "testdata/script",
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"exits": exits},
		Setup: func(env *testscript.Env) error {
			env.Setenv("SAEDB_DIR", "")
			return nil
		},
	})
}

// exits runs a command that is to end with a certain exit status. Its output is
// there for stdout and stderr lines to look at.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits STATUS COMMAND…")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			ts.Fatalf("%v", err)
		}
		got = exit.ExitCode()
	}
	if got != want {
		ts.Fatalf("%v: exit status %d, want %d", args[1:], got, want)
	}
}
