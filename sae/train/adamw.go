package train

import (
	"math"

	"github.com/saedb/saedb/internal/vec"
)

// newAdamW is the t-th step of AdamW that a configuration asks for.
func newAdamW(cfg Config, lr, decay float64, t int) *vec.AdamW {
	return &vec.AdamW{
		Keep: float32(1 - lr*decay),
		B1:   float32(cfg.Beta1), C1: float32(1 - cfg.Beta1),
		B2: float32(cfg.Beta2), C2: float32(1 - cfg.Beta2),
		Rate:    float32(lr / (1 - math.Pow(cfg.Beta1, float64(t)))),
		Correct: float32(1 / math.Sqrt(1-math.Pow(cfg.Beta2, float64(t)))),
		Eps:     float32(cfg.Eps),
	}
}
