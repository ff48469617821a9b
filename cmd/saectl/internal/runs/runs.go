// Package runs keeps the folders of training runs: one folder for each run, with
// everything that continues it and everything worth looking at afterwards.
//
//	config.json    the configuration as resolved, and digests of the rows
//	rows.txt       ids of the rows trained on, one a line
//	holdout.txt    ids of the rows kept back for measuring
//	metrics.jsonl  progress, one JSON object a line
//	checkpoint     state of the trainer; gone once model.sae is there
//	model.sae      the trained model
//	done.json      the result; its presence says that the run is complete
//
// Beside the folders lies, while a run works, a scratch file.
//
// A file is written under another name, synced and renamed, so a kill leaves the
// old one or the new one. metrics.jsonl grows by whole lines; what a killed run
// wrote after its last checkpoint is dropped when it continues. One process at a
// time may use a folder; the database's lock sees to that.
package runs

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// The files of a run.
const (
	configFile     = "config.json"
	rowsFile       = "rows.txt"
	holdoutFile    = "holdout.txt"
	metricsFile    = "metrics.jsonl"
	checkpointFile = "checkpoint"
	modelFile      = "model.sae"
	doneFile       = "done.json"
)

// Config identifies a run: two runs with equal Configs end in the same model.
type Config struct {
	Train       json.RawMessage `json:"train"`           // the trainer's own configuration
	RowsDigest  string          `json:"rows_sha256"`     // of ids and vectors trained on
	Rows        int             `json:"rows"`            // how many
	HeldDigest  string          `json:"holdout_sha256"`  // of ids and vectors kept back
	Held        int             `json:"holdout"`         // how many
	Space       string          `json:"space,omitempty"` // where the vectors come from
	Explanation string          `json:"explanation,omitempty"`
}

// Equal reports whether c and o describe the same run. Explanation is for people.
func (c Config) Equal(o Config) bool {
	var a, b bytes.Buffer
	if json.Compact(&a, c.Train) != nil || json.Compact(&b, o.Train) != nil || !bytes.Equal(a.Bytes(), b.Bytes()) {
		return false
	}
	return c.RowsDigest == o.RowsDigest && c.HeldDigest == o.HeldDigest && c.Space == o.Space
}

// Run is the folder of one run.
type Run struct {
	Name string
	dir  string
}

// Root is the folder that holds the runs of one database.
type Root string

// In returns the root of the runs of the database in dir.
func In(dir string) Root { return Root(filepath.Join(dir, "runs")) }

// Run returns the run called name, there or not. A name is one path element.
func (r Root) Run(name string) (Run, error) {
	if name == "" || name == "." || name == ".." || len(name) > 100 || strings.ContainsAny(name, `/\:*?"<>|`) || strings.ContainsFunc(name, func(c rune) bool { return c < ' ' }) {
		return Run{}, fmt.Errorf("%q cannot be the name of an autoencoder: use up to 100 letters, digits, dots and dashes", name)
	}
	return Run{Name: name, dir: filepath.Join(string(r), name)}, nil
}

// scratchPrefix begins the names of files that live as long as a process.
const scratchPrefix = "scratch-"

// Scratch returns a new file for what a run needs on the way, after removing those of runs that were killed. Discard takes it away.
func (r Root) Scratch() (*os.File, error) {
	if err := os.MkdirAll(string(r), 0o777); err != nil {
		return nil, err
	}
	entries, err := os.ReadDir(string(r))
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		if e.Type().IsRegular() && strings.HasPrefix(e.Name(), scratchPrefix) {
			if err := os.Remove(filepath.Join(string(r), e.Name())); err != nil {
				return nil, err
			}
		}
	}
	return os.CreateTemp(string(r), scratchPrefix)
}

// Discard closes and removes a scratch file.
func Discard(f *os.File) error { return errors.Join(f.Close(), os.Remove(f.Name())) }

// List returns the runs that have a configuration, the one touched last first.
func (r Root) List() ([]Run, error) {
	entries, err := os.ReadDir(string(r))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	type dated struct {
		Run
		at int64
	}
	var found []dated
	for _, e := range entries {
		run, err := r.Run(e.Name())
		if err != nil || !e.IsDir() || !run.has(configFile) {
			continue
		}
		st, err := os.Stat(run.dir)
		if err != nil {
			return nil, err
		}
		found = append(found, dated{run, st.ModTime().UnixNano()})
	}
	slices.SortStableFunc(found, func(a, b dated) int {
		switch {
		case a.at > b.at:
			return -1
		case a.at < b.at:
			return 1
		}
		return strings.Compare(b.Name, a.Name)
	})
	runs := make([]Run, len(found))
	for i, d := range found {
		runs[i] = d.Run
	}
	return runs, nil
}

// Dir is the folder of the run.
func (r Run) Dir() string { return r.dir }

// Exists reports whether the run has been begun.
func (r Run) Exists() bool { return r.has(configFile) }

// Done reports whether the run is complete.
func (r Run) Done() bool { return r.has(doneFile) }

func (r Run) has(name string) bool {
	_, err := os.Stat(filepath.Join(r.dir, name))
	return err == nil
}

// Begin starts the run anew: what is in its folder is removed, and configuration
// and ids are written. config.json comes last: with it the run exists.
func (r Run) Begin(c Config, rows, held []string) error {
	if err := os.RemoveAll(r.dir); err != nil {
		return err
	}
	if err := os.MkdirAll(r.dir, 0o777); err != nil {
		return err
	}
	if err := r.replace(rowsFile, writeLines(rows)); err != nil {
		return err
	}
	if err := r.replace(holdoutFile, writeLines(held)); err != nil {
		return err
	}
	return r.replace(configFile, writeJSON(c))
}

// Config returns the configuration the run was begun with.
func (r Run) Config() (Config, error) {
	var c Config
	err := r.readJSON(configFile, &c)
	return c, err
}

// Rows returns the ids trained on and those kept back.
func (r Run) Rows() (rows, held []string, err error) {
	if rows, err = r.readLines(rowsFile); err == nil {
		held, err = r.readLines(holdoutFile)
	}
	return rows, held, err
}

// SaveCheckpoint replaces the checkpoint by what write writes.
func (r Run) SaveCheckpoint(write func(io.Writer) error) error {
	return r.replace(checkpointFile, write)
}

// Checkpoint opens the checkpoint; nil without an error says that there is none.
func (r Run) Checkpoint() (io.ReadCloser, error) { return r.open(checkpointFile) }

// SaveModel keeps the trained model, after which the checkpoint is of no use.
func (r Run) SaveModel(write func(io.Writer) error) error {
	if err := r.replace(modelFile, write); err != nil {
		return err
	}
	if err := os.Remove(filepath.Join(r.dir, checkpointFile)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// Model opens the trained model; nil without an error says that there is none.
func (r Run) Model() (io.ReadCloser, error) { return r.open(modelFile) }

// Finish writes the result and marks the run as complete.
func (r Run) Finish(result any) error { return r.replace(doneFile, writeJSON(result)) }

// Result reads what Finish was given.
func (r Run) Result(result any) error { return r.readJSON(doneFile, result) }

func (r Run) open(name string) (io.ReadCloser, error) {
	f, err := os.Open(filepath.Join(r.dir, name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return f, err
}

// replace writes a file so that a kill at any point leaves the old one or the new
// one: another name, sync, rename, sync of the folder.
func (r Run) replace(name string, write func(io.Writer) error) error {
	path := filepath.Join(r.dir, name)
	f, err := os.Create(path + ".tmp")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // no longer there after the rename
	w := bufio.NewWriterSize(f, 1<<20)
	err = write(w)
	if err == nil {
		err = w.Flush()
	}
	if err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return syncDir(r.dir)
}

func writeLines(lines []string) func(io.Writer) error {
	return func(w io.Writer) error {
		for _, l := range lines {
			if _, err := io.WriteString(w, l+"\n"); err != nil {
				return err
			}
		}
		return nil
	}
}

func writeJSON(v any) func(io.Writer) error {
	return func(w io.Writer) error {
		enc := json.NewEncoder(w)
		enc.SetEscapeHTML(false)
		enc.SetIndent("", "  ")
		return enc.Encode(v)
	}
}

func (r Run) readLines(name string) ([]string, error) {
	text, err := os.ReadFile(filepath.Join(r.dir, name))
	if err != nil || len(text) == 0 {
		return nil, err
	}
	return strings.Split(strings.TrimSuffix(string(text), "\n"), "\n"), nil
}

func (r Run) readJSON(name string, v any) error {
	path := filepath.Join(r.dir, name)
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, v); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}
