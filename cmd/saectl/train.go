package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"time"

	"github.com/spf13/cobra"

	"github.com/saedb/saedb/cmd/saectl/internal/runs"
	"github.com/saedb/saedb/db"
	"github.com/saedb/saedb/sae"
	"github.com/saedb/saedb/sae/cuda"
	"github.com/saedb/saedb/sae/train"
)

// trainOptions is what was asked of train.
type trainOptions struct {
	trainFlags
	holdout, rows string
	name          string
	resume, fresh bool
	checkpoint    time.Duration
	encoder       encoderFlags
}

func newTrainCmd(a *app) *cobra.Command {
	var o trainOptions
	cmd := &cobra.Command{
		Use:   "train",
		Short: "Train the sparse autoencoder on the stored vectors",
		Long: `Train a sparse autoencoder on the vectors of the database, encode every item with
it, name its latents (by the stored vocabulary, or where the encoder is at hand by
the words that come with saectl), and make it the active one. The one before stays
until it is dropped.

A run has a folder of its own in the database, runs/NAME, with its configuration,
the ids of its rows, progress and checkpoints. What interrupts it - Ctrl-C, a kill,
a power cut - costs at most the work since the last checkpoint: the same command
continues by itself, and ends in the same autoencoder.

--holdout keeps rows back to measure on: a share (default 0.1), a file of ids, or
a query. With --rows and no --holdout, all rows that are not listed are kept back.`,
		Example: `  saectl train
  saectl train --latents 2048 --k 24 --epochs 20 --holdout 'split = test'
  saectl train --preset seed --rows ids.txt --sae seed`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.withDB(cmd.Context(), db.Options{Threads: o.threads}, func(d *db.DB) error {
				return runTrain(cmd.Context(), a, d, o)
			})
		},
	}
	f := cmd.Flags()
	o.register(f)
	f.StringVar(&o.holdout, "holdout", "", "rows kept back: a share, a file of ids, or a query (default 0.1)")
	f.StringVar(&o.rows, "rows", "", "train on the ids in this file, one a line (default: all)")
	f.StringVar(&o.name, "sae", "", "name of the autoencoder (default: sae1, sae2, …)")
	f.BoolVar(&o.resume, "resume", false, "continue the last unfinished run, whatever its settings")
	f.BoolVar(&o.fresh, "fresh", false, "start anew where a run of these settings was begun or finished")
	f.DurationVar(&o.checkpoint, "checkpoint", 20*time.Second, "time between two checkpoints")
	o.encoder.add(f)
	cmd.MarkFlagsMutuallyExclusive("resume", "fresh")
	return cmd
}

// trainJob is one run on its way.
type trainJob struct {
	a    *app
	d    *db.DB
	opts trainOptions
	cfg  train.Config
	ids  idList
	rows *rowFile
	split
	run runs.Run
}

// trainOutcome is what a finished run has come to.
type trainOutcome struct {
	SAE      string      `json:"sae"`
	Latents  int         `json:"latents"`
	K        int         `json:"k"`
	Steps    int         `json:"steps"`
	Training sae.Metrics `json:"training"`
	Holdout  sae.Metrics `json:"holdout,omitzero"`
	Concepts int         `json:"concepts"` // 0: not named
}

func runTrain(ctx context.Context, a *app, d *db.DB, o trainOptions) error {
	out, err := trainSAE(ctx, a, d, o)
	if err != nil {
		return err
	}
	if a.format == formatJSONL && !a.chosen() {
		a.format = formatTable // figures are for eyes unless asked otherwise
	}
	return a.printObject(out, out.text())
}

// trainSAE does what `train` does, up to the outcome. Each step finds out by
// itself whether it was done before, so a run continues wherever it was stopped.
func trainSAE(ctx context.Context, a *app, d *db.DB, o trainOptions) (trainOutcome, error) {
	j, done, err := newTrainJob(ctx, a, d, o)
	if err != nil {
		return trainOutcome{}, err
	}
	defer j.rows.Close()
	if done {
		var out trainOutcome
		a.note("%s was trained with these settings on these rows already; --fresh trains again", j.run.Name)
		return out, j.run.Result(&out)
	}
	m, err := j.model(ctx)
	if err != nil {
		return trainOutcome{}, err
	}
	if err := j.store(ctx, m); err != nil {
		return trainOutcome{}, err
	}
	concepts, err := j.name(ctx, m)
	if err != nil {
		return trainOutcome{}, err
	}
	if err := d.Activate(ctx, j.run.Name); err != nil {
		return trainOutcome{}, err
	}
	out := trainOutcome{SAE: j.run.Name, Latents: m.M, K: m.K, Steps: m.Info.Steps,
		Training: m.Info.Training, Holdout: m.Info.Holdout, Concepts: concepts}
	return out, j.run.Finish(out)
}

// newTrainJob reads rows and settings and finds the run that they are, or that is
// to be resumed. done says that it was finished before.
func newTrainJob(ctx context.Context, a *app, d *db.DB, o trainOptions) (j *trainJob, done bool, err error) {
	j = &trainJob{a: a, d: d, opts: o}
	root := runs.In(d.Dir())
	ids, rows, err := spillRows(ctx, d, root)
	if err != nil {
		return nil, false, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, rows.Close())
		}
	}()
	j.ids, j.rows = ids, rows
	if len(j.ids) == 0 {
		return nil, false, errNoRows()
	}
	if o.resume {
		return j, false, j.resumeLast(root)
	}
	if j.split, err = splitRows(ctx, d, j.ids, o.rows, o.holdout, o.seed); err != nil {
		return nil, false, err
	}
	var notes []string
	if j.cfg, notes, err = o.resolve(len(j.trained)); err != nil {
		return nil, false, err
	}
	config, err := j.config()
	if err != nil {
		return nil, false, err
	}
	found, err := j.findRun(ctx, root, config)
	if err != nil {
		return nil, false, err
	}
	if found && !o.fresh {
		stored, err := j.modelNames(ctx)
		if err != nil {
			return nil, false, err
		}
		if j.run.Done() && stored[j.run.Name] { // it may have been dropped since
			return j, true, nil
		}
		a.note("continuing the run %s, which was interrupted", j.run.Name)
		return j, false, nil
	}
	for _, n := range notes {
		a.note("note: %s", n)
	}
	return j, false, j.run.Begin(config, j.ids.names(j.trained), j.ids.names(j.held))
}

// config identifies the run.
func (j *trainJob) config() (runs.Config, error) {
	text, err := json.Marshal(j.cfg)
	if err != nil {
		return runs.Config{}, err
	}
	return runs.Config{
		Train: text, Rows: len(j.trained), Held: len(j.held),
		RowsDigest: j.ids.digest(j.rows, j.trained), HeldDigest: j.ids.digest(j.rows, j.held),
	}, j.rows.err
}

// findRun sets j.run to the run of this configuration, or else to a new one: the
// one called --sae, or the first of sae1, sae2, … that is free.
func (j *trainJob) findRun(ctx context.Context, root runs.Root, config runs.Config) (found bool, err error) {
	taken, err := j.modelNames(ctx)
	if err != nil {
		return false, err
	}
	if j.opts.name != "" {
		if j.run, err = root.Run(j.opts.name); err != nil {
			return false, err
		}
		if !j.run.Exists() {
			if taken[j.run.Name] {
				return false, errNameTaken(j.run.Name)
			}
			return false, nil
		}
		was, err := j.run.Config()
		switch {
		case err != nil && !j.opts.fresh:
			return false, hint(err, "--fresh starts the run anew")
		case err == nil && was.Equal(config) && !(j.opts.fresh && j.run.Done()):
			return true, nil
		case j.run.Done():
			return false, errNameTaken(j.run.Name)
		case !j.opts.fresh:
			return false, hint(fmt.Errorf("the run %s was begun with other settings or rows", j.run.Name), "--resume continues it, --fresh starts it anew, --sae NAME begins another")
		}
		return false, nil
	}
	list, err := root.List()
	if err != nil {
		return false, err
	}
	for _, r := range list {
		was, err := r.Config()
		if err != nil || !was.Equal(config) || j.opts.fresh && r.Done() {
			continue
		}
		j.run = r
		return true, nil
	}
	for n := 1; ; n++ {
		if j.run, err = root.Run(fmt.Sprintf("sae%d", n)); err != nil {
			return false, err
		}
		if !taken[j.run.Name] && !j.run.Exists() {
			return false, nil
		}
	}
}

func errNameTaken(name string) error {
	return hint(fmt.Errorf("there is an autoencoder called %s already", name), "give another name with --sae, or drop it first: saectl models drop %s", name)
}

// modelNames are the names of the stored autoencoders.
func (j *trainJob) modelNames(ctx context.Context) (map[string]bool, error) {
	models, err := j.d.Models(ctx)
	if err != nil {
		return nil, err
	}
	names := map[string]bool{}
	for _, m := range models {
		names[m.Name] = true
	}
	return names, nil
}

// resumeLast takes settings and rows from the last run that is not finished.
func (j *trainJob) resumeLast(root runs.Root) error {
	list, err := root.List()
	if err != nil {
		return err
	}
	for _, r := range list {
		if r.Done() || j.opts.name != "" && r.Name != j.opts.name {
			continue
		}
		j.run = r
		return j.restore()
	}
	return hint(errors.New("no run is unfinished"), "saectl train begins one")
}

// restore reads settings and rows of j.run and makes sure that the rows are still
// the same.
func (j *trainJob) restore() error {
	config, err := j.run.Config()
	if err != nil {
		return err
	}
	if err := json.Unmarshal(config.Train, &j.cfg); err != nil {
		return fmt.Errorf("run %s: config.json: %w", j.run.Name, err)
	}
	if j.cfg.Threads, err = threads(j.opts.threads); err != nil {
		return err
	}
	rows, held, err := j.run.Rows()
	if err != nil {
		return fmt.Errorf("run %s: %w", j.run.Name, err)
	}
	if j.trained, err = j.ids.rows(rows, "run "+j.run.Name); err != nil {
		return err
	}
	if j.held, err = j.ids.rows(held, "run "+j.run.Name); err != nil {
		return err
	}
	now, err := j.config()
	if err != nil {
		return err
	}
	if !config.Equal(now) {
		return hint(fmt.Errorf("run %s: its rows have changed since it was begun", j.run.Name), "saectl train begins a new run on the rows as they are now")
	}
	j.a.note("continuing the run %s", j.run.Name)
	return nil
}

// model returns the trained model: the one that the run has kept, or else it
// trains, from the last checkpoint on.
func (j *trainJob) model(ctx context.Context) (*sae.Model, error) {
	kept, err := j.run.Model()
	if err != nil {
		return nil, err
	}
	if kept != nil {
		defer kept.Close()
		m, err := sae.Read(kept)
		if err != nil {
			return nil, hint(fmt.Errorf("run %s: model.sae: %w", j.run.Name, err), "--fresh trains again")
		}
		return m, nil
	}
	data := train.Subset(j.rows, j.trained)
	m, err := j.train(ctx, data)
	if err != nil {
		return nil, err
	}
	m.Info.Name = j.run.Name
	m.Info.Training = train.Measure(m, data, j.cfg.Threads)
	m.Info.Holdout = train.Measure(m, train.Subset(j.rows, j.held), j.cfg.Threads)
	if j.rows.err != nil {
		return nil, j.rows.err
	}
	err = j.run.SaveModel(func(w io.Writer) error { _, err := m.WriteTo(w); return err })
	return m, err
}

func (j *trainJob) train(ctx context.Context, data train.Dataset) (*sae.Model, error) {
	init, err := train.Init(j.cfg, data)
	if err != nil {
		return nil, err
	}
	backend, chosen, err := j.a.newBackend(j.opts.backend, cuda.Precision(j.opts.precision), j.cfg, init)
	if err != nil {
		return nil, err
	}
	defer backend.Close()
	// Steps leave nothing behind, and a checkpoint is as large as all they need: memory that waits to be collected would double it.
	defer debug.SetGCPercent(debug.SetGCPercent(25))
	w := &trainWatch{j: j, saved: j.a.now()}
	defer w.close()
	options := []train.Option{train.OnStep(w.step), train.Checkpoint(1, w.save(ctx))}
	checkpoint, err := j.run.Checkpoint()
	if err != nil {
		return nil, err
	}
	if j.cfg.Patience > 0 {
		options = append(options, train.Watch(train.Subset(j.rows, j.held)))
	}
	if checkpoint != nil {
		defer checkpoint.Close()
		options = append(options, train.ResumeFrom(checkpoint))
	}
	m, err := train.Run(ctx, j.cfg, data, backend, options...)
	if j.rows.err != nil {
		return nil, j.rows.err
	}
	if errors.Is(err, train.ErrCheckpoint) {
		return nil, hint(err, "--fresh starts the run anew")
	}
	if errors.Is(err, train.ErrLoss) {
		return nil, hint(err, "a smaller --lr, such as %g, keeps the training stable", min(j.cfg.LR/4, 1e-3))
	}
	if err != nil && chosen == backendCUDA && ctx.Err() == nil {
		return nil, hint(err, "the same command goes on from the last checkpoint, with --backend cpu on the CPU")
	}
	return m, err
}

// store keeps the model in the database and encodes all items with it.
func (j *trainJob) store(ctx context.Context, m *sae.Model) error {
	if err := j.d.AddModel(ctx, j.run.Name, m); err != nil { // nothing happens if it is there
		return err
	}
	p := j.a.progress("items encoded", j.rows.Len())
	defer p.end()
	return j.a.encodeAll(ctx, j.d, j.run.Name, j.opts.backend, j.cfg.Threads, func(done, total int) { p.update(done, "") })
}

// name names the latents by the stored vocabulary, or by one that the encoder reads now, and returns how many concepts
// there are: 0 where there is neither a vocabulary nor an encoder.
func (j *trainJob) name(ctx context.Context, m *sae.Model) (int, error) {
	v, err := nameOptions{encoder: j.opts.encoder}.vocabulary(ctx, j.a, j.d)
	if errors.Is(err, db.ErrNoEmbedder) {
		j.a.note("latents have no names yet: saectl name --vocab words.txt --vocab-vectors words.npy gives them some (%v)", err)
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	return nameLatents(ctx, j.d, j.run.Name, m, v, nameOptions{}.assign())
}
