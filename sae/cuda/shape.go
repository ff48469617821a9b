package cuda

import (
	"fmt"
	"math"

	"github.com/saedb/saedb/sae"
	"github.com/saedb/saedb/sae/train"
)

// shape is what the sizes of all buffers follow from.
type shape struct {
	n     int  // rows of a batch
	m, d  int  // latents, width
	k     int  // most latents of a code
	noise bool // what the encoder sees differs from what is to be reconstructed
	ahead int  // steps whose noise is made at once

	room   int // rows that x holds
	listed int // rows of an epoch's order; 0: rows come in the order in which they are wanted
	epoch  int // steps of an epoch

	precision Precision // never AutoPrecision
	dense     bool      // after their choice, codes are multiplied as dense matrices
	clip      bool      // gradients have a largest norm

	levels, own int  // of codes, where there are several, and the model's own
	prefix      bool // levels are numbers of latents, not of those that fire
	cap         int  // latents of a row that count as active, at most
	auxK        int  // silent latents that explain what the others leave of a row, at most; 0: none do
	batch       bool // the latents that fire are chosen of a whole batch
	spread      bool // decoder rows that point the same way are driven apart
}

// rungs is how many levels codes have.
func (s shape) rungs() int { return max(1, s.levels) }

// shapeOf is the shape of steps of n rows.
func shapeOf(cfg train.Config, init *sae.Model, n int, p Precision) shape {
	s := shape{
		n: n, m: init.M, d: init.D, k: max(init.K, cfg.K, cfg.KStart), noise: cfg.Noise > 0, precision: p, clip: cfg.Clip > 0,
		auxK: cfg.AuxK, batch: cfg.SharesBatch(), spread: cfg.CosinePenalty > 0, cap: math.MaxInt32,
	}
	rungs, _, own := cfg.Rungs()
	if len(rungs) > 1 {
		s.levels, s.own, s.prefix = len(rungs), own, len(cfg.Prefixes) > 0
	}
	if len(cfg.Levels) > 0 {
		s.k, s.cap = max(s.k, rungs[len(rungs)-1]), cfg.K
	}
	active := cfg.K
	if cfg.L1 > 0 {
		active = init.M
	}
	s.dense = s.levels == 0 && s.auxK == 0 && p.pays(active, init.M)
	return s
}

// The divisions that kernels make; each is said in the kernel's head.
func (s shape) groups() int { return ceil(s.m, 64) } // of latents, in encode and topk
func (s shape) words() int  { return ceil(s.n, 32) } // of the bitmap of a latent
func (s shape) runs() int   { return ceil(s.n, 16) } // of rows, in columns
func (s shape) pulls() int  { return ceil(s.m, 32) } // blocks of pull

// tiles counts the squares of a product's result that blocks make.
func (s shape) tiles(rows, columns int) int {
	return ceil(rows, s.precision.side()) * ceil(columns, s.precision.side())
}

// share is how many latents a block of blend adds up: all, unless there are fewer squares than a device can hold blocks; so many that there are 256 blocks, but not
// fewer than 256 latents. 16 divides it.
func (s shape) share() int {
	return ceil(max(256, ceil(s.m, max(1, 256/s.tiles(s.n, s.d)))), 16) * 16
}
func (s shape) shares() int { return ceil(s.m, s.share()) }

func ceil(a, b int) int { return (a + b - 1) / b }

// slot is a buffer in device memory.
type slot int

// The model, with AdamW's moments m and v beside each tensor, and what lives as long.
const (
	dec slot = iota
	decM
	decV
	enc
	encM
	encV
	benc
	bencM
	bencV
	bdec
	bdecM
	bdecV
	idle // (m) int64
	step // Step of kernel/step.h
	stats
	place       // Place of kernel/step.h
	starts      // how many latents get a new start, which, and at which rows
	ziggurat    // the tables of noise
	wholeBias   // (d): gradient of b_dec, where a norm is asked for
	rowSquares  // (m) float64: of the gradients of a latent, likewise
	decGradient // (m,d), where codes are dense
	encGradient // (m,d)
	rungs       // (levels): what each level holds
	rungWeights // (levels) float64: their shares in the loss
	deadList    // (m): silent latents
	deadState   // Dead of kernel/step.h
	tallies     // (4,256): of the digits of a batch's activations
	meetings    // (m): which decoder rows meet each other
	modelSlots
)

// Where steps find their rows.
const (
	x        = modelSlots + iota // (room,d), standardised
	sequence                     // (listed): the order of an epoch's rows
	table                        // (epoch) Step: what each step of an epoch needs
	told                         // (epoch) Stats: what each had to tell
	feedSlots
)

// What a batch needs.
const (
	rows      = feedSlots + iota // (n): of x
	noise                        // (ahead,n,d)
	centred                      // (n,d): x - b_dec
	in                           // (n,d): that with noise
	squares                      // (n) float64
	h                            // (n,m): pre-activations, then places
	peak                         // (n,groups)
	index                        // (n,k)
	act                          // (n,k)
	count                        // (n)
	fired                        // (m,words)
	level                        // (n,k), where there are several
	order                        // (n,k)
	ends                         // (n,levels)
	ties                         // (n), where a batch shares its activations
	e                            // (n,levels,d)
	delta                        // (n,k), dense (n,m)
	parts                        // (shares,n,d), of reconstructions where codes are dense
	loss                         // (n) float64
	ownLoss                      // (n) float64
	rest                         // (n,d): what is left for silent latents
	deadIndex                    // (n,auxK)
	deadAct                      // (n,auxK)
	deadCount                    // (n)
	deadFired                    // (m,words)
	deadE                        // (n,d)
	deadDelta                    // (n,auxK)
	deadLoss                     // (n) float64
	cSums                        // (runs,d)
	eSums                        // (runs,d)
	gradient                     // (m)
	pulls                        // (pulls,d)
	slots
)

// maxStarts is how many latents may get a new start in a step, at most.
const maxStarts = 8

// size is the number of bytes of a buffer; 0: there is none.
func (s shape) size(b slot) int64 {
	n, m, d, k := int64(s.n), int64(s.m), int64(s.d), int64(s.k)
	one := func(there bool) int64 {
		if there {
			return 1
		}
		return 0
	}
	switch b {
	case dec, decM, decV, enc, encM, encV:
		return 4 * m * d
	case benc, bencM, bencV, gradient:
		return 4 * m
	case bdec, bdecM, bdecV:
		return 4 * d
	case idle:
		return 8 * m
	case step:
		return stepSize
	case stats:
		return statsSize
	case place:
		return placeSize
	case starts:
		return 4 * (1 + 2*maxStarts)
	case ziggurat:
		return one(s.noise) * 4 * 3 * 128
	case x:
		return 4 * int64(s.room) * d
	case sequence:
		return 4 * int64(s.listed)
	case table:
		return stepSize * int64(s.epoch)
	case told:
		return statsSize * int64(s.epoch)
	case rows:
		return 4 * n
	case centred:
		return 4 * n * d
	case e:
		return 4 * n * int64(s.rungs()) * d
	case in:
		return one(s.noise) * 4 * n * d
	case noise:
		return one(s.noise) * 4 * n * d * int64(s.ahead)
	case squares, loss, ownLoss:
		return 8 * n
	case h:
		return 4 * n * m
	case peak:
		return 4 * n * int64(s.groups())
	case delta:
		if s.dense {
			return 4 * n * m
		}
		return 4 * n * k
	case index, act:
		return 4 * n * k
	case wholeBias:
		return one(s.clip) * 4 * d
	case rowSquares:
		return one(s.clip) * 8 * m
	case decGradient, encGradient:
		return one(s.dense) * 4 * m * d
	case parts:
		return one(s.dense) * 4 * int64(s.shares()) * n * d
	case count:
		return 4 * n
	case fired:
		return 4 * m * int64(s.words())
	case rungs:
		return one(s.levels > 1) * 4 * int64(s.levels)
	case rungWeights:
		return one(s.levels > 1) * 8 * int64(s.levels)
	case level, order:
		return one(s.levels > 1) * 4 * n * k
	case ends:
		return one(s.levels > 1) * 4 * n * int64(s.levels)
	case deadState:
		return one(s.auxK > 0) * deadSize
	case deadList:
		return one(s.auxK > 0) * 4 * m
	case deadCount:
		return one(s.auxK > 0) * 4 * n
	case deadLoss:
		return one(s.auxK > 0) * 8 * n
	case rest, deadE:
		return one(s.auxK > 0) * 4 * n * d
	case deadIndex, deadAct, deadDelta:
		return 4 * n * int64(s.auxK)
	case deadFired:
		return one(s.auxK > 0) * 4 * m * int64(s.words())
	case tallies:
		return one(s.batch) * 4 * 4 * 256
	case ties:
		return one(s.batch) * 4 * n
	case meetings:
		return one(s.spread) * 4 * m
	case cSums, eSums:
		return 4 * int64(s.runs()) * d
	case pulls:
		return 4 * int64(s.pulls()) * d
	}
	return 0
}

// bytes is what all buffers need. Drivers hand memory out in pieces of 512 bytes.
func (s shape) bytes() int64 { return s.bytesOf(0, slots) }

// bytesOf is what the buffers from one up to another need.
func (s shape) bytesOf(from, to slot) int64 {
	sum := int64(0)
	for b := from; b < to; b++ {
		sum += (s.size(b) + 511) / 512 * 512
	}
	return sum
}

// fits says whether all buffers fit into so much memory, and if not, how many latents would.
func (s shape) fits(free int64) error {
	need := s.bytes()
	if need <= free {
		return nil
	}
	least, most := 0, s.m // of latents: fits, does not
	for most-least > 1 {
		t := s
		t.m = (least + most) / 2
		if t.bytes() <= free {
			least = t.m
		} else {
			most = t.m
		}
	}
	cure := "not even one latent fits"
	if least >= s.k {
		cure = fmt.Sprintf("%d latents fit", least)
	} else if least > 0 {
		cure = fmt.Sprintf("only %d latents fit, fewer than k", least)
	}
	return fmt.Errorf("%w: %d latents of width %d and batches of %d rows need %.2f GiB, and %.2f GiB are free; %s, or a smaller batch", ErrMemory, s.m, s.d, s.n, gib(need), gib(free), cure)
}
