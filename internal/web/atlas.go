package web

import (
	"fmt"
	"html/template"
)

// Atlas lists latents, each with the pictures that excite it most. The page
// filters and sorts it where scripts run, and shows all of it where they do not.
type Atlas struct {
	Note    string // what is left out, and how to see it; empty: nothing is
	Latents []Latent
}

// Latent is one latent with its names and the pictures that excite it most.
type Latent struct {
	Number uint32
	Word   string  // empty: unnamed
	Score  float64 // how well the word fits
	Margin float64 // Score less that of the first runner-up

	Confidence float64 // how far pictures bear Word out, from 0 to 1
	Reason     string  // for that, a sentence

	Runners  []Candidate // names that came next, the best first
	Same     []Link      // the other latents of this word
	Count    int         // pictures in which it fires
	Density  float64     // the same as a share of all pictures, 0 to 1
	Max      float64     // its largest activation
	Pictures []Picture
}

// Candidate is a word and how well it fits.
type Candidate struct {
	Word  string
	Score float64
}

// Anchor is the target of a link to the latent on the page that shows it.
func (l Latent) Anchor() string { return LatentAnchor(l.Number) }

// LatentAnchor is the Anchor of the latent with this number.
func LatentAnchor(number uint32) string { return fmt.Sprintf("latent-%d", number) }

// Index is a table of latents that points to the pages which show them.
type Index []IndexRow

// IndexRow is one latent of an Index; of its pictures it shows the first.
type IndexRow struct {
	Latent
	Href template.URL
}

// share writes a part of the whole as a percentage: two digits where it is small.
func share(x float64) string {
	switch p := 100 * x; {
	case p == 0:
		return "0%"
	case p < 0.1:
		return "<0.1%"
	case p < 9.95:
		return fmt.Sprintf("%.1f%%", p)
	default:
		return fmt.Sprintf("%.0f%%", p)
	}
}
