package kmeans_test

import (
	"context"
	"fmt"

	"github.com/saedb/saedb/index/kmeans"
)

// Codes of five pictures: latent 0 fires for the sea, latent 7 for dogs.
func Example() {
	codes := kmeans.NewSparse(8)
	for _, code := range []struct {
		latents []uint32
		acts    []float32
	}{
		{[]uint32{0, 2}, []float32{3, 1}},
		{[]uint32{7}, []float32{2}},
		{[]uint32{0}, []float32{5}},
		{[]uint32{3, 7}, []float32{0.5, 4}},
		{[]uint32{0, 3}, []float32{2, 0.5}},
	} {
		if err := codes.Append(code.latents, code.acts); err != nil {
			fmt.Println(err)
			return
		}
	}
	r, err := kmeans.Run(context.Background(), codes, kmeans.Options{K: 2, Seed: 1})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(r.Labels, r.Sizes)
	fmt.Printf("mean cosine %.2f\n", r.Mean)
	// Output:
	// [0 1 0 1 0] [3 2]
	// mean cosine 0.99
}
