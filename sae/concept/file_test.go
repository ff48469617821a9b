package concept

import (
	"bytes"
	"encoding/hex"
	"errors"
	"os"
	"reflect"
	"strings"
	"testing"
)

func write(t testing.TB, n *Names) []byte {
	t.Helper()
	var b bytes.Buffer
	if written, err := n.WriteTo(&b); err != nil || written != int64(b.Len()) {
		t.Fatalf("wrote %d bytes, says %d, %v", b.Len(), written, err)
	}
	return b.Bytes()
}

func TestNamesComeBack(t *testing.T) {
	m, v, st := town(3)
	for _, o := range []Options{{}, {By: "word", Weigh: "code", Center: "none", Group: 3, RunnersUp: 1}} {
		n, err := Assign(m, v, st, o)
		if err != nil {
			t.Fatal(err)
		}
		b := write(t, n)
		if !bytes.Equal(b, write(t, n)) {
			t.Error("the same names gave different bytes")
		}
		back, err := ReadNames(bytes.NewReader(b))
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(back, n) {
			t.Errorf("came back as\n%s\nwrote\n%s", show(back), show(n))
		}
	}
}

func TestDamagedFilesAreRefused(t *testing.T) {
	b := write(t, pets())
	for i := range b {
		for what, bad := range map[string][]byte{
			"cut":     b[:i],
			"flipped": append(append(bytes.Clone(b[:i]), b[i]^0x10), b[i+1:]...),
		} {
			if n, err := ReadNames(bytes.NewReader(bad)); !errors.Is(err, ErrFile) || n != nil {
				t.Errorf("%s at byte %d of %d: %v", what, i, len(b), err)
			}
		}
	}
	if _, err := ReadNames(bytes.NewReader(append(b, 0))); !errors.Is(err, ErrFile) {
		t.Errorf("a byte too many: %v", err)
	}
}

// TestFormatPage finds the bytes of FORMAT.md's example on that page.
func TestFormatPage(t *testing.T) {
	b := write(t, &Names{
		Latents: []Name{
			{Word: "dog", Score: 0.5, Margin: 0.25, Z: 3, AUC: 0.75, Fired: 20, RunnersUp: []Candidate{{"puppy", 0.25}}},
			{Dead: true}, {Common: true},
		},
		Concepts: []Concept{{"dog", []Weight{{0, 1}}}},
		Twins:    [][]uint32{{0, 2}},
	})
	page, err := os.ReadFile("FORMAT.md")
	if err != nil {
		t.Fatal(err)
	}
	if want := hex.Dump(b); !strings.Contains(strings.ReplaceAll(string(page), "\r", ""), want) {
		t.Errorf("FORMAT.md should show\n%s", want)
	}
}

// TestTheVersionBefore reads a file that version 1 wrote: without checks, common latents and twins.
func TestTheVersionBefore(t *testing.T) {
	b, err := os.ReadFile("testdata/version1.names")
	if err != nil {
		t.Fatal(err)
	}
	n, err := ReadNames(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	want := &Names{
		Latents:  []Name{{Word: "dog", Score: 0.5, Margin: 0.25, Z: 3, RunnersUp: []Candidate{{"puppy", 0.25}}}, {Dead: true}},
		Concepts: []Concept{{"dog", []Weight{{0, 1}}}},
	}
	if !reflect.DeepEqual(n, want) {
		t.Errorf("read\n%s\nwant\n%s", show(n), show(want))
	}
	if got := n.Latents[0].Reason(); got != "not checked on pictures" {
		t.Errorf("reason %q", got)
	}
}

func FuzzReadNames(f *testing.F) {
	f.Add(write(f, pets()))
	f.Add(write(f, &Names{}))
	f.Fuzz(func(t *testing.T, b []byte) {
		// With a checksum nothing but whole files passes, so the parser is given the body.
		d := decoder{b: b}
		n := d.names()
		if d.err != nil {
			return
		}
		back, err := ReadNames(bytes.NewReader(write(t, n)))
		if err != nil {
			t.Fatalf("names that were read cannot be read again: %v", err)
		}
		if !bytes.Equal(write(t, back), write(t, n)) {
			t.Fatal("names changed on the way")
		}
	})
}
