package main

import (
	"fmt"
	"path/filepath"
	"testing"

	"github.com/saedb/saedb/db"
)

// TestCardsSayWhatExplainSays compares the bars of many cards, made one after the other, with the answers to `explain image`.
func TestCardsSayWhatExplainSays(t *testing.T) {
	if testing.Short() {
		t.Skip("trains on all pictures of the demo: not in short mode")
	}
	dir := filepath.Join(t.TempDir(), "tour")
	done(t, "demo", "--out", dir)
	d, err := db.Open(t.Context(), filepath.Join(dir, dbFolder), &db.Options{ReadOnly: true})
	must(t, err)
	defer d.Close()
	g, err := newGallery(t.Context(), d, galleryOptions{per: 1}, &albumFaces{})
	must(t, err)
	for row := 0; row < g.rows.Len(); row += 97 {
		id := g.rows.ids[row]
		want := map[string]float64{}
		for r, err := range d.Query(t.Context(), "explain image $id top 100", map[string]any{"id": id}) {
			must(t, err)
			name := r.Concept
			if name == "" {
				name = fmt.Sprintf("latent %d", r.Latent)
			}
			want[name] += r.Share
		}
		parts, err := g.parts(id)
		must(t, err)
		if len(parts) != len(want) {
			t.Errorf("%s: %d parts, explain says %d", id, len(parts), len(want))
		}
		for i, p := range parts {
			if d := p.share - want[p.name]; d < -1e-4 || d > 1e-4 {
				t.Errorf("%s: %s has a share of %.4f, explain says %.4f", id, p.name, p.share, want[p.name])
			}
			if i > 0 && p.share > parts[i-1].share {
				t.Errorf("%s: %s comes after a smaller share", id, p.name)
			}
		}
		card, err := g.card(t.Context(), id, "", 4)
		must(t, err)
		if len(card.Bars) != 4 || len(card.Bars)+len(card.More) != min(cardBars, len(parts)) {
			t.Errorf("%s: a card of %d and %d bars", id, len(card.Bars), len(card.More))
		}
	}
}

// TestLatentStat counts nine rows, and keeps the six strongest in their order.
func TestLatentStat(t *testing.T) {
	stat := latentStat{}
	for row, act := range []float32{1, 5, 5, 0.5, 7, 2, 3, 9, 4} {
		stat.add(row, act)
	}
	got := fmt.Sprint(stat.top)
	if want := "[{7 9} {4 7} {1 5} {2 5} {8 4} {6 3}]"; got != want || stat.count != 9 || stat.max != 9 {
		t.Errorf("the strongest of nine rows: %s, %d, %v; want %s", got, stat.count, stat.max, want)
	}
}

func TestFolderFiles(t *testing.T) {
	for name, ours := range map[string]bool{
		"atlas-12.html": true, "thumbs/0123456789abcdef0123456789abcdef.jpg": true, "atlas-x.html": false, "thumbs/../x.jpg": false, "notes.html": false,
	} {
		if folderFile.MatchString(name) != ours {
			t.Errorf("%s: ours %v", name, !ours)
		}
	}
}
