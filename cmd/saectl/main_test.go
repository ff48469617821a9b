package main

import (
	"errors"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/saedb/saedb/internal/npy"
)

// TestMain lets the scripts call the command by its name: the test binary
// starts itself as saectl.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"saectl": main, "saectl-mean": mainOfMeans})
}

// TestScripts plays the shell dialogues of testdata/script. In them `saectl` is
// this package's main and the working directory is empty but for the files that
// the dialogue brings along. These words are ours:
//
//	exits N saectl …        the command ends with this exit status
//	vectors FILE 1,0 0,nan  writes a .npy file of these rows
//	objects FILE            writes a .npy file of Python objects
//	cut FILE N              leaves the first N bytes of a file
//	repeat FILE N TEXT END  writes a file of a text, N times, and an end
//	cursor FILE NAME        sets $NAME to the cursor in a file of JSON lines
//	serve DIR [TOKEN]       holds a database open and serves it at $URL until the end
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits":   exits,
			"vectors": vectors,
			"objects": objects,
			"cut":     cutFile,
			"repeat":  repeatText,
			"cursor":  takeCursor,
			"serve":   serveDB,
		},
		Setup: func(env *testscript.Env) error {
			env.Setenv("SAEDB_DIR", "")
			env.Setenv(cudaEnv, "no-driver.so") // a GPU that is there makes no difference
			return nil
		},
	})
}

// exits leaves the command's output for stdout and stderr lines to look at.
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

func vectors(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: vectors FILE ROW…")
	}
	var data []float32
	for _, row := range args[1:] {
		for _, number := range strings.Split(row, ",") {
			x, err := strconv.ParseFloat(number, 32)
			ts.Check(err)
			data = append(data, float32(x))
		}
	}
	f, err := os.Create(ts.MkAbs(args[0]))
	ts.Check(err)
	rows := len(args) - 1
	ts.Check(npy.Write(f, rows, len(data)/rows, data))
	ts.Check(f.Close())
}

func objects(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: objects FILE")
	}
	header := "{'descr': '|O', 'fortran_order': False, 'shape': (2,), }\n"
	data := "\x93NUMPY\x01\x00" + string([]byte{byte(len(header)), 0}) + header + "(pickled)"
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(data), 0o666))
}

func repeatText(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 4 {
		ts.Fatalf("usage: repeat FILE N TEXT END")
	}
	n, err := strconv.Atoi(args[1])
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(strings.Repeat(args[2], n)+args[3]), 0o666))
}

func takeCursor(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: cursor FILE NAME")
	}
	found := regexp.MustCompile(`"cursor":"([^"]+)"`).FindStringSubmatch(ts.ReadFile(args[0]))
	if found == nil {
		ts.Fatalf("%s: no cursor", args[0])
	}
	ts.Setenv(args[1], found[1])
}

func cutFile(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: cut FILE BYTES")
	}
	n, err := strconv.ParseInt(args[1], 10, 64)
	ts.Check(err)
	ts.Check(os.Truncate(ts.MkAbs(args[0]), n))
}
