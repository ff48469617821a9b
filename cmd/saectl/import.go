package main

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"

	"github.com/spf13/cobra"

	"github.com/saedb/saedb/db"
)

// importFlags is what was typed; newImportJob says what it means.
type importFlags struct {
	vectors, ids, meta []string
	space              db.Space
	strict             bool
}

func newImportCmd(a *app) *cobra.Command {
	var f importFlags
	cmd := &cobra.Command{
		Use:   "import [FILE.npy…]",
		Short: "Store vectors from NumPy files, with ids and metadata",
		Long: `Store the rows of .npy files (float16, float32 or float64, one vector a row) as
items. The database is created if it is missing. Files are checked before
anything is written. An id that is there already is replaced, or left alone if
nothing about it has changed, so an import that was interrupted is continued by
the same command.

Ids come from --ids, one a line in the order of the rows; without it row 7 of
news.npy is called news/7. Metadata comes from --meta, one JSON object a line
with the id of its row: {"id":"a.jpg","year":2020,"labels":["dog","snow"]}. It
is meta.year and meta.labels in queries.

A row with NaN, an infinity or only zeros is skipped and counted; with --strict
it is an error, found before anything is written.`,
		Example: `  saectl import --vectors news.npy --ids news.txt --meta news.jsonl
  saectl import part-0.npy part-1.npy`,
		RunE: func(cmd *cobra.Command, args []string) error {
			f.vectors = append(f.vectors, args...)
			return runImport(cmd.Context(), a, f)
		},
	}
	flags := cmd.Flags()
	flags.StringArrayVar(&f.vectors, "vectors", nil, "vectors file (as if it were a FILE)")
	flags.StringArrayVar(&f.ids, "ids", nil, "ids of the rows, one a line; once for each vectors file, in the same order")
	flags.StringArrayVar(&f.meta, "meta", nil, "metadata: JSON lines, each with an id, or a .csv or .tsv with a column of ids")
	flags.StringVar(&f.space.Encoder, "encoder", "", "name of the encoder that made the vectors; a database takes vectors of one encoder")
	flags.StringVar(&f.space.WeightsSHA256, "encoder-sha256", "", "SHA-256 of the encoder's weights")
	flags.StringVar(&f.space.Preprocess, "preprocess", "", "variant of the encoder's picture preprocessing")
	flags.BoolVar(&f.strict, "strict", false, "a row that cannot be stored is an error")
	return cmd
}

func runImport(ctx context.Context, a *app, f importFlags) error {
	job, err := newImportJob(f)
	if err != nil {
		return err
	}
	defer job.close()
	if f.strict {
		if err := job.refuseBadRows(ctx); err != nil {
			return err
		}
	}
	return a.withDB(ctx, db.Options{Create: true, Space: f.space}, func(d *db.DB) error {
		if err := job.checkWidth(d); err != nil {
			return err
		}
		return job.run(ctx, a, d)
	})
}

// importJob is an import whose files have been checked: what can be known
// before the first write is known to be right.
type importJob struct {
	files []*vectorFile
	metas []*metaFile
	rows  int // of all files

	skipped []string // what was skipped and why, the first few
	outcome importOutcome
}

// importOutcome is what an import has done.
type importOutcome struct {
	Added     int `json:"added"`
	Replaced  int `json:"replaced"`
	Unchanged int `json:"unchanged"`
	Skipped   int `json:"skipped"`     // rows that cannot be stored
	MetaOnly  int `json:"meta_unused"` // metadata lines without a row
}

func (o importOutcome) String() string {
	return fmt.Sprintf("added %d, replaced %d, unchanged %d, skipped %d", o.Added, o.Replaced, o.Unchanged, o.Skipped)
}

// newImportJob opens and checks all files. The caller closes the job.
func newImportJob(f importFlags) (*importJob, error) {
	if len(f.vectors) == 0 {
		return nil, hint(errors.New("nothing to import"), "saectl import FILE.npy, or --vectors FILE.npy [--ids IDS.txt] [--meta META.jsonl]")
	}
	if len(f.ids) != 0 && len(f.ids) != len(f.vectors) {
		return nil, hint(fmt.Errorf("%d vectors files and %d --ids", len(f.vectors), len(f.ids)), "give --ids once for each vectors file, in the same order, or not at all")
	}
	j := &importJob{}
	if err := j.openVectors(f.vectors); err != nil {
		return nil, err
	}
	if err := j.readIDs(f.ids); err != nil {
		return nil, err
	}
	if err := j.openMetas(f.meta); err != nil {
		j.close()
		return nil, err
	}
	return j, nil
}

func (j *importJob) openVectors(paths []string) error {
	for _, path := range paths {
		v, err := checkVectors(path)
		if err != nil {
			return err
		}
		if first := append(j.files, v)[0]; v.cols != first.cols {
			return hint(fmt.Errorf("%s has vectors of %d numbers, %s of %d", v.path, v.cols, first.path, first.cols), "vectors of one database come from one encoder and have one width")
		}
		j.files = append(j.files, v)
		j.rows += v.rows
	}
	return nil
}

// readIDs gives the files their ids, none of them twice.
func (j *importJob) readIDs(paths []string) error {
	seen := map[string]string{}
	for i, path := range paths {
		ids, err := readIDs(path, seen)
		if err != nil {
			return err
		}
		if v := j.files[i]; len(ids) != v.rows {
			return hint(fmt.Errorf("%s has %d ids, %s has %d rows", path, len(ids), v.path, v.rows), "one id for each row, in the same order")
		}
		j.files[i].ids = ids
	}
	if len(paths) > 0 {
		return nil
	}
	for _, v := range j.files {
		if first, twice := seen[v.name()]; twice {
			return hint(fmt.Errorf("%s and %s would both have ids %s/0 and so on", first, v.path, v.name()), "give the ids with --ids, or rename one of the files")
		}
		seen[v.name()] = v.path
	}
	return nil
}

func (j *importJob) openMetas(paths []string) error {
	for _, path := range paths {
		m, err := openMeta(path)
		if err != nil {
			return err
		}
		j.metas = append(j.metas, m)
		for _, earlier := range j.metas[:len(j.metas)-1] {
			for id, l := range m.lines {
				if _, twice := earlier.lines[id]; twice {
					return hint(fmt.Errorf("%s:%d: id %q stands in %s as well", path, l.number, id, earlier.path), "join the lines of one id")
				}
			}
		}
	}
	return nil
}

func (j *importJob) close() {
	for _, m := range j.metas {
		m.close() // it was only read
	}
}

// checkWidth compares the files with the vectors that are stored.
func (j *importJob) checkWidth(d *db.DB) error {
	s, err := d.Snapshot()
	if err != nil {
		return err
	}
	defer s.Close()
	if v := j.files[0]; s.Dim() != 0 && s.Dim() != v.cols {
		return hint(fmt.Errorf("%s: %w: its vectors have %d numbers, those in the database %d", v.path, db.ErrDim, v.cols, s.Dim()), "use the encoder that filled %s, or another --db", d.Dir())
	}
	return nil
}

// refuseBadRows reads all vectors and returns an error for the first one that
// cannot be stored.
func (j *importJob) refuseBadRows(ctx context.Context) error {
	for _, v := range j.files {
		row := 0
		for x, err := range v.vectors() {
			if err != nil {
				return err
			}
			if err := db.CheckVector(x); err != nil {
				return hint(fmt.Errorf("%s: row %d (id %q): %w; nothing was written", v.path, row, v.id(row), err), "mend the row, or leave out --strict to skip such rows")
			}
			if err := ctx.Err(); err != nil {
				return err
			}
			row++
		}
	}
	return nil
}

// run stores the rows and tells what became of them.
func (j *importJob) run(ctx context.Context, a *app, d *db.DB) error {
	bar := a.progress("rows", j.rows)
	res, err := d.Ingest(ctx, j.items(bar))
	bar.end()
	j.outcome.Added, j.outcome.Replaced, j.outcome.Unchanged = res.Added, res.Replaced, res.Unchanged
	j.noteSkipped(a)
	if err != nil {
		a.note("stored so far: %s", j.outcome)
		return fmt.Errorf("import: %w", err)
	}
	j.noteUnused(a)
	if err := a.derive(ctx, d); err != nil {
		return err
	}
	return a.printOutcome(j.outcome, j.outcome.String())
}

// items yields the rows of all files that can be stored.
func (j *importJob) items(bar *progress) iter.Seq2[db.Item, error] {
	return func(yield func(db.Item, error) bool) {
		done := 0
		for _, v := range j.files {
			row := 0
			for x, err := range v.vectors() {
				if err != nil {
					yield(db.Item{}, err)
					return
				}
				if bad := db.CheckVector(x); bad != nil {
					j.skip(v, row, bad)
				} else if it, err := j.item(v.id(row), x); !yield(it, err) || err != nil {
					return
				}
				row++
				done++
				bar.update(done, "")
			}
		}
	}
}

func (j *importJob) item(id string, x []float32) (db.Item, error) {
	it := db.Item{ID: id, Vec: x}
	for _, m := range j.metas {
		meta, err := m.find(id)
		if err != nil {
			return db.Item{}, err
		}
		if meta != nil {
			it.Meta = meta
		}
	}
	return it, nil
}

// shownSkips is how many skipped rows, or unused lines, are named.
const shownSkips = 5

func (j *importJob) skip(v *vectorFile, row int, why error) {
	j.outcome.Skipped++
	if len(j.skipped) < shownSkips {
		j.skipped = append(j.skipped, fmt.Sprintf("%s: row %d (id %q): %v", v.path, row, v.id(row), why))
	}
}

func (j *importJob) noteSkipped(a *app) {
	for _, s := range j.skipped {
		a.note("skipped %s", s)
	}
	if more := j.outcome.Skipped - len(j.skipped); more > 0 {
		a.note("skipped %d more rows that cannot be stored", more)
	}
}

func (j *importJob) noteUnused(a *app) {
	for _, m := range j.metas {
		unused := m.unused()
		if len(unused) == 0 {
			continue
		}
		j.outcome.MetaOnly += len(unused)
		a.note("%s: %d lines name no row of this import: %s", m.path, len(unused), someNumbers("line", unused))
	}
}

// someNumbers is "lines 3, 8, 9" and so on, the first few of them.
func someNumbers(noun string, numbers []int) string {
	words := make([]string, 0, shownSkips)
	for _, n := range numbers[:min(len(numbers), shownSkips)] {
		words = append(words, fmt.Sprint(n))
	}
	if len(numbers) > 1 {
		noun += "s"
	}
	text := noun + " " + strings.Join(words, ", ")
	if len(numbers) > shownSkips {
		text += ", …"
	}
	return text
}
