package sae

// Code is what the autoencoder makes of one vector: the latents that are active and how strongly. Latents ascend,
// every activation is above zero, and both slices have the same length.
type Code struct {
	Latents []uint32
	Acts    []float32
}
