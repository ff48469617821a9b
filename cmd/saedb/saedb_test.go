package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/saedb/saedb/db"
	"github.com/saedb/saedb/db/remote"
	"github.com/saedb/saedb/internal/dbtest"
	"github.com/saedb/saedb/internal/npy"
)

// TestMain makes the test binary saedb where the environment says so.
func TestMain(m *testing.M) {
	if os.Getenv("SAEDB_TEST_AS_COMMAND") != "" {
		main()
	}
	os.Exit(m.Run())
}

// folder returns a database of 20 pictures, closed.
func folder(t *testing.T) (dir, fingerprint string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "pics")
	d, err := db.Create(t.Context(), dir, nil)
	dbtest.Must(t, err)
	_, err = d.Put(t.Context(), dbtest.Items(20, 4, 1)...)
	dbtest.Must(t, err)
	fingerprint, err = d.Fingerprint(t.Context())
	dbtest.Must(t, err)
	dbtest.Must(t, d.Close())
	return dir, fingerprint
}

// TestTwoProcesses reads with saectl, a process, what saedb, another one, has open.
func TestTwoProcesses(t *testing.T) {
	dir, fingerprint := folder(t)
	saectl := filepath.Join(t.TempDir(), "saectl.exe")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", saectl, "../saectl").CombinedOutput(); err != nil {
		t.Fatalf("go build ../saectl: %v\n%s", err, out)
	}
	status := 0
	ask := func(args ...string) (stdout, stderr string) {
		var out, log bytes.Buffer
		cmd := exec.CommandContext(t.Context(), saectl, args...)
		cmd.Stdout, cmd.Stderr = &out, &log
		_ = cmd.Run() // what it says is looked at
		status = cmd.ProcessState.ExitCode()
		return out.String(), log.String()
	}

	given := givenFiles(t)
	server := exec.CommandContext(t.Context(), os.Args[0], "--db", dir, "--listen", "127.0.0.1:0", "--read-only", "--files", given)
	server.Env = append(os.Environ(), "SAEDB_TEST_AS_COMMAND=1")
	server.Stderr = os.Stderr
	out, err := server.StdoutPipe()
	dbtest.Must(t, err)
	dbtest.Must(t, server.Start())
	url, err := bufio.NewReader(out).ReadString('\n')
	dbtest.Must(t, err)
	url = strings.TrimSpace(url)

	if _, stderr := ask("stats", "--db", dir); !strings.Contains(stderr, fmt.Sprintf("(pid %d)", server.Process.Pid)) || !strings.Contains(stderr, "--db "+url+" ") {
		t.Errorf("the folder is locked, and saectl says %q; want the process %d and %s", stderr, server.Process.Pid, url)
	}
	if stdout, stderr := ask("stats", "--db", url, "--fingerprint"); stdout != fingerprint+"\n" {
		t.Errorf("fingerprint %q (%s), want %s", stdout, stderr, fingerprint)
	}
	if stdout, stderr := ask("query", "--db", url, "--format", "paths", "near image i0003 in dense include self top 1"); stdout != "i0003\n" {
		t.Errorf("near itself is %q (%s)", stdout, stderr)
	}

	if stdout, stderr := ask("query", "--db", url, "--format", "paths", `near vector "one.npy" in dense top 1`); stdout != "i0003\n" {
		t.Errorf("near the vector in a file is %q (%s)", stdout, stderr)
	}
	for _, c := range []struct{ operand, says string }{
		{`vector "../one.npy"`, "saectl: vector \"../one.npy\" lies outside the folder whose files this server reads\n  near vector \"../one.npy\" in dense\n       ^\n"},
		{fmt.Sprintf("vector %q", filepath.ToSlash(filepath.Join(given, "one.npy"))), "lies outside the folder"},
		{`vector "out.npy"`, "vector \"out.npy\": "},
		{`vector "gone.npy"`, "there is no such file in the folder"},
		{`vector "two.npy"`, "has 2 rows, want one vector"},
		{`vector "."`, "want a regular file"},
		{`file "one.npy"`, "this server makes no vector of file"},
	} {
		text := "near " + c.operand + " in dense"
		if stdout, stderr := ask("query", "--db", url, text); stdout != "" || !strings.Contains(stderr, c.says) || status != 2 {
			t.Errorf("%s: %q, %q, exit status %d; want %q and 2", text, stdout, stderr, status, c.says)
		}
	}

	if runtime.GOOS == "windows" {
		dbtest.Must(t, server.Process.Kill()) // there is no signal to send
		_ = server.Wait()
	} else {
		dbtest.Must(t, server.Process.Signal(os.Interrupt))
		if err := server.Wait(); err != nil {
			t.Errorf("after an interrupt: %v", err)
		}
	}
	if stdout, stderr := ask("stats", "--db", dir, "--fingerprint"); stdout != fingerprint+"\n" {
		t.Errorf("after the server: %q (%s)", stdout, stderr)
	}
}

// givenFiles returns a folder with vector files, one of them a link that leads out of it.
func givenFiles(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	vec := dbtest.Items(20, 4, 1)[3].Vec
	write := func(name string, rows int, data []float32) {
		f, err := os.Create(name)
		dbtest.Must(t, err)
		dbtest.Must(t, npy.Write(f, rows, 4, data))
		dbtest.Must(t, f.Close())
	}
	outside := filepath.Join(t.TempDir(), "outside.npy")
	write(outside, 1, vec)
	write(filepath.Join(dir, "one.npy"), 1, vec)
	write(filepath.Join(dir, "two.npy"), 2, append(slices.Clone(vec), vec...))
	if err := os.Symlink(outside, filepath.Join(dir, "out.npy")); err != nil {
		t.Logf("no link: %v", err) // then there is no such file, which is an error as well
	}
	return dir
}

// TestAnswersInFlightEnd asks for more than fits the buffers between the processes, ends the server in the middle of the
// answer, and reads it to its end.
func TestAnswersInFlightEnd(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "pics")
	d, err := db.Create(t.Context(), dir, nil)
	dbtest.Must(t, err)
	_, err = d.Put(t.Context(), dbtest.Items(2000, 256, 1)...)
	dbtest.Must(t, err)
	dbtest.Must(t, d.Close())

	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	out, in := io.Pipe()
	ended := make(chan int, 1)
	go func() { ended <- run(ctx, in, io.Discard, []string{"--db", dir, "--listen", "127.0.0.1:0"}) }()
	url, err := bufio.NewReader(out).ReadString('\n')
	dbtest.Must(t, err)
	c, err := remote.Dial(t.Context(), strings.TrimSpace(url), "")
	dbtest.Must(t, err)
	defer c.Close()
	rows := 0
	for _, err := range c.Query(t.Context(), "all with vector", nil, nil) {
		dbtest.Must(t, err)
		if rows++; rows == 1 {
			stop()
			time.Sleep(10 * time.Millisecond) // let the server notice
		}
	}
	if rows != 2000 {
		t.Errorf("%d rows", rows)
	}
	if status := <-ended; status != 0 {
		t.Errorf("exit status %d", status)
	}
	d, err = db.Open(t.Context(), dir, nil) // the folder is free
	dbtest.Must(t, err)
	dbtest.Must(t, d.Close())
}

func TestRefusedSettings(t *testing.T) {
	dir, _ := folder(t)
	token := func(text string) string {
		name := filepath.Join(t.TempDir(), "token")
		dbtest.Must(t, os.WriteFile(name, []byte(text), 0o600))
		return name
	}
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	dbtest.Must(t, err)
	defer taken.Close()
	for says, args := range map[string][]string{
		"no database: name its folder":           {"--db", ""},
		"is a server already":                    {"--db", "http://127.0.0.1:7878"},
		"no database":                            {"--db", filepath.Join(dir, "gone")},
		"everybody on the network could read":    {"--db", dir, "--listen", "0.0.0.0:0"},
		"give a token with --token-file":         {"--db", dir, "--listen", ":0"},
		"--listen 192.0.2.1:0":                   {"--db", dir, "--listen", "192.0.2.1:0"},
		"want ADDRESS:PORT":                      {"--db", dir, "--listen", "7878"},
		"reading the token":                      {"--db", dir, "--token-file", filepath.Join(dir, "gone")},
		"a token is one line of printable ASCII": {"--db", dir, "--token-file", token("\n")},
		"without spaces":                         {"--db", dir, "--token-file", token("two words")},
		"greater than zero":                      {"--db", dir, "--concurrent", "0"},
		"choose another address with --listen":   {"--db", dir, "--listen", taken.Addr().String()},
		"unknown command":                        {"--db", dir, "more"},
	} {
		t.Setenv("SAEDB_DIR", "")
		var stderr bytes.Buffer
		ctx, stop := context.WithTimeout(t.Context(), time.Minute)
		if status := run(ctx, io.Discard, &stderr, args); status != 2 || !strings.Contains(stderr.String(), says) {
			t.Errorf("%q: exit status %d and %q, want 2 and %q", args, status, &stderr, says)
		}
		stop()
	}
}

// TestOffLoopback serves everywhere, with a token, and asks over the loopback interface.
func TestOffLoopback(t *testing.T) {
	dir, fingerprint := folder(t)
	file := filepath.Join(t.TempDir(), "token")
	dbtest.Must(t, os.WriteFile(file, []byte("secret\n"), 0o600))
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	out, in := io.Pipe()
	ended := make(chan int, 1)
	go func() {
		ended <- run(ctx, in, io.Discard, []string{"--db", dir, "--listen", "0.0.0.0:0", "--token-file", file})
	}()
	url, err := bufio.NewReader(out).ReadString('\n')
	dbtest.Must(t, err)
	for token, want := range map[string]error{"secret": nil, "": remote.ErrToken} {
		c, err := remote.Dial(t.Context(), strings.TrimSpace(url), token)
		dbtest.Must(t, err)
		if got, err := c.Fingerprint(t.Context()); !errors.Is(err, want) || err == nil && got != fingerprint {
			t.Errorf("token %q: %s, %v", token, got, err)
		}
		c.Close()
	}
	stop()
	if status := <-ended; status != 0 {
		t.Errorf("exit status %d", status)
	}
}
