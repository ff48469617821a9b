package sae

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"math"
	"os"
	"strings"
	"testing"
	"testing/fstest"
)

const folders = "testdata/folders"

// expected is testdata/folders/expect.json: what the libraries that wrote the folders make of the rows x.
type expected struct {
	D, M, K int
	X       []float32
	Folders map[string]struct{ Codes, Recon [][]float64 }
}

func readExpected(t *testing.T) (e expected) {
	t.Helper()
	text, err := os.ReadFile(folders + "/expect.json")
	if err == nil {
		err = json.Unmarshal(text, &e)
	}
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// encodesAs compares codes, unless they are nil, and reconstructions of e's rows with those expected.
func encodesAs(t *testing.T, what string, m *Model, x []float32, codes, recon [][]float64) {
	t.Helper()
	for i := range recon {
		c := m.Encode(Code{}, x[i*m.D:(i+1)*m.D])
		wide := make([]float64, m.M)
		for e, l := range c.Latents {
			wide[l] = float64(c.Acts[e])
		}
		if codes != nil {
			for l, want := range codes[i] {
				if math.Abs(wide[l]-want) > 2e-5 {
					t.Errorf("%s: row %d, latent %d is %v, want %v", what, i, l, wide[l], want)
				}
			}
		}
		for j, got := range m.Decode(nil, c) {
			if want := recon[i][j]; math.Abs(float64(got)-want) > 5e-5 {
				t.Errorf("%s: row %d, number %d comes back as %v, want %v", what, i, j, got, want)
			}
		}
	}
}

func TestFoldersOfOtherLibraries(t *testing.T) {
	e := readExpected(t)
	for name, want := range e.Folders {
		m, err := ReadFolder(os.DirFS(folders + "/" + name))
		if name == "saelens_jumprelu" {
			if !errors.Is(err, ErrModel) || !strings.Contains(err.Error(), "has the threshold") {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		encodesAs(t, name, m, e.X, want.Codes, want.Recon)

		// Once more round, through both formats.
		for format, write := range map[string]func(*Model, folder) error{
			"SAELens":  func(m *Model, d folder) error { return WriteSAELens(m, d.create) },
			"sparsify": func(m *Model, d folder) error { return WriteSparsify(m, d.create) },
		} {
			dir := folder{fstest.MapFS{}}
			if err := write(m, dir); err != nil {
				t.Fatal(err)
			}
			again, err := ReadFolder(dir.MapFS)
			if err != nil || again.Digest() != m.Fold().Digest() {
				t.Errorf("%s, written for %s and read: another model (%v)", name, format, err)
			}
		}
	}
}

func TestSparsifyFolderRoundTrip(t *testing.T) {
	m := tiny(12, 9, 21, 4) // with a mean and a scale
	dir := folder{fstest.MapFS{}}
	if err := WriteSparsify(m, dir.create); err != nil {
		t.Fatal(err)
	}
	got, err := ReadSparsify(dir.MapFS)
	if err != nil {
		t.Fatal(err)
	}
	x := rows(12, 4, m.D)
	var recon [][]float64
	for i := range 4 {
		var row []float64
		for _, v := range m.Decode(nil, m.Encode(Code{}, x[i*m.D:(i+1)*m.D])) {
			row = append(row, float64(v))
		}
		recon = append(recon, row)
	}
	encodesAs(t, "sparsify", got, x, nil, recon)
	cfg := string(dir.MapFS[sparsifyConfig].Data)
	for _, want := range []string{`"activation": "topk"`, `"num_latents": 21`, `"k": 4`, `"d_in": 9`, `"transcode": false`} {
		if !strings.Contains(cfg, want) {
			t.Errorf("cfg.json lacks %s:\n%s", want, cfg)
		}
	}
}

func TestReadSparsifyRefuses(t *testing.T) {
	written := func() folder {
		dir := folder{fstest.MapFS{}}
		if err := WriteSparsify(tiny(12, 9, 21, 4), dir.create); err != nil {
			t.Fatal(err)
		}
		return dir
	}
	for _, c := range []struct{ name, old, new, says string }{
		{"another activation", `"topk"`, `"groupmax"`, "only topk"},
		{"a transcoder", `"transcode": false`, `"transcode": true`, "transcoder"},
		{"a skip connection", `"skip_connection": false`, `"skip_connection": true`, "skip connection"},
		{"another width", `"d_in": 9`, `"d_in": 8`, "has shape [21 9], not [21 8]"},
		{"another number of latents", `"num_latents": 21`, `"num_latents": 22`, "not [22 9]"},
		{"an absurd number of latents", `"num_latents": 21`, `"num_latents": 99999999`, "out of range"},
		{"an absurd factor", `"expansion_factor": 2,`, `"expansion_factor": 9223372036854775807, "num_latents": 0, "x":`, ""},
		{"no width", `"d_in": 9`, `"d_in": 0`, "out of range"},
		{"k too large", `"k": 4`, `"k": 400`, "k is 400"},
		{"broken JSON", `{`, `[`, "cfg.json"},
	} {
		dir := written()
		cfg := dir.MapFS[sparsifyConfig]
		cfg.Data = []byte(strings.Replace(string(cfg.Data), c.old, c.new, 1))
		if _, err := ReadFolder(dir.MapFS); !errors.Is(err, ErrModel) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want ErrModel with %q", c.name, err, c.says)
		}
	}
	for _, c := range []struct {
		name   string
		change func([]byte) []byte
		says   string
	}{
		{"cut short", func(b []byte) []byte { return b[:len(b)-4] }, "safetensors"},
		{"bytes left over", func(b []byte) []byte { return append(b, 0, 0, 0, 0) }, "safetensors"},
		{"a header that lies", func(b []byte) []byte { return bytes.Replace(b, []byte("[21,9]"), []byte("[21,8]"), 1) }, "needs"},
		{"NaN", func(b []byte) []byte { copy(b[len(b)-4:], "\x00\x00\xc0\x7f"); return b }, "NaN"},
		{"another tensor", func(b []byte) []byte { return bytes.Replace(b, []byte(`"W_dec"`), []byte(`"W_dex"`), 1) }, `no tensor "W_dec"`},
	} {
		dir := written()
		weights := dir.MapFS[sparsifyWeights]
		weights.Data = c.change(weights.Data)
		if _, err := ReadFolder(dir.MapFS); !errors.Is(err, ErrModel) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want ErrModel with %q", c.name, err, c.says)
		}
	}
}

func TestPicklesAreKnownByWhatTheyHold(t *testing.T) {
	zip, old := []byte(zipMagic+"archive/data.pkl"), []byte("\x80\x02}q\x00.")
	for name, c := range map[string]struct {
		files fstest.MapFS
		want  error
	}{
		"a .pt file":                   {fstest.MapFS{"ae.pt": {Data: zip}, "config.json": {Data: []byte("{}")}}, ErrPickle},
		"a pickle of another name":     {fstest.MapFS{"weights": {Data: old}}, ErrPickle},
		"one that says safetensors":    {fstest.MapFS{saelensConfig: {Data: []byte(`{"architecture":"topk","d_in":2,"d_sae":2,"k":1}`)}, saelensWeights: {Data: zip}}, ErrPickle},
		"a pickle beside good weights": {fstest.MapFS{"optimizer.pt": {Data: zip}, sparsifyWeights: {Data: nil}}, fs.ErrNotExist}, // cfg.json is what it lacks
		"nothing that is known":        {fstest.MapFS{"notes.txt": {Data: []byte("hello")}}, ErrModel},
		"nothing":                      {fstest.MapFS{}, ErrModel},
	} {
		if _, err := ReadFolder(c.files); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	for _, start := range [][]byte{zip, old} {
		if _, err := ReadFile(bytes.NewReader(start)); !errors.Is(err, ErrPickle) {
			t.Errorf("a file that begins with %q: %v, want ErrPickle", start, err)
		}
	}
}

func TestReadFileWantsNothingBehindTheModel(t *testing.T) {
	file := encoded(t, formatModel())
	if _, err := ReadFile(bytes.NewReader(file)); err != nil {
		t.Error(err)
	}
	if _, err := ReadFile(bytes.NewReader(append(file, 0))); !errors.Is(err, ErrModel) || !strings.Contains(err.Error(), "follow the checksum") {
		t.Errorf("a byte behind it: %v", err)
	}
	if _, err := ReadFile(bytes.NewReader(nil)); !errors.Is(err, ErrModel) {
		t.Errorf("nothing: %v", err)
	}
}
