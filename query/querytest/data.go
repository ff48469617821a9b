package querytest

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/saedb/saedb/query"
	"github.com/saedb/saedb/sae"
)

// Data is what a load command describes, a line for each thing:
//
//	latents 4 k 3                      the autoencoder: absent, there is none
//	decoder 2 0 0.6 0.8 0              the decoder row of a latent, where it is not that of the identity
//	name 0 sea 0.9 0.2 ocean beach     a latent's word, score, margin, runners-up
//	confidence 0 0.6                   how far pictures bear a latent's word out, at most 0.75
//	common 3                           a latent that fires for very many pictures
//	twins 0 1                          latents that say the same
//	concept sea 0:0.6 1:0.4            a concept's group
//	alias ocean sea                    a word that became part of a concept
//	text "the sea" 1 0 0 0             the vector of a text
//	cluster 0 red_barn 0.9 barn:0.5    a cluster: its name (_ is none), mean cosine, concepts with their shares
//	item a.jpg 3 4 0 0 meta.year=2020  an item: its id, its vector, its metadata
//
// The autoencoder is the identity on vectors: latent i is the i-th number of the
// unit vector, where that is above zero and among the k largest. So a database
// comes to the same codes by encoding. Only decoder rows may be others.
//
// A value is an integer, a number, true, false, a time, a list [a|b], or else text.
type Data struct {
	Latents, K int
	Decoder    map[uint32][]float32
	Names      map[uint32]query.LatentName
	Concepts   map[string]query.Concept
	Aliases    map[string][]string // by the concept's word
	Texts      map[string][]float32
	Clusters   []query.Cluster
	Items      []Item
	State      string // what Memory says its state is
}

// An Item is an image: its vector not yet of unit norm, its metadata as
// Source.Meta has it.
type Item struct {
	ID   string
	Vec  []float32
	Meta map[string]any
}

// ParseData reads the description of a source.
func ParseData(text string) (*Data, error) {
	d := &Data{
		Names:    map[uint32]query.LatentName{},
		Decoder:  map[uint32][]float32{},
		Concepts: map[string]query.Concept{},
		Aliases:  map[string][]string{},
		Texts:    map[string][]float32{},
	}
	for line := range strings.Lines(text) {
		words := strings.Fields(line)
		if len(words) < 2 {
			continue
		}
		if err := d.parseLine(words[0], words[1:]); err != nil {
			return nil, fmt.Errorf("%s: %w", strings.TrimSpace(line), err)
		}
	}
	return d, nil
}

func (d *Data) parseLine(command string, words []string) error {
	switch command {
	case "latents":
		_, err := fmt.Sscan(strings.Join(words, " "), &d.Latents, new(string), &d.K)
		return err
	case "name":
		var latent uint32
		var n query.LatentName
		if _, err := fmt.Sscan(strings.Join(words, " "), &latent, &n.Word, &n.Score, &n.Margin); err != nil {
			return err
		}
		n.RunnersUp = words[4:]
		d.Names[latent] = n
	case "confidence", "common":
		var latent uint32
		var confidence float32
		if _, err := fmt.Sscan(strings.Join(append(words, "0"), " "), &latent, &confidence); err != nil {
			return err
		}
		n := d.Names[latent]
		if command == "common" {
			n.Common = true
		} else {
			n.Confidence = confidence
		}
		d.Names[latent] = n
	case "twins":
		group := make([]uint32, len(words))
		for i, w := range words {
			if _, err := fmt.Sscan(w, &group[i]); err != nil {
				return err
			}
		}
		for _, latent := range group {
			n := d.Names[latent]
			n.Twins = group
			d.Names[latent] = n
		}
	case "concept":
		c := query.Concept{Word: strings.ReplaceAll(words[0], "_", " ")}
		for _, w := range words[1:] {
			var weight query.Weight
			if _, err := fmt.Sscanf(w, "%d:%g", &weight.Latent, &weight.W); err != nil {
				return err
			}
			c.Group = append(c.Group, weight)
		}
		d.Concepts[c.Word] = c
	case "decoder":
		latent, err := strconv.ParseUint(words[0], 10, 32)
		if err != nil {
			return err
		}
		d.Decoder[uint32(latent)], _, err = parseVector(words[1:])
		return err
	case "alias":
		word, of := strings.ReplaceAll(words[0], "_", " "), strings.ReplaceAll(words[1], "_", " ")
		d.Aliases[of] = append(d.Aliases[of], word)
		slices.Sort(d.Aliases[of])
	case "text":
		v, _, err := parseVector(words[1:])
		d.Texts[strings.ReplaceAll(words[0], "_", " ")] = v
		return err
	case "cluster":
		c, err := parseCluster(words)
		d.Clusters = append(d.Clusters, c)
		return err
	case "item":
		v, rest, err := parseVector(words[1:])
		if err != nil {
			return err
		}
		item := Item{ID: words[0], Vec: v, Meta: map[string]any{"path": words[0]}}
		for _, w := range rest {
			name, value, _ := strings.Cut(w, "=")
			item.Meta[name] = parseValue(value)
		}
		d.Items = append(d.Items, item)
	default:
		return fmt.Errorf("unknown line %q", command)
	}
	return nil
}

func parseCluster(words []string) (c query.Cluster, err error) {
	if _, err := fmt.Sscan(strings.Join(words, " "), &c.ID, &c.Name, &c.Within); err != nil {
		return c, err
	}
	c.Name = strings.TrimSpace(strings.ReplaceAll(c.Name, "_", " "))
	for _, w := range words[3:] {
		word, number, _ := strings.Cut(w, ":")
		share, err := strconv.ParseFloat(number, 64)
		if err != nil {
			return c, err
		}
		c.Concepts = append(c.Concepts, query.ConceptShare{Word: word, Share: share})
	}
	return c, nil
}

// parseVector reads numbers up to the first word that is none.
func parseVector(words []string) (v []float32, rest []string, err error) {
	for len(words) > 0 && !strings.Contains(words[0], "=") {
		x, err := strconv.ParseFloat(words[0], 32)
		if err != nil {
			return nil, nil, err
		}
		v, words = append(v, float32(x)), words[1:]
	}
	return v, words, nil
}

func parseValue(s string) any {
	if i, err := strconv.ParseInt(s, 10, 64); err == nil {
		return i
	}
	if x, err := strconv.ParseFloat(s, 64); err == nil {
		return x
	}
	if t, err := time.Parse(time.RFC3339, s); err == nil {
		return t
	}
	switch {
	case s == "true", s == "false":
		return s == "true"
	case strings.HasPrefix(s, "[") && strings.HasSuffix(s, "]"):
		return strings.Split(s[1:len(s)-1], "|")
	}
	return s
}

// Model returns the autoencoder of the data; nil where there is none.
func (d *Data) Model() *sae.Model {
	if d.Latents == 0 {
		return nil
	}
	n := d.Latents
	m := &sae.Model{D: n, M: n, K: d.K, Wenc: make([]float32, n*n), Wdec: make([]float32, n*n), Benc: make([]float32, n), Bdec: make([]float32, n), Scale: 1}
	for i := range n {
		m.Wenc[i*n+i], m.Wdec[i*n+i] = 1, 1
	}
	for latent, row := range d.Decoder {
		copy(m.Wdec[int(latent)*n:], row)
	}
	m.Info.Name = "identity"
	return m
}

// Words returns the words of the concepts in order.
func (d *Data) Words() []string {
	var words []string
	for w := range d.Concepts {
		words = append(words, w)
	}
	slices.Sort(words)
	return words
}
