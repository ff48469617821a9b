package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/spf13/cobra"

	"github.com/saedb/saedb/clip"
	"github.com/saedb/saedb/cmd/saectl/internal/folder"
	"github.com/saedb/saedb/db"
)

// indexOptions are the flags of index.
type indexOptions struct {
	encoder       encoderFlags
	meta          []string
	strict, prune bool
	threads       int
}

// besideName is the metadata file that index takes without being told.
const besideName = "metadata.jsonl"

func newIndexCmd(a *app) *cobra.Command {
	var o indexOptions
	cmd := &cobra.Command{
		Use:   "index PATH…",
		Short: "Store the vectors of the pictures in folders",
		Long: `index reads the pictures below each PATH, makes their vectors with the encoder
and stores them with a thumbnail and metadata: path, width, height, bytes,
mtime, hash, and from EXIF meta.taken, meta.camera, meta.lens, meta.lat and
meta.lon. A picture's id is its path relative to PATH. While an autoencoder is
active, codes are stored with the vectors, so new pictures answer concept
queries at once.

More metadata comes from JSON lines, {"file":"a/b.jpg","year":2020}, in
--meta FILE or in a file metadata.jsonl in PATH; file is an id.

What is stored already and has not changed is not read again, so index may be
run as often as you like, and after Ctrl-C it goes on where it stopped. A picture
whose content has changed starts afresh: it loses its cluster, for instance, which
said something of the old content. Files
that cannot be read are listed at the end; with --strict they make the exit
status 2. Pictures whose file is gone are kept unless --prune is given.

However many threads there are, the pictures that are decoded at any moment have
no more than 200 million pixels together, about 2 GB. Larger pictures are skipped.`,
		Example: `  saectl index ~/Pictures
  saectl index photos --meta captions.jsonl --model ./my-clip`,
		Args: wantArgs(cobra.MinimumNArgs(1)),
		RunE: func(cmd *cobra.Command, roots []string) error {
			return runIndex(cmd.Context(), a, roots, o)
		},
	}
	o.encoder.add(cmd.Flags())
	cmd.Flags().StringArrayVar(&o.meta, "meta", nil, "metadata: JSON lines, each with a file (or id), or a .csv or .tsv with such a column; may be given again")
	cmd.Flags().BoolVar(&o.strict, "strict", false, "exit with 2 if a file could not be read")
	cmd.Flags().BoolVar(&o.prune, "prune", false, "remove pictures below PATH whose file is gone")
	cmd.Flags().IntVar(&o.threads, "threads", 0, "threads (default: all cores)")
	return cmd
}

func runIndex(ctx context.Context, a *app, roots []string, o indexOptions) error {
	dir, err := a.dbDir(true)
	if err != nil {
		return err
	}
	found, err := folder.Walk(ctx, roots, dir)
	if err != nil {
		return err
	}
	job := &indexJob{files: found.Files, threads: o.threads, outcome: indexOutcome{Bad: []badFile{}}}
	if job.threads <= 0 {
		job.threads = runtime.GOMAXPROCS(0)
	}
	for _, f := range found.Faults {
		job.bad(f.Path, f.Err)
	}
	if len(found.Files) == 0 {
		job.noteBad(a)
		a.note("no pictures in %s (%d other files)", strings.Join(roots, ", "), found.Others)
		return errNothing
	}
	defer job.close()
	if err := job.openMetas(roots, o.meta); err != nil {
		return err
	}
	e, err := a.openEncoder(o.encoder, 1) // each goroutine has a batch of its own
	if err != nil {
		return err
	}
	defer e.Close()
	err = a.withDB(ctx, db.Options{Create: true, Space: spaceOf(e.Identity())}, func(d *db.DB) error {
		if err := job.run(ctx, a, d, e); err != nil {
			return err
		}
		if err := job.findGone(ctx, a, d, roots, o.prune); err != nil {
			return err
		}
		return a.deriveGraph(ctx, d)
	})
	job.noteBad(a)
	if err != nil {
		a.note("stored so far: %s; the same command goes on from there", job.outcome)
		return fmt.Errorf("index: %w", err)
	}
	if err := a.printOutcome(job.outcome, job.outcome.String()); err != nil {
		return err
	}
	if n := len(job.outcome.Bad); o.strict && n > 0 {
		return hint(fmt.Errorf("%d files could not be indexed", n), "mend or remove them, or leave out --strict")
	}
	return nil
}

// indexJob is one run over the files of some folders.
type indexJob struct {
	files   []folder.File
	metas   []*metaFile
	threads int
	outcome indexOutcome
}

// indexOutcome is what a run has done.
type indexOutcome struct {
	Added     int       `json:"added"`
	Replaced  int       `json:"replaced"`  // another picture, or other metadata
	Unchanged int       `json:"unchanged"` // not even read, or the same again
	Gone      int       `json:"gone"`      // stored, and the file is not there any more
	Removed   int       `json:"removed"`   // those of them that --prune removed
	Bad       []badFile `json:"bad"`
}

// badFile is a file that is not in the database because of itself.
type badFile struct {
	Path  string `json:"path"`
	Error string `json:"error"`
}

func (o indexOutcome) String() string {
	s := fmt.Sprintf("added %d, replaced %d, unchanged %d, skipped %d", o.Added, o.Replaced, o.Unchanged, len(o.Bad))
	switch {
	case o.Removed > 0:
		s += fmt.Sprintf(", removed %d", o.Removed)
	case o.Gone > 0:
		s += fmt.Sprintf("; the files of %d are gone (--prune removes them)", o.Gone)
	}
	return s
}

func (j *indexJob) bad(path string, err error) {
	j.outcome.Bad = append(j.outcome.Bad, badFile{Path: path, Error: err.Error()})
}

// shownBad is how many bad files are named; all of them are in the JSON.
const shownBad = 20

func (j *indexJob) noteBad(a *app) {
	for _, b := range j.outcome.Bad[:min(len(j.outcome.Bad), shownBad)] {
		a.note("skipped %s: %s", oneLine(b.Path), oneLine(b.Error)) // names of files come from anywhere
	}
	if more := len(j.outcome.Bad) - shownBad; more > 0 {
		a.note("skipped %d more files; --json lists them all", more)
	}
}

// openMetas opens the metadata files that were named and those in the roots.
func (j *indexJob) openMetas(roots, named []string) error {
	for _, root := range roots {
		beside := filepath.Join(root, besideName)
		if st, err := os.Stat(beside); err == nil && st.Mode().IsRegular() {
			named = append(named, beside)
		}
	}
	for _, path := range named {
		m, err := openMeta(path)
		if err != nil {
			return err
		}
		j.metas = append(j.metas, m)
	}
	return nil
}

func (j *indexJob) close() {
	for _, m := range j.metas {
		m.close() // it was only read
	}
}

// said returns what the metadata files say of an id; of two files the later counts.
func (j *indexJob) said(id string) (map[string]any, error) {
	meta := map[string]any{}
	for _, m := range j.metas {
		found, err := m.find(id)
		if err != nil {
			return nil, err
		}
		for key, v := range found {
			meta[key] = v
		}
	}
	return meta, nil
}

// pictureBatch is how many pictures the encoder gets at once, commitEvery how many are stored at once: few enough that
// a killed run loses seconds.
const (
	pictureBatch = 16
	commitEvery  = 4 * pictureBatch
)

// run stores every file that is new or has changed, in the order of ids.
func (j *indexJob) run(ctx context.Context, a *app, d *db.DB, e clip.Encoder) error {
	work, err := j.changed(ctx, d)
	if err != nil || len(work) == 0 {
		return err
	}
	bar := a.progress("pictures", len(work))
	defer bar.end()
	ctx, stop := context.WithCancel(ctx)
	defer stop()

	var ready []db.Item
	commit := func() error {
		// What is encoded is stored even if the user has said stop.
		res, err := d.Put(context.WithoutCancel(ctx), ready...)
		ready = ready[:0]
		j.outcome.Added += res.Added
		j.outcome.Replaced += res.Replaced
		j.outcome.Unchanged += res.Unchanged
		return err
	}
	done := 0
	for slot := range processAhead(ctx, e, work, j.threads, newPixelBudget(decodedAtOnce)) {
		batch := <-slot
		if err = batch.err; err != nil {
			break
		}
		for _, w := range batch.works {
			done++
			if w.err != nil {
				j.bad(w.file.Path, w.err)
				continue
			}
			ready = append(ready, w.item)
		}
		if len(ready) >= commitEvery {
			if err = commit(); err != nil {
				break
			}
		}
		bar.update(done, "")
	}
	if err == nil {
		err = ctx.Err()
	}
	return errors.Join(err, commit())
}

// changed returns the files that are not stored as they are now, each with what is stored of it.
func (j *indexJob) changed(ctx context.Context, d *db.DB) ([]indexWork, error) {
	s, err := d.Snapshot()
	if err != nil {
		return nil, err
	}
	defer s.Close()
	var work []indexWork
	for _, f := range j.files {
		said, err := j.said(f.ID)
		if err != nil {
			return nil, err
		}
		w := indexWork{file: f, said: said}
		old, err := s.Get(ctx, f.ID)
		switch {
		case errors.Is(err, db.ErrNotFound):
			work = append(work, w)
			continue
		case err != nil:
			return nil, err
		}
		if taken, is := old.Meta["path"].(string); is && taken != w.path() && exists(taken) {
			j.bad(f.Path, fmt.Errorf("its id %q is that of %s; index the folder above both, or use another database", f.ID, taken))
			continue
		}
		w.old = &old
		if w.isStored() {
			j.outcome.Unchanged++
			continue
		}
		work = append(work, w)
	}
	return work, nil
}

func exists(path string) bool {
	_, err := os.Stat(filepath.FromSlash(path))
	return err == nil
}

// findGone counts the stored pictures below the roots whose file is not there any more, and removes them if prune is set.
func (j *indexJob) findGone(ctx context.Context, a *app, d *db.DB, roots []string, prune bool) error {
	var below []string
	for _, root := range roots {
		abs, err := filepath.Abs(root)
		if err != nil {
			return err
		}
		below = append(below, strings.TrimSuffix(filepath.ToSlash(abs), "/")+"/")
	}
	here := make(map[string]bool, len(j.files))
	for _, f := range j.files {
		here[f.ID] = true
	}
	var gone []string
	for it, err := range d.All(ctx) {
		if err != nil {
			return err
		}
		path, is := it.Meta["path"].(string)
		if !is || here[it.ID] || it.Meta["hash"] == nil {
			continue
		}
		for _, root := range below {
			if strings.HasPrefix(path, root) && !exists(path) {
				gone = append(gone, it.ID)
				break
			}
		}
	}
	j.outcome.Gone = len(gone)
	if !prune || len(gone) == 0 {
		return nil
	}
	n, err := d.Delete(ctx, gone...)
	j.outcome.Removed = n
	return err
}
