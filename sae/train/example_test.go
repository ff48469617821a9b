package train_test

import (
	"context"
	"fmt"
	"math/rand/v2"

	"github.com/saedb/saedb/sae/train"
)

// A hundred rows along eight directions: eight latents, one active at a time, are enough.
func Example() {
	r := rand.New(rand.NewPCG(1, 2))
	rows := train.Rows{D: 8, X: make([]float32, 100*8)}
	for i := range rows.Len() {
		rows.Row(i)[i%8] = 1 + r.Float32()
	}
	cfg, err := train.Preset("demo")
	if err != nil {
		fmt.Println(err)
		return
	}
	cfg.Latents, cfg.K, cfg.Batch, cfg.Epochs, cfg.LR = 32, 4, 20, 200, 0.01
	trained, held := train.Split(rows.Len(), cfg.Holdout, cfg.Seed)
	data := train.Subset(rows, trained)
	init, err := train.Init(cfg, data)
	if err != nil {
		fmt.Println(err)
		return
	}
	backend, err := train.CPU(cfg, init)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer backend.Close()
	model, err := train.Run(context.Background(), cfg, data, backend)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(len(held), "rows held out")
	fmt.Println("FVU below 0.2:", train.Measure(model, train.Subset(rows, held), 1).FVU < 0.2)
	// Output:
	// 10 rows held out
	// FVU below 0.2: true
}
