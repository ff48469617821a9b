package main

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math"
	"slices"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/saedb/saedb/db"
	"github.com/saedb/saedb/index/kmeans"
	"github.com/saedb/saedb/sae"
	"github.com/saedb/saedb/sae/concept"
)

// clusterOptions is what was asked of cluster.
type clusterOptions struct {
	k, starts, threads int
	over, sae          string
	seed               uint64
	miniBatch          string
	where, label       string
}

func newClusterCmd(a *app) *cobra.Command {
	var o clusterOptions
	cmd := &cobra.Command{
		Use:   "cluster",
		Short: "Group the pictures, and name the groups by their concepts",
		Long: `Group the pictures by the direction of their codes, or of their vectors, with
spherical k-means, and store the group of each picture as the field cluster: 0 is the
largest. Queries use it like any other field.

A cluster is named by the concepts that take a larger share of its pictures than of
all pictures. --k defaults to the square root of half the number of pictures, at most
50. Above 100,000 pictures the centres come from mini-batches. The same pictures,
options and seed give the same clusters.

--label-field compares the clusters with labels: mutual information (NMI), adjusted
Rand index and purity. A picture with several labels counts once for each.`,
		Example: `  saectl cluster
  saectl cluster --k 20 --over vectors
  saectl query 'cluster = 3 top 20'
  saectl query clusters
  saectl query 'count concept = sea by cluster'`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.withDB(cmd.Context(), db.Options{}, func(d *db.DB) error {
				out, err := clusterItems(cmd.Context(), a, d, o)
				if err != nil {
					return err
				}
				if a.format == formatJSONL && !a.chosen() {
					a.format = formatTable // a table is for eyes unless asked otherwise
				}
				return a.printObject(out, out.text())
			})
		},
	}
	f := cmd.Flags()
	f.IntVar(&o.k, "k", 0, "number of clusters (default √(pictures/2), at most 50)")
	f.StringVar(&o.over, "over", "", "what is compared: codes or vectors (default codes where there is an autoencoder)")
	f.StringVar(&o.sae, "sae", "", "the autoencoder (default: the active one)")
	f.IntVar(&o.starts, "starts", 4, "how often to begin anew; the best counts")
	f.Uint64Var(&o.seed, "seed", 1, "seed of the random choices")
	f.StringVar(&o.miniBatch, "mini-batch", "auto", "auto, off, or the number of pictures in a batch")
	f.StringVar(&o.where, "where", "", "group the pictures of this query only; the others are in no cluster")
	_ = cmd.RegisterFlagCompletionFunc("where", a.completeFlag(""))
	f.StringVar(&o.label, "label-field", "", "metadata field to compare the clusters with")
	f.IntVar(&o.threads, "threads", 0, "goroutines (default: one for each processor)")
	return cmd
}

// clusterOutcome is what cluster prints.
type clusterOutcome struct {
	*db.Clusters
	Pictures   int               `json:"pictures"`    // in a cluster
	Left       int               `json:"left_out"`    // in none
	Mean       float64           `json:"mean_cosine"` // between a picture and its centre
	Silhouette float64           `json:"silhouette"`
	Labels     *kmeans.Agreement `json:"labels,omitempty"`
	label      string            // the field of Labels
}

// clusterJob is a grouping on its way.
type clusterJob struct {
	a     *app
	d     *db.DB
	o     clusterOptions
	all   *rowSet
	name  string         // of the autoencoder; empty: none
	model *sae.Model     // nil: none
	names *concept.Names // nil: the latents have none
	codes []sae.Code     // of all rows; nil without a model
	rows  []int          // that are grouped, ascending
}

func clusterItems(ctx context.Context, a *app, d *db.DB, o clusterOptions) (*clusterOutcome, error) {
	j, options, err := newClusterJob(ctx, a, d, o)
	if err != nil {
		return nil, err
	}
	grouped, err := j.group(ctx, options)
	if err != nil {
		return nil, err
	}
	out := &clusterOutcome{
		Clusters: &db.Clusters{Over: j.o.over, SAE: j.name, K: grouped.K, Seed: o.seed, Starts: options.Starts, List: j.describe(grouped)},
		Pictures: len(j.rows), Left: j.all.Len() - len(j.rows), Mean: grouped.Mean, Silhouette: grouped.Silhouette,
	}
	if o.label != "" {
		if out.Labels, err = j.compare(ctx, grouped.Labels); err != nil {
			return nil, err
		}
		out.label = o.label
	}
	return out, d.SetClusters(ctx, out.Clusters, j.values(grouped.Labels))
}

// newClusterJob checks the options and reads the rows, and their codes where there is an autoencoder.
func newClusterJob(ctx context.Context, a *app, d *db.DB, o clusterOptions) (*clusterJob, kmeans.Options, error) {
	j := &clusterJob{a: a, d: d, o: o}
	options := kmeans.Options{K: o.k, Starts: o.starts, Seed: o.seed}
	var err error
	if options.Threads, err = threads(o.threads); err != nil {
		return nil, options, err
	}
	if options.Batch, err = miniBatch(o.miniBatch); err != nil {
		return nil, options, err
	}
	if o.k < 0 {
		return nil, options, fmt.Errorf("--k %d: it is at least 1, or 0 for the default", o.k)
	}
	if o.starts < 1 {
		return nil, options, fmt.Errorf("--starts %d: it is at least 1", o.starts)
	}
	if err := j.chooseSpace(ctx); err != nil {
		return nil, options, err
	}
	if j.all, err = loadRows(ctx, d); err != nil {
		return nil, options, err
	}
	if j.all.Len() == 0 {
		return nil, options, hint(errors.New("the database holds no pictures to group"), creators)
	}
	if j.model != nil {
		if err := j.readCodes(ctx); err != nil {
			return nil, options, err
		}
	}
	if err := j.chooseRows(ctx); err != nil {
		return nil, options, err
	}
	if options.K == 0 {
		options.K = clusterCount(len(j.rows))
	}
	return j, options, nil
}

// miniBatch reads --mini-batch as kmeans.Options has it.
func miniBatch(text string) (int, error) {
	switch text {
	case "auto", "":
		return 0, nil
	case "off":
		return -1, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		return 0, fmt.Errorf("--mini-batch %q: want auto, off, or a number of pictures such as 4096", text)
	}
	return n, nil
}

// clusterCount is the number of clusters where none is said: it grows with the root of the pictures, as a common rule of thumb
// has it, and stays small enough to be looked through.
func clusterCount(n int) int {
	return min(50, max(2, int(math.Round(math.Sqrt(float64(n)/2)))))
}

// chooseSpace settles what is compared, and reads the autoencoder and its names if there are any.
func (j *clusterJob) chooseSpace(ctx context.Context) error {
	if over := j.o.over; over != "" && over != "codes" && over != "vectors" {
		return fmt.Errorf("--over %q: want codes or vectors", over)
	}
	var err error
	j.name, j.model, err = chosenModel(ctx, j.d, j.o.sae)
	switch {
	case errors.Is(err, db.ErrNoModel) && j.o.sae == "" && j.o.over != "codes":
		j.o.over = "vectors"
		return nil
	case err != nil:
		return err
	case j.o.over == "":
		j.o.over = "codes"
	}
	if j.names, err = j.d.EditedNames(ctx, j.name); errors.Is(err, db.ErrNoNames) {
		return nil
	}
	return err
}

// readCodes takes the codes from the database, and makes those that an autoencoder that is not active lacks.
func (j *clusterJob) readCodes(ctx context.Context) error {
	j.codes = make([]sae.Code, j.all.Len())
	there := make([]bool, j.all.Len())
	for c, err := range j.d.Codes(ctx, j.name) {
		if err != nil {
			return fmt.Errorf("read the codes: %w", err)
		}
		if row, ok := j.all.find(c.ID); ok {
			j.codes[row], there[row] = c.Code, true
		}
	}
	for row, ok := range there {
		if !ok {
			j.codes[row] = j.model.Encode(sae.Code{}, j.all.Row(row))
		}
	}
	return nil
}

// chooseRows sets the rows to group: all, or those asked for, without those whose code is empty where codes are compared.
func (j *clusterJob) chooseRows(ctx context.Context) error {
	if j.o.where != "" {
		var err error
		if j.rows, err = askedRows(ctx, j.d, j.all, "--where", j.o.where); err != nil {
			return hint(err, "--where takes a query such as 'meta.year >= 2020'")
		}
		if len(j.rows) == 0 {
			return hint(fmt.Errorf("--where %q finds no pictures", j.o.where), "saectl query runs it alone")
		}
	} else {
		for row := range j.all.Len() {
			j.rows = append(j.rows, row)
		}
	}
	if j.o.over != "codes" {
		return nil
	}
	asked := len(j.rows)
	j.rows = slices.DeleteFunc(j.rows, func(row int) bool { return j.codes[row].Len() == 0 })
	if none := asked - len(j.rows); none > 0 {
		j.a.note("%s pictures have an empty code and are in no cluster; --over vectors groups them too", thousands(none))
	}
	if len(j.rows) == 0 {
		return hint(errors.New("all codes are empty"), "saectl cluster --over vectors groups the vectors")
	}
	return nil
}

// group runs k-means over codes or vectors.
func (j *clusterJob) group(ctx context.Context, o kmeans.Options) (*kmeans.Result, error) {
	var rows kmeans.Rows
	if j.o.over == "codes" {
		x := kmeans.NewSparse(j.model.M)
		for _, row := range j.rows {
			if err := x.Append(j.codes[row].Latents, j.codes[row].Acts); err != nil {
				return nil, fmt.Errorf("the code of %q: %w", j.all.ids[row], err)
			}
		}
		rows = x
	} else {
		x := kmeans.NewDense(j.all.D)
		for _, row := range j.rows {
			if err := x.Append(j.all.Row(row)); err != nil {
				return nil, fmt.Errorf("the vector of %q: %w", j.all.ids[row], err)
			}
		}
		rows = x
	}
	bar := j.a.progress("starts", o.Starts)
	defer bar.end()
	o.Progress = func(p kmeans.Progress) {
		bar.update(p.Start-1, fmt.Sprintf("pass %d, mean cosine %.4f", p.Pass, p.Mean))
	}
	return kmeans.Run(ctx, rows, o)
}

// values yields the items that are in a cluster, with its number.
func (j *clusterJob) values(labels []int) iter.Seq2[string, int] {
	return func(yield func(string, int) bool) {
		for i, row := range j.rows {
			if !yield(j.all.ids[row], labels[i]) {
				return
			}
		}
	}
}

// compare sets the clusters beside the labels of --label-field.
func (j *clusterJob) compare(ctx context.Context, clusters []int) (*kmeans.Agreement, error) {
	labels, err := evalOptions{field: j.o.label}.read(ctx, j.d, j.all)
	if err != nil {
		return nil, err
	}
	numbers := map[string]int{}
	var c, l []int
	for i, row := range j.rows {
		for _, label := range labels[row] {
			if _, seen := numbers[label]; !seen {
				numbers[label] = len(numbers)
			}
			c, l = append(c, clusters[i]), append(l, numbers[label])
		}
	}
	agreement := kmeans.Agree(c, l)
	return &agreement, nil
}
