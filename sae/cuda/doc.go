// Package cuda trains sparse autoencoders on an NVIDIA GPU. New gives a train.Backend: the loop, the data and the checkpoints are those of
// sae/train, and a run may change from one backend to the other in the middle.
//
//	device, err := cuda.Probe(cuda.Options{})         // what there is, or why there is none: ErrAbsent
//	b, err := cuda.New(cfg, init, cuda.Options{})     // everything a run needs is on the device, or an error says what is missing
//	model, err := train.Run(ctx, cfg, data, b)
//
// A step is ten to thirty kernels (package kernel; program.go has their order). They do what sae/train does on the CPU, every variant and habit of it, in the same order where
// sums are concerned that decide which latents fire: in float32 (Precision), with the same weights, the codes are the same to the bit, and the losses of a run differ in the sixth
// digit. The rows of a run are on the device, or stream where they do not fit (feed.go), and many steps are started at once (steps.go). Encoder makes the codes of a
// database. Large batches are multiplied in tf32 unless Options say otherwise. The library is loaded when it is asked for;
// without cgo, and in a build that knows no GPU everything here says so.
package cuda
