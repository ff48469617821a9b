package main

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/saedb/saedb/db"
	"github.com/saedb/saedb/internal/vec"
	"github.com/saedb/saedb/sae"
	"github.com/saedb/saedb/sae/concept"
	"github.com/saedb/saedb/sae/train"
)

// evalOptions is what was asked of eval.
type evalOptions struct {
	labels, field, sae string
	least              int
	quick              bool
	against, holdout   string
}

func newEvalCmd(a *app) *cobra.Command {
	var o evalOptions
	cmd := &cobra.Command{
		Use:   "eval",
		Short: "Measure reconstruction, and search by concept against labels",
		Long: `Measure how faithfully the autoencoder reconstructs the rows it was trained on and
those kept back, side by side; how it does with 8 to 512 active latents, beside an
untrained autoencoder of its size, PCA with as many numbers and k-means; how
different its decoder rows are, how often latents fire, and whether codes keep the
neighbourhoods of the vectors (CKNNA). --quick leaves all but the first out. Rows
added since the training are measured too; where they lose clearly more than rows
like those before, it says that training again is worth it. --holdout holds other
rows out than the training did.

Names are checked on the rows kept back: whether the pictures that fire a latent
are nearer to its name than the others are (AUC), beside the same for names dealt
out at random, which must be about 0.5.

With labels, also measure how well concepts find what people see: for each label
that is a concept, the rows with labels are ranked by "concept = LABEL" and, beside
it, by the cosine with the word's own vector (text search). precision@10 counts ten
answers however few there are; average precision counts rows that are not found as
misses.`,
		Example: `  saectl eval --json
  saectl eval --label-field labels
  saectl eval --labels labels.jsonl`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.withDB(cmd.Context(), db.Options{ReadOnly: true}, func(d *db.DB) error {
				out, err := evaluate(cmd.Context(), a, d, o)
				if err != nil {
					return err
				}
				if a.format == formatJSONL && !a.chosen() {
					a.format = formatTable // figures are for eyes unless asked otherwise
				}
				return a.printObject(out, out.text())
			})
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.labels, "labels", "", `file of labels, one {"id":"…","labels":["…"]} a line`)
	f.StringVar(&o.field, "label-field", "", "metadata field that holds the labels of an item")
	f.StringVar(&o.holdout, "holdout", "", "rows to count as held out: a file of ids or a query; a share where it is not known what was trained on")
	f.BoolVar(&o.quick, "quick", false, "only the reconstruction, and labels where they are asked for")
	f.IntVar(&o.least, "least", 10, "labels of fewer rows are left out")
	f.StringVar(&o.sae, "sae", "", "the autoencoder (default: the active one)")
	f.StringVar(&o.against, "against", "", "pair the latents with those of another autoencoder, a stored one or a file or folder, and say how alike they are")
	cmd.MarkFlagsMutuallyExclusive("labels", "label-field")
	return cmd
}

// evalOutcome is what eval prints.
type evalOutcome struct {
	SAE      string       `json:"sae"`
	Training sae.Metrics  `json:"training,omitzero"`
	Holdout  sae.Metrics  `json:"holdout,omitzero"`
	All      sae.Metrics  `json:"all,omitzero"`   // where it is not known what was trained on
	Added    sae.Metrics  `json:"added,omitzero"` // rows that came after the training
	Fit      *fitView     `json:"fit,omitempty"`  // whether those still look like the others
	Depth    *depth       `json:"depth,omitempty"`
	Against  *agreement   `json:"against,omitempty"`
	Naming   naming       `json:"naming,omitzero"`
	Labels   *labelResult `json:"labels,omitempty"`
}

// naming says how latents were named.
type naming struct {
	Named    int     `json:"named"`        // latents with a name
	Concepts int     `json:"concepts"`     // words that can be asked for
	Words    int     `json:"unique_words"` // different names of latents
	Score    float64 `json:"mean_score"`   // of the named latents
	Margin   float64 `json:"mean_margin"`

	Confidence float64            `json:"mean_confidence"`
	Agreement  *concept.Agreement `json:"agreement,omitempty"` // of pictures with the names
	Common     int                `json:"common"`              // latents that fire for a great part of all pictures
	Twins      int                `json:"twins"`               // latents that say what another says
}

// labelResult compares two searches by labels.
type labelResult struct {
	Rows    int          `json:"rows"` // rows that have labels
	PerWord []labelScore `json:"labels"`
	Concept searchScore  `json:"concept"` // means over the labels
	Text    searchScore  `json:"text"`
	Unknown []string     `json:"not_concepts,omitempty"` // labels that no concept bears
}

type labelScore struct {
	Label   string      `json:"label"`
	Rows    int         `json:"rows"`
	Concept searchScore `json:"concept"`
	Text    searchScore `json:"text"`
}

type searchScore struct {
	P10    float64 `json:"precision_at_10"`
	AP     float64 `json:"average_precision"`
	Recall float64 `json:"recall"`
}

func evaluate(ctx context.Context, a *app, d *db.DB, o evalOptions) (*evalOutcome, error) {
	name, m, err := chosenModel(ctx, d, o.sae)
	if err != nil {
		return nil, err
	}
	rows, err := loadRows(ctx, d)
	if err != nil {
		return nil, err
	}
	out := &evalOutcome{SAE: name}
	known := rowsKnown(d.Dir(), name, rows)
	if o.holdout != "" {
		if known, err = known.holdOut(ctx, a, d, m, rows, o.holdout); err != nil {
			return nil, err
		}
	}
	out.measure(a, m, rows, known)
	if !o.quick {
		if out.Depth, err = look(ctx, m, rows, known.trained, known.held); err != nil {
			return nil, err
		}
	}
	if o.against != "" {
		if out.Against, err = compareModels(ctx, d, m, o.against); err != nil {
			return nil, err
		}
	}
	names, err := d.EditedNames(ctx, name)
	if err != nil && !errors.Is(err, db.ErrNoNames) {
		return nil, err
	}
	if err == nil {
		out.Naming = judgeNaming(names)
	}
	if names != nil && !o.quick {
		if out.Naming.Agreement, err = control(ctx, d, name, m, names); err != nil {
			return nil, err
		}
	}
	if o.labels == "" && o.field == "" {
		return out, nil
	}
	if names == nil {
		return nil, hint(errors.New("labels are compared with concepts, and the latents have no names"), "saectl name --vocab words.txt --vocab-vectors words.npy gives them some")
	}
	labels, err := o.read(ctx, d, rows)
	if err != nil {
		return nil, err
	}
	v, err := d.Vocab(ctx)
	if err != nil {
		return nil, err
	}
	out.Labels, err = compareByLabels(labelSearch{m: m, names: names, vocab: v, rows: rows, labels: labels}, o.least)
	return out, err
}

// measure takes the figures of the rows trained on, kept back and added since, side by side.
func (e *evalOutcome) measure(a *app, m *sae.Model, rows *rowSet, k knownRows) {
	of := func(set []int) sae.Metrics { return train.Measure(m, train.Subset(rows, set), maxThreads()) }
	if !k.known && k.held == nil {
		a.note("which rows %s was trained on is not known here: all rows are measured; --holdout says which it has not seen", e.SAE)
		e.All = of(k.trained)
		return
	}
	e.Training, e.Holdout, e.Added = of(k.trained), of(k.held), of(k.added)
	e.Fit = fitOf(e.SAE, m, len(k.added), rowsOf(rows, k.added, fitRows))
}

// control measures how well pictures agree with the names, and with names dealt out at random; nil without a vocabulary.
func control(ctx context.Context, d *db.DB, name string, m *sae.Model, names *concept.Names) (*concept.Agreement, error) {
	v, err := d.Vocab(ctx)
	if errors.Is(err, db.ErrNoVocab) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	st := concept.Stats{}
	if st.Sample, err = sampleOf(ctx, d, name); err != nil {
		return nil, err
	}
	agreed, err := names.Control(m, v, st, m.Info.Seed)
	return &agreed, err
}

func judgeNaming(names *concept.Names) naming {
	n := naming{Concepts: len(names.Concepts)}
	words := map[string]bool{}
	for _, l := range names.Latents {
		if l.Word == "" {
			continue
		}
		n.Named++
		words[l.Word] = true
		n.Score += float64(l.Score)
		n.Margin += float64(l.Margin)
		n.Confidence += float64(l.Confidence())
	}
	for _, l := range names.Latents {
		if l.Common {
			n.Common++
		}
	}
	for _, group := range names.Twins {
		n.Twins += len(group)
	}
	n.Words = len(words)
	n.Score /= float64(max(1, n.Named))
	n.Margin /= float64(max(1, n.Named))
	n.Confidence /= float64(max(1, n.Named))
	return n
}

// read returns the labels of each row; nil for a row that has none.
func (o evalOptions) read(ctx context.Context, d *db.DB, rows *rowSet) ([][]string, error) {
	labels := make([][]string, rows.Len())
	found := 0
	add := func(id string, list []string) {
		if row, ok := rows.ids.find(id); ok && len(list) > 0 {
			labels[row] = list
			found++
		}
	}
	if o.field != "" {
		for it, err := range d.All(ctx) {
			if err != nil {
				return nil, err
			}
			add(it.ID, labelsOf(it.Meta, o.field))
		}
		if found == 0 {
			return nil, hint(fmt.Errorf("no item has labels in the field %q", o.field), "saectl query fields lists the fields there are")
		}
		return labels, nil
	}
	f, err := os.Open(o.labels)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	s := bufio.NewScanner(f)
	s.Buffer(nil, 1<<20)
	for n := 1; s.Scan(); n++ {
		var l struct {
			ID     string   `json:"id"`
			Labels []string `json:"labels"`
		}
		if len(bytes.TrimSpace(s.Bytes())) == 0 {
			continue
		}
		if err := json.Unmarshal(s.Bytes(), &l); err != nil || l.ID == "" {
			return nil, hint(fmt.Errorf("%s:%d: not a line of labels", o.labels, n), `a line is {"id":"a.jpg","labels":["dog","snow"]}`)
		}
		add(l.ID, l.Labels)
	}
	if err := s.Err(); err != nil {
		return nil, fmt.Errorf("%s: %w", o.labels, err)
	}
	if found == 0 {
		return nil, fmt.Errorf("%s: none of its ids is in the database with a label", o.labels)
	}
	return labels, nil
}

// labelsOf reads the labels in a metadata field: a list, or one text.
func labelsOf(meta map[string]any, field string) []string {
	switch v := meta[field].(type) {
	case []string:
		return v
	case string:
		return []string{v}
	}
	return nil
}

// labelSearch is the two searches that labels compare, over the rows with labels.
type labelSearch struct {
	m      *sae.Model
	names  *concept.Names
	vocab  *concept.Vocab
	rows   *rowSet
	labels [][]string
}

func compareByLabels(s labelSearch, least int) (*labelResult, error) {
	var labelled []int
	for row, l := range s.labels {
		if l != nil {
			labelled = append(labelled, row)
		}
	}
	codes := make([]sae.Code, len(labelled))
	labels := make([][]string, len(labelled))
	for i, row := range labelled {
		codes[i] = s.m.Encode(sae.Code{}, s.rows.Row(row))
		labels[i] = s.labels[row]
	}
	r := &labelResult{Rows: len(labelled)}
	byConcept, err := concept.Evaluate(labels, least, func(label string) ([]int, bool, error) {
		c, ok := s.names.Concept(label)
		if !ok {
			r.Unknown = append(r.Unknown, label)
			return nil, false, nil
		}
		return ranking(conceptScores(c, codes, s.m.M), true), true, nil
	})
	if err != nil {
		return nil, err
	}
	words := map[string]int{}
	for i, w := range s.vocab.Words {
		words[w] = i
	}
	byText, err := concept.Evaluate(labels, least, func(label string) ([]int, bool, error) {
		_, isConcept := s.names.Concept(label)
		i, ok := words[label]
		if !ok || !isConcept {
			return nil, isConcept, nil // a word without a vector finds nothing
		}
		scores := make([]float32, len(labelled))
		for j, row := range labelled {
			scores[j] = vec.Dot(s.vocab.Vector(i), s.rows.Row(row))
		}
		return ranking(scores, false), true, nil
	})
	if err != nil {
		return nil, err
	}
	for i, c := range byConcept {
		r.PerWord = append(r.PerWord, labelScore{c.Label, c.Positives, score(c), score(byText[i])})
	}
	r.Concept, r.Text = score(concept.Mean(byConcept)), score(concept.Mean(byText))
	return r, nil
}

func score(j concept.Judgement) searchScore {
	return searchScore{P10: j.P10, AP: j.AP, Recall: j.Recall}
}

// conceptScores is what `concept = X` gives each code: Σ weight·activation, added
// by ascending latent as the index does.
func conceptScores(c concept.Concept, codes []sae.Code, latents int) []float32 {
	weights := make([]float32, latents)
	for _, g := range c.Group {
		weights[g.Latent] = g.W
	}
	scores := make([]float32, len(codes))
	for i, code := range codes {
		for j, l := range code.Latents {
			scores[i] += float32(weights[l] * code.Acts[j])
		}
	}
	return scores
}

// ranking orders rows by descending score, then by row; with fired only those
// above zero.
func ranking(scores []float32, fired bool) []int {
	rows := make([]int, 0, len(scores))
	for i, s := range scores {
		if !fired || s > 0 {
			rows = append(rows, i)
		}
	}
	slices.SortStableFunc(rows, func(a, b int) int { return cmp.Compare(scores[b], scores[a]) })
	return rows
}

func (e *evalOutcome) text() string {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s\n\n", e.SAE)
	if e.All.Rows > 0 {
		b.WriteString(metricsTable([]string{"all rows"}, e.All))
	} else {
		b.WriteString(metricsText(e.Training, e.Holdout, e.Added))
	}
	if e.Fit != nil {
		b.WriteString("\n" + e.Fit.text() + "\n")
	}
	if e.Depth != nil {
		b.WriteString("\n" + e.Depth.text())
	}
	if e.Against != nil {
		b.WriteString("\n" + e.Against.text())
	}
	if e.Naming.Named > 0 {
		fmt.Fprintf(&b, "\n%s latents have a name, %s different ones; %s concepts can be asked for\n",
			thousands(e.Naming.Named), thousands(e.Naming.Words), thousands(e.Naming.Concepts))
		b.WriteString(e.Naming.doubts())
	}
	if e.Labels != nil {
		b.WriteString("\n" + e.Labels.text())
	}
	return b.String()
}

// doubts says how far the names are to be believed.
func (n naming) doubts() string {
	var b strings.Builder
	if g := n.Agreement; g != nil && g.Latents > 0 {
		fmt.Fprintf(&b, "pictures agree with the names of %s latents by a mean AUC of %.3f; with the same names dealt out at random by %.3f (0.5 is chance)\n",
			thousands(g.Latents), g.AUC, g.Shuffled)
	}
	fmt.Fprintf(&b, "mean confidence %.2f; %s latents fire for a great part of all pictures, %s say what another says\n",
		n.Confidence, thousands(n.Common), thousands(n.Twins))
	return b.String()
}

func (r *labelResult) text() string {
	var b bytes.Buffer
	t := newTable([]column{{Name: "label"}, {Name: "rows", Right: true}, {Name: "concept P@10", Right: true}, {Name: "text P@10", Right: true},
		{Name: "concept AP", Right: true}, {Name: "text AP", Right: true}, {Name: "concept recall", Right: true}}, 0)
	figure := func(x float64) string { return strconv.FormatFloat(x, 'f', 3, 64) }
	line := func(name, rows string, c, x searchScore) {
		t.add(&b, []string{name, rows, figure(c.P10), figure(x.P10), figure(c.AP), figure(x.AP), figure(c.Recall)})
	}
	for _, l := range r.PerWord {
		line(l.Label, strconv.Itoa(l.Rows), l.Concept, l.Text)
	}
	line("mean", "", r.Concept, r.Text)
	t.flush(&b)
	if len(r.Unknown) > 0 {
		fmt.Fprintf(&b, "not concepts, left out: %q\n", r.Unknown)
	}
	return b.String()
}
