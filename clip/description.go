package clip

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/saedb/saedb/clip/picture"
	"github.com/saedb/saedb/clip/token"
)

// DescriptionFile is the file that makes a folder a model.
const DescriptionFile = "model.json"

// Description is model.json, version 1: the files of a two-tower model and how they are fed. File names are relative to its folder, or absolute.
type Description struct {
	Name       string `json:"name"`
	Version    int    `json:"version"`
	Dim        int    `json:"dim"`
	Normalized bool   `json:"normalized"` // whether the model's own outputs have norm 1; saedb does not rely on it
	Vision     Vision `json:"vision"`
	Text       Text   `json:"text"`
	Tokenizer  Cutter `json:"tokenizer"`
	Licence    string `json:"licence,omitempty"`
	Source     string `json:"source,omitempty"`

	dir string
}

// Vision is the tower that reads pictures.
type Vision struct {
	File       string `json:"file"`
	SHA256     string `json:"sha256,omitempty"`
	Input      Port   `json:"input"`
	Output     Port   `json:"output"`
	Preprocess struct {
		Size   int        `json:"size"`
		Mean   [3]float32 `json:"mean"`
		Std    [3]float32 `json:"std"`
		Resize string     `json:"resize,omitempty"` // only "shortest-edge bicubic"; remarks may follow
		Crop   string     `json:"crop,omitempty"`   // only "center"
	} `json:"preprocess"`
}

// Text is the tower that reads texts.
type Text struct {
	File      string `json:"file"`
	SHA256    string `json:"sha256,omitempty"`
	Inputs    []Port `json:"inputs"` // ids, attention mask ("mask" in its name), token types ("type"), as the model has them
	Output    Port   `json:"output"`
	MaxLength int    `json:"max_length"`
	FixLength bool   `json:"fixed_length,omitempty"` // every text is padded to MaxLength; so it is to a length that the file fixes
}

// Port is an input or output of a tower. What is not stated is as the file has it: all its inputs, and of its outputs the first that is a
// matrix of float32.
type Port struct {
	Name  string `json:"name"`
	DType string `json:"dtype,omitempty"`
}

// Cutter says which tokenizer the text tower was trained with, and where its vocabulary is.
type Cutter struct {
	Kind         string `json:"kind"` // "clip-bpe" or "bert-wordpiece"
	File         string `json:"file,omitempty"`
	SHA256       string `json:"sha256,omitempty"` // of the file that is read: Vocab for WordPiece, else File
	Vocab        string `json:"vocab,omitempty"`
	LowerCase    bool   `json:"lower_case,omitempty"`
	StripAccents bool   `json:"strip_accents,omitempty"`
	PadID        int64  `json:"pad_id"`
}

// ReadDescription reads and checks dir's model.json. Errors satisfy errors.Is(err, ErrNoModel) where there is none and
// errors.Is(err, ErrModel) where it cannot be used.
func ReadDescription(dir string) (*Description, error) {
	path := filepath.Join(dir, DescriptionFile)
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: %s is missing", ErrNoModel, path)
	}
	if err != nil {
		return nil, err
	}
	d := &Description{dir: dir}
	if err := json.Unmarshal(data, d); err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrModel, path, err)
	}
	if err := d.check(); err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrModel, path, err)
	}
	return d, nil
}

// check returns every fault of the description at once.
func (d *Description) check() error {
	var faults []error
	need := func(ok bool, format string, args ...any) {
		if !ok {
			faults = append(faults, fmt.Errorf(format, args...))
		}
	}
	need(d.Version == 1, "version is %d; this saedb reads version 1", d.Version)
	need(d.Name != "", "name is missing")
	need(d.Dim > 0, "dim is %d", d.Dim)
	need(d.Vision.File != "", "vision.file is missing")
	need(d.Vision.Preprocess.Size > 0, "vision.preprocess.size is %d", d.Vision.Preprocess.Size)
	for c, s := range d.Vision.Preprocess.Std {
		need(s > 0, "vision.preprocess.std[%d] is %v", c, s)
	}
	resize, crop := d.Vision.Preprocess.Resize, d.Vision.Preprocess.Crop
	need(resize == "" || strings.HasPrefix(resize, "shortest-edge bicubic"), `vision.preprocess.resize is %q, want "shortest-edge bicubic"`, resize)
	need(crop == "" || crop == "center", `vision.preprocess.crop is %q, want "center"`, crop)
	need(d.Text.File != "", "text.file is missing")
	for i, in := range d.Text.Inputs {
		need(in.Name != "", "text.inputs[%d].name is missing", i)
		need(in.DType == "" || in.DType == "int64" || in.DType == "int32", "text.inputs[%d].dtype is %q, want int64 or int32", i, in.DType)
	}
	need(d.Text.MaxLength > 1, "text.max_length is %d", d.Text.MaxLength)
	switch d.Tokenizer.Kind {
	case "clip-bpe":
		need(d.Tokenizer.File != "", "tokenizer.file is missing")
	case "bert-wordpiece":
		need(d.Tokenizer.Vocab != "", "tokenizer.vocab is missing")
	default:
		need(false, `tokenizer.kind is %q, want "clip-bpe" or "bert-wordpiece"`, d.Tokenizer.Kind)
	}
	return errors.Join(faults...)
}

// Files are the files that the model consists of, beside its description: both towers and the vocabulary.
func (d *Description) Files() []string {
	vocabulary := d.Tokenizer.File
	if d.Tokenizer.Kind == "bert-wordpiece" {
		vocabulary = d.Tokenizer.Vocab
	}
	return []string{d.Vision.File, d.Text.File, vocabulary}
}

// path returns where a file of the model lies.
func (d *Description) path(file string) string {
	if filepath.IsAbs(file) {
		return file
	}
	return filepath.Join(d.dir, filepath.FromSlash(file))
}

// Preprocess returns how pictures become tensors.
func (d *Description) Preprocess() picture.Preprocess {
	p := d.Vision.Preprocess
	return picture.Preprocess{Side: p.Size, Mean: p.Mean, Std: p.Std}
}

// Identity reads both towers' files and returns the space they make. A file that differs from the digest stated for it is an ErrModel.
func (d *Description) Identity() (Identity, error) { return d.identity("") }

// identity does the same, with digests remembered in a file.
func (d *Description) identity(memory string) (Identity, error) {
	known := recall(memory)
	vision, err := d.digest(known, d.Vision.File, d.Vision.SHA256)
	if err != nil {
		return Identity{}, err
	}
	text, err := d.digest(known, d.Text.File, d.Text.SHA256)
	if err != nil {
		return Identity{}, err
	}
	known.keep(memory)
	both := sha256.Sum256([]byte(vision + "\n" + text + "\n"))
	pre := d.Preprocess()
	return Identity{Name: d.Name, WeightsSHA256: hex.EncodeToString(both[:]), Preprocess: pre.Name(), Dim: d.Dim, Side: pre.Side}, nil
}

func (d *Description) digest(known *digests, file, stated string) (string, error) {
	path := d.path(file)
	got, err := known.of(path)
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrModel, err)
	}
	if stated != "" && !strings.EqualFold(got.SHA256, stated) {
		return "", fmt.Errorf("%w: %s: its %d bytes have sha256 %s, %s states %s: it is damaged or another file; fetch it again", ErrModel, path, got.Size, got.SHA256, DescriptionFile, stated)
	}
	return got.SHA256, nil
}

// tokenizer opens the vocabulary.
func (d *Description) tokenizer() (token.Tokenizer, error) {
	file := d.Files()[2]
	if d.Tokenizer.SHA256 != "" {
		if _, err := d.digest(recall(""), file, d.Tokenizer.SHA256); err != nil {
			return nil, err
		}
	}
	path := d.path(file)
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrModel, err)
	}
	defer f.Close()
	var t token.Tokenizer
	switch {
	case d.Tokenizer.Kind == "bert-wordpiece":
		t, err = token.ReadWordPiece(f, token.WordPieceOptions{LowerCase: d.Tokenizer.LowerCase, StripAccents: d.Tokenizer.StripAccents})
	case strings.HasSuffix(file, ".gz"):
		t, err = token.ReadMerges(f)
	default:
		t, err = token.ReadBPE(f)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrModel, path, err)
	}
	return t, nil
}
