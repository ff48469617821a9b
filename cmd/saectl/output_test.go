package main

import (
	"bytes"
	"cmp"
	"errors"
	"io"
	"os"
	"testing"
	"time"
)

// testApp is an app without a process around it; both streams end in one buffer. It sees no GPU but the one that a test sets.
func testApp(out *bytes.Buffer) *app {
	return &app{
		stdin: bytes.NewReader(nil), stdout: out, stderr: out,
		getenv: func(name string) string {
			if name == cudaEnv {
				return cmp.Or(os.Getenv(cudaEnv), "no-driver.so")
			}
			return ""
		},
		now: func() time.Time { return time.Unix(0, 0) },
	}
}

// TestPrinter shows two rows, the second with hostile text, in every format.
func TestPrinter(t *testing.T) {
	type row struct {
		ID    string  `json:"id"`
		Score float64 `json:"score"`
	}
	rows := []line{
		{JSON: row{"a.jpg", 1.5}, Cells: []string{"1.5", "a.jpg"}, Path: "a.jpg"},
		{JSON: row{"b\t\x1b[2J.jpg", 10}, Cells: []string{"10", "b\t\x1b[2J.jpg"}, Path: "b\t\x1b[2J.jpg"},
	}
	for _, test := range []struct {
		format   format
		terminal bool
		want     string
	}{
		{formatTable, true, "score  id\n  1.5  a.jpg\n   10  b \uFFFD[2J.jpg\n"},
		{formatJSON, false, "[\n{\"id\":\"a.jpg\",\"score\":1.5},\n{\"id\":\"b\\t\\u001b[2J.jpg\",\"score\":10}\n]\n"},
		{formatJSONL, false, "{\"id\":\"a.jpg\",\"score\":1.5}\n{\"id\":\"b\\t\\u001b[2J.jpg\",\"score\":10}\n"},
		{formatCSV, false, "score,id\n1.5,a.jpg\n10,b\t\x1b[2J.jpg\n"},
		{formatTSV, false, "score\tid\n1.5\ta.jpg\n10\tb \x1b[2J.jpg\n"},
		{formatTSV, true, "score\tid\n1.5\ta.jpg\n10\tb \uFFFD[2J.jpg\n"},
		{formatPaths, false, "a.jpg\nb\t\x1b[2J.jpg\n"},
	} {
		var out bytes.Buffer
		a := testApp(&out)
		a.format, a.terminal = test.format, test.terminal
		p := a.printer(column{Name: "score", Right: true}, column{Name: "id"})
		for _, l := range rows {
			if err := p.print(l); err != nil {
				t.Fatal(err)
			}
		}
		if err := p.close(); err != nil {
			t.Fatal(err)
		}
		if got := out.String(); got != test.want {
			t.Errorf("%s, terminal %v:\n%q\nwant\n%q", test.format, test.terminal, got, test.want)
		}
	}
}

func TestNothingPrintedIsNothingFound(t *testing.T) {
	for _, f := range formats {
		var out bytes.Buffer
		a := testApp(&out)
		a.format = f
		if err := a.printer(column{Name: "id"}).close(); !errors.Is(err, errNothing) {
			t.Errorf("%s: close: %v, want errNothing", f, err)
		}
		if want := map[format]string{formatJSON: "[]\n"}[f]; out.String() != want {
			t.Errorf("%s: empty result is %q, want %q", f, out.String(), want)
		}
	}
}

// TestLongTable: widths are chosen from the first rows; every row comes out.
func TestLongTable(t *testing.T) {
	var out bytes.Buffer
	a := testApp(&out)
	a.format = formatTable
	p := a.printer(column{Name: "n"})
	for range 2*tableWindow + 1 {
		if err := p.print(line{Cells: []string{"x"}}); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.close(); err != nil {
		t.Fatal(err)
	}
	if got, want := bytes.Count(out.Bytes(), []byte("\n")), 2*tableWindow+2; got != want {
		t.Errorf("%d lines, want %d (the rows and one heading)", got, want)
	}
}

func TestClosedPipeIsSuccess(t *testing.T) {
	var out bytes.Buffer
	a := testApp(&out)
	r, w := io.Pipe()
	r.Close()
	a.stdout, a.format = w, formatJSONL
	err := a.printer().print(line{JSON: 1})
	if got := a.status(err); got != statusDone || out.Len() > 0 {
		t.Errorf("status %d, stderr %q; want 0 and silence", got, out.String())
	}
}

func TestProgress(t *testing.T) {
	for _, test := range []struct {
		name     string
		terminal bool
		quiet    bool
		want     string
	}{
		{"log", false, false, "800 of 1,000 rows (80%), 40/s, 6s left, loss 0.1\n"},
		{"terminal", true, false, "\r200 of 1,000 rows (20%), 20/s, 41s left, loss 0.4" +
			"\r800 of 1,000 rows (80%), 40/s, 6s left, loss 0.1 " +
			"\r                                                 \r"},
		{"quiet", true, true, ""},
	} {
		var out bytes.Buffer
		a := testApp(&out)
		a.errTerminal, a.flags.quiet = test.terminal, test.quiet
		now := time.Unix(0, 0)
		a.now = func() time.Time { return now }
		p := a.progress("rows", 1000)
		now = now.Add(10 * time.Second)
		p.update(200, "loss 0.4")
		now = now.Add(10 * time.Second)
		p.update(800, "loss 0.1")
		p.update(801, "loss 0.1") // too soon to be shown
		p.end()
		p.end()
		if got := out.String(); got != test.want {
			t.Errorf("%s: %q\nwant %q", test.name, got, test.want)
		}
	}
}

func TestThousands(t *testing.T) {
	for n, want := range map[int]string{0: "0", 999: "999", 1000: "1,000", -1000: "-1,000", -100: "-100", 1234567: "1,234,567"} {
		if got := thousands(n); got != want {
			t.Errorf("thousands(%d) = %s, want %s", n, got, want)
		}
	}
}
