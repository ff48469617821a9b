package main

import (
	"strings"
	"testing"
)

func TestTrainWithoutGPU(t *testing.T) {
	dir := newTrainDB(t)
	args := append(trainArgs(dir), "--epochs", "2")
	refuse(t, "there is no GPU to use", append(args, "--backend", "cuda")...)
	if _, stderr := done(t, args...); strings.Count(stderr, "training on the CPU: cuda: there is no GPU to use") != 1 {
		t.Errorf("auto says %q", stderr)
	}
	if _, stderr := done(t, append(args, "--backend", "cpu", "--fresh")...); strings.Contains(stderr, "GPU") {
		t.Errorf("cpu says %q", stderr)
	}
	x, _ := writeVectors(t, "x.npy", 40, 8, 1)
	refuse(t, "there is no GPU to use", "bench", "train", "--vectors", x, "--backend", "cuda")
	refuse(t, "unknown backend", "bench", "train", "--vectors", x, "--backend", "tpu")
}
