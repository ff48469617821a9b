package main

import (
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"github.com/saedb/saedb/sae/cuda"
	"github.com/saedb/saedb/sae/train"
)

// trainFlags is what was typed about the training itself. Zero values mean that
// the preset decides; set tells which flags were given.
type trainFlags struct {
	preset, variant, backend  string
	precision                 string
	latents, k, epochs, batch int
	levels, prefixes          []int
	levelWeights              string
	habits
	lr      float64
	seed    uint64
	threads int
	set     func(name string) bool
}

// habits are the settings of a training that presets leave alone, most of them.
type habits struct {
	noise, encoderDecay, l1, warmup, clip, cosinePenalty, revive float64
	kStart, auxK, patience                                       int
	schedule, bias                                               string
}

func (h *habits) register(flags *pflag.FlagSet) {
	flags.Float64Var(&h.noise, "noise", 0, "standard deviation of the noise on what the encoder sees (default: the preset's; of nested none)")
	flags.Float64Var(&h.encoderDecay, "encoder-decay", 0, "weight decay of the encoder's rows (default: the preset's)")
	flags.Float64Var(&h.l1, "l1", 0, "with --variant relu: weight of the penalty on activations (default 0.01)")
	flags.Float64Var(&h.warmup, "warmup", 0, "share of the steps over which the learning rate rises")
	flags.StringVar(&h.schedule, "schedule", "", "how the learning rate falls: cosine, linear (over the last fifth) or constant (default cosine)")
	flags.Float64Var(&h.clip, "clip", 0, "largest norm of all gradients together (default: any)")
	flags.IntVar(&h.kStart, "k-start", 0, "active latents at the start, which fall to --k over the first half of the run (default: --k)")
	flags.IntVar(&h.auxK, "auxk", 0, "silent latents of a row that are to explain what the others leave (default: none)")
	flags.Float64Var(&h.revive, "revive", 0, "epochs of silence after which a latent starts anew; 0 is never (default: the preset's)")
	flags.Float64Var(&h.cosinePenalty, "cosine-penalty", 0, "how strongly decoder rows that point the same way are driven apart (default: not)")
	flags.StringVar(&h.bias, "bias", "", "where the decoder's bias begins: mean, median (geometric) or zero (default mean)")
	flags.IntVar(&h.patience, "patience", 0, "stop after so many epochs that leave the rows held out no better, and keep the best (default: never)")
}

// auxWeight is the weight of the silent latents' loss, that of the paper of AuxK.
const auxWeight = 1. / 32

// apply sets those that were given.
func (h *habits) apply(cfg *train.Config, set func(name string) bool) {
	for _, v := range []struct {
		name string
		from float64
		to   *float64
	}{
		{"noise", h.noise, &cfg.Noise}, {"encoder-decay", h.encoderDecay, &cfg.EncoderDecay}, {"l1", h.l1, &cfg.L1}, {"warmup", h.warmup, &cfg.Warmup},
		{"clip", h.clip, &cfg.Clip}, {"cosine-penalty", h.cosinePenalty, &cfg.CosinePenalty}, {"revive", h.revive, &cfg.Revive},
	} {
		if set(v.name) {
			*v.to = v.from
		}
	}
	cfg.KStart, cfg.Patience, cfg.Schedule, cfg.Bias = h.kStart, h.patience, h.schedule, h.bias
	if cfg.AuxK = h.auxK; cfg.AuxK != 0 {
		cfg.AuxWeight = auxWeight
	}
}

func (f *trainFlags) register(flags *pflag.FlagSet) {
	flags.StringVar(&f.preset, "preset", "default", "settings that the other flags change: default, seed or demo")
	flags.StringVar(&f.variant, "variant", "topk", "kind of autoencoder: topk; batchtopk, where k is a mean; nested, for several k at once; matryoshka, for several numbers of latents; relu")
	flags.IntSliceVar(&f.levels, "levels", nil, "with --variant nested: the numbers of active latents to train for (default 8 to 256, doubling)")
	flags.StringVar(&f.levelWeights, "level-weights", "", "with --variant nested: uniform, or reverse, where sparser levels weigh more (default uniform)")
	flags.IntSliceVar(&f.prefixes, "prefixes", nil, "with --variant matryoshka: the numbers of latents (default a 16th, an 8th, a quarter, half and all)")
	f.habits.register(flags)
	flags.IntVar(&f.latents, "latents", 0, "number of latents (default: the preset's)")
	flags.IntVar(&f.k, "k", 0, "active latents of a code (default: the preset's)")
	flags.IntVar(&f.epochs, "epochs", 0, "passes over the rows (default: the preset's)")
	flags.IntVar(&f.batch, "batch", 0, "rows of a step (default: the preset's)")
	flags.Float64Var(&f.lr, "lr", 0, "learning rate at the first step (default: the preset's)")
	flags.Uint64Var(&f.seed, "seed", 1, "seed of weights, order of rows and holdout")
	flags.IntVar(&f.threads, "threads", 0, "goroutines; the result does not depend on it (default: one for each processor)")
	flags.StringVar(&f.backend, "backend", "auto", "what runs the steps, and encodes the items after them: auto (the GPU where there is one that can), cpu or cuda")
	registerPrecision(flags, &f.precision)
	f.set = flags.Changed
}

// resolve turns the flags into a configuration for that many rows. What had to be
// adapted is told in the notes.
func (f *trainFlags) resolve(rows int) (cfg train.Config, notes []string, err error) {
	if err := checkVariant(f.variant); err != nil {
		return cfg, nil, err
	}
	if err := errors.Join(checkBackend(f.backend), cuda.Precision(f.precision).Check()); err != nil {
		return cfg, nil, err
	}
	if cfg, err = train.Preset(f.preset); err != nil {
		return cfg, nil, hint(fmt.Errorf("unknown preset %q", f.preset), "presets are default, seed and demo")
	}
	for _, v := range []struct {
		name string
		from int
		to   *int
	}{{"latents", f.latents, &cfg.Latents}, {"k", f.k, &cfg.K}, {"epochs", f.epochs, &cfg.Epochs}, {"batch", f.batch, &cfg.Batch}} {
		if !f.set(v.name) {
			continue
		}
		if v.from < 1 {
			return cfg, nil, fmt.Errorf("--%s is %d: it must be at least 1", v.name, v.from)
		}
		*v.to = v.from
	}
	if f.set("lr") {
		cfg.LR = f.lr
	}
	f.habits.apply(&cfg, f.set)
	cfg.Seed = f.seed
	cfg.Holdout = 0 // which rows are held out is decided, and recorded, by ids
	if cfg.Threads, err = threads(f.threads); err != nil {
		return cfg, nil, err
	}
	if cfg.K > cfg.Latents {
		if f.set("k") {
			return cfg, nil, hint(fmt.Errorf("--k %d is more than the %d latents there are", cfg.K, cfg.Latents), "k is how many latents of a code may be active: give a smaller one, such as %d", max(1, cfg.Latents/8))
		}
		was := cfg.K
		cfg.K = max(1, cfg.Latents/8)
		notes = append(notes, fmt.Sprintf("k is %d: the preset's %d is more than the %d latents", cfg.K, was, cfg.Latents))
	}
	if rows < cfg.Batch {
		notes = append(notes, fmt.Sprintf("a batch of %d is larger than the data: all %s rows make one step", cfg.Batch, thousands(rows)))
	}
	if rows < cfg.Latents {
		notes = append(notes, fmt.Sprintf("%s latents for %s rows: many will stay unused; --latents %d is plenty", thousands(cfg.Latents), thousands(rows), max(cfg.K, rows/2, 1)))
	}
	if err := f.resolveVariant(&cfg); err != nil {
		return cfg, nil, err
	}
	return cfg, notes, cfg.Validate()
}

// resolveVariant sets what the kind of autoencoder asks for, once k is known.
func (f *trainFlags) resolveVariant(cfg *train.Config) error {
	if f.variant != "matryoshka" && len(f.prefixes) > 0 {
		return hint(errors.New("--prefixes are numbers of latents that must do alone"), "add --variant matryoshka")
	}
	if f.variant != "relu" && f.set("l1") {
		return hint(errors.New("--l1 is the penalty of an autoencoder without k"), "add --variant relu")
	}
	switch f.variant {
	case "batchtopk":
		cfg.Variant = f.variant
	case "relu":
		cfg.Variant = f.variant
		if cfg.L1 == 0 && !f.set("l1") {
			cfg.L1 = 0.01
		}
	case "matryoshka":
		if cfg.Prefixes = f.prefixes; len(cfg.Prefixes) == 0 {
			for part := 16; part >= 1; part /= 2 {
				if n := cfg.Latents / part; n > 0 {
					cfg.Prefixes = append(cfg.Prefixes, n)
				}
			}
			cfg.Prefixes = slices.Compact(cfg.Prefixes)
		}
	}
	return f.resolveLevels(cfg)
}

// resolveLevels sets the levels of a nested autoencoder. Its k, if it was not given, stays the preset's.
func (f *trainFlags) resolveLevels(cfg *train.Config) error {
	if f.variant != "nested" {
		if len(f.levels) > 0 || f.levelWeights != "" {
			return hint(errors.New("--levels and --level-weights are for several k at once"), "add --variant nested")
		}
		return nil
	}
	cfg.LevelWeights = f.levelWeights
	if !f.set("noise") {
		cfg.Noise = 0 // it mends what lies above the k trained for; here all of it is trained for
	}
	if cfg.Levels = f.levels; len(cfg.Levels) == 0 {
		for k := 8; k <= min(256, cfg.Latents); k *= 2 {
			cfg.Levels = append(cfg.Levels, k)
		}
	}
	if !slices.Contains(cfg.Levels, cfg.K) {
		cfg.Levels = append(cfg.Levels, cfg.K)
		slices.Sort(cfg.Levels)
	}
	return nil
}

// checkVariant refuses kinds of autoencoder that this version does not train, and
// tells names it has heard of from mistakes.
func checkVariant(name string) error {
	all := []string{"topk", "batchtopk", "nested", "matryoshka", "relu"}
	if slices.Contains(all, name) {
		return nil
	}
	cure := "variants are " + strings.Join(all, ", ")
	if slices.Contains([]string{"msae", "hierarchical", "jumprelu", "gated"}, name) {
		return hint(fmt.Errorf("the variant %q is not trained by this version", name), "%s", cure)
	}
	return hint(fmt.Errorf("unknown variant %q", name), "%s", cure)
}

// threads is the number of goroutines that --threads asks for.
func threads(n int) (int, error) {
	if n < 0 {
		return 0, fmt.Errorf("--threads is %d: it must not be negative", n)
	}
	if n == 0 {
		n = runtime.GOMAXPROCS(0)
	}
	return n, nil
}

// maxThreads is what a command without --threads uses.
func maxThreads() int { return runtime.GOMAXPROCS(0) }
