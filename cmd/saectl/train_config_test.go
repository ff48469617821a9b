package main

import (
	"strings"
	"testing"

	"github.com/spf13/pflag"
)

// TestTrainFlags reads command lines as train does and shows what they come to.
func TestTrainFlags(t *testing.T) {
	for _, c := range []struct {
		line string
		rows int
		want string // in the error or the notes; empty: neither
	}{
		{"", 5000, ""},
		{"--preset seed", 10549, ""},
		{"--latents 64", 5000, ""},
		{"--latents 16", 5000, "k is 2: the preset's 32 is more than the 16 latents"},
		{"--latents 16 --k 17", 5000, "--k 17 is more than the 16 latents"},
		{"", 100, "a batch of 128 is larger than the data"},
		{"", 1000, "4,096 latents for 1,000 rows"},
		{"--preset best", 5000, `unknown preset "best"`},
		{"--variant jumprelu", 5000, "is not trained by this version"},
		{"--variant batchtopk", 5000, ""},
		{"--variant relu", 5000, ""},
		{"--variant relu --l1 0", 5000, "relu needs one above zero"},
		{"--l1 0.1", 5000, "--l1 is the penalty of an autoencoder without k"},
		{"--variant matryoshka", 5000, ""},
		{"--variant matryoshka --latents 6 --k 2", 5000, ""},
		{"--variant matryoshka --prefixes 64,128", 5000, "must be all 4096 latents"},
		{"--prefixes 64,4096", 5000, "--prefixes are numbers of latents"},
		{"--warmup 0.1 --schedule linear --clip 1 --k-start 64 --auxk 256 --cosine-penalty 1 --bias median --patience 3", 5000, ""},
		{"--warmup 1", 5000, "warmup is 1"},
		{"--schedule steep", 5000, "the schedule is"},
		{"--clip -1", 5000, "clip is -1"},
		{"--k-start 8", 5000, "k starts at 8"},
		{"--auxk -1", 5000, "aux k is -1"},
		{"--cosine-penalty -1", 5000, "cosine penalty is -1"},
		{"--bias mode", 5000, "the bias is"},
		{"--patience -1", 5000, "patience is -1"},
		{"--revive 0 --auxk 16", 5000, ""},
		{"--revive -1", 5000, "revive is -1"},
		{"--variant tokp", 5000, "unknown variant"},
		{"--variant nested", 5000, ""},
		{"--variant nested --levels 4,64 --level-weights reverse", 5000, ""},
		{"--variant nested --levels 64,4 --k 4", 5000, "they must ascend"},
		{"--variant nested --levels 8,9000", 5000, "is more than the 4096 latents"},
		{"--variant nested --level-weights most", 5000, `want "uniform" or "reverse"`},
		{"--levels 4,8", 5000, "--levels and --level-weights are for several k at once"},
		{"--noise -1", 5000, "noise is -1"},
		{"--encoder-decay 1000", 5000, "encoder decay is 1000"},
		{"--backend tpu", 5000, "unknown backend"},
		{"--epochs 0", 5000, "--epochs is 0"},
		{"--batch -1", 5000, "--batch is -1"},
		{"--threads -1", 5000, "--threads is -1"},
		{"--lr 0", 5000, "learning rate"},
		{"--lr NaN", 5000, "learning rate"},
	} {
		var f trainFlags
		flags := pflag.NewFlagSet("train", pflag.ContinueOnError)
		f.register(flags)
		if err := flags.Parse(strings.Fields(c.line)); err != nil {
			t.Fatal(err)
		}
		cfg, notes, err := f.resolve(c.rows)
		said := strings.Join(notes, "; ")
		if err != nil {
			said = err.Error()
		} else if cfg.Threads < 1 || cfg.Holdout != 0 {
			t.Errorf("%q: %d threads, holdout %v", c.line, cfg.Threads, cfg.Holdout)
		}
		if !strings.Contains(said, c.want) || (c.want == "") != (said == "") {
			t.Errorf("%q on %d rows says %q, want %q", c.line, c.rows, said, c.want)
		}
	}
}
