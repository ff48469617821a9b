package sae_test

import (
	"bytes"
	"fmt"

	"github.com/saedb/saedb/sae"
)

func ExampleModel() {
	m := &sae.Model{
		D: 2, M: 3, K: 1, Scale: 1, Bdec: []float32{0, 0}, Benc: []float32{0, 0, 0},
		Wenc: []float32{1, 0, 0, 1, -1, 0},
		Wdec: []float32{1, 0, 0, 1, -1, 0},
	}
	code := m.Encode(sae.Code{}, []float32{0.5, 3})
	fmt.Println(code.Latents, code.Acts, m.Decode(nil, code))

	var file bytes.Buffer
	if _, err := m.WriteTo(&file); err != nil {
		fmt.Println(err)
	}
	same, err := sae.Read(&file)
	fmt.Println(same.Digest() == m.Digest(), err)
	// Output:
	// [1] [3] [0 3]
	// true <nil>
}
