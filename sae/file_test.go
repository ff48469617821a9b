package sae

import (
	"bytes"
	"encoding/hex"
	"errors"
	"flag"
	"os"
	"reflect"
	"strings"
	"testing"
)

var rewrite = flag.Bool("rewrite", false, "write the hex dump of FORMAT.md anew")

// formatModel is the model whose bytes FORMAT.md shows.
func formatModel() *Model {
	return &Model{
		D: 2, M: 3, K: 1, Mean: []float32{0.5, -0.5}, Scale: 2, Bdec: []float32{0.25, 0},
		Benc: []float32{0, 0, -1}, Wenc: []float32{1, 0, 0, 1, -1, 0}, Wdec: []float32{1, 0, 0, 1, -1, 0},
		Info: Info{Name: "tiny", Seed: 7},
	}
}

func encoded(t *testing.T, m *Model) []byte {
	t.Helper()
	var b bytes.Buffer
	n, err := m.WriteTo(&b)
	if err != nil {
		t.Fatal(err)
	}
	if n != int64(b.Len()) {
		t.Errorf("WriteTo says %d bytes, wrote %d", n, b.Len())
	}
	return b.Bytes()
}

func TestFormatPageShowsTheBytes(t *testing.T) {
	page, err := os.ReadFile("FORMAT.md")
	if err != nil {
		t.Fatal(err)
	}
	const fence = "```"
	parts := strings.SplitN(strings.ReplaceAll(string(page), "\r\n", "\n"), fence+"hex\n", 2)
	if len(parts) != 2 {
		t.Fatal("FORMAT.md has no block of hex")
	}
	shown, rest, _ := strings.Cut(parts[1], fence)
	dump := hex.Dump(encoded(t, formatModel()))
	if *rewrite {
		if err := os.WriteFile("FORMAT.md", []byte(parts[0]+fence+"hex\n"+dump+fence+rest), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if shown != dump {
		t.Errorf("FORMAT.md shows\n%s\nthe model is written as\n%s\n(go test -rewrite brings the page up to date)", shown, dump)
	}
}

func TestReadGivesBackWhatWriteToWrote(t *testing.T) {
	plain := tiny(3, 5, 11, 2)
	plain.Mean = nil
	firing := tiny(5, 7, 20, 15)
	firing.Threshold, firing.Info.Levels = 0.3, []int{2, 4}
	for _, m := range []*Model{formatModel(), tiny(4, 70, 130, 9), plain, firing} {
		file := encoded(t, m)
		got, err := Read(bytes.NewReader(file))
		if err != nil {
			t.Fatal(err)
		}
		if got.Digest() != m.Digest() || !reflect.DeepEqual(got.Info, m.Info) || got.K != m.K || got.Threshold != m.Threshold || (got.Mean == nil) != (m.Mean == nil) {
			t.Errorf("wrote %+v, read %+v", m.Info, got.Info)
		}
		if !bytes.Equal(encoded(t, got), file) {
			t.Errorf("%s: written again, the bytes differ", m.Info.Name)
		}
	}
}

func TestReadRefusesEveryDamage(t *testing.T) {
	file := encoded(t, formatModel())
	for i := range file {
		bad := bytes.Clone(file)
		bad[i] ^= 4
		if _, err := Read(bytes.NewReader(bad)); !errors.Is(err, ErrModel) {
			t.Errorf("byte %d changed: %v, want ErrModel", i, err)
		}
		if _, err := Read(bytes.NewReader(file[:i])); !errors.Is(err, ErrModel) {
			t.Errorf("cut after %d bytes: %v, want ErrModel", i, err)
		}
	}
}

func TestWriteToRefusesAnInvalidModel(t *testing.T) {
	m := formatModel()
	m.K = 0
	var b bytes.Buffer
	if _, err := m.WriteTo(&b); !errors.Is(err, ErrModel) || b.Len() > 0 {
		t.Errorf("%v after %d bytes, want ErrModel after none", err, b.Len())
	}
}

func TestDigestIsOfWhatEncodes(t *testing.T) {
	base := formatModel().Digest()
	same := formatModel()
	same.Info = Info{Name: "another name", Created: "2001-01-01T00:00:00Z"}
	if same.Digest() != base {
		t.Error("the digest depends on the name")
	}
	for what, change := range map[string]func(*Model){
		"k": func(m *Model) { m.K = 2 }, "scale": func(m *Model) { m.Scale = 3 }, "mean": func(m *Model) { m.Mean = nil },
		"W_enc": func(m *Model) { m.Wenc[0] = 9 }, "W_dec": func(m *Model) { m.Wdec[5] = 9 },
		"b_enc": func(m *Model) { m.Benc[1] = 9 }, "b_dec": func(m *Model) { m.Bdec[1] = 9 },
	} {
		m := formatModel()
		change(m)
		if m.Digest() == base {
			t.Errorf("the digest does not depend on %s", what)
		}
	}
}

func FuzzReadModel(f *testing.F) {
	var b bytes.Buffer
	if _, err := formatModel().WriteTo(&b); err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes())
	f.Fuzz(func(t *testing.T, file []byte) {
		if m, err := Read(bytes.NewReader(file)); err == nil && m.Validate() != nil {
			t.Fatal("an invalid model was read without an error")
		}
	})
}
