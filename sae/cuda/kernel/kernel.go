// Package kernel holds the programs that run on the GPU: their sources in CUDA C++, and beside them what build.sh makes of those, PTX for compute
// capability 8.0 and later, which is part of the program. dev.h has the words they are written in; the head of each source has the equations.
package kernel

import (
	"crypto/sha256"
	"embed"
	"fmt"
	"strings"
)

//go:generate bash build.sh

//go:embed *.ptx
var ptx embed.FS

//go:embed VERIFIED
var verified string

// Names are the kernels. Each has a module of its own.
var Names = []string{
	"bias", "center", "choose", "clip", "columns", "dead", "decode", "decode_dead", "encode", "ladder", "latent", "measure", "measure_dead", "next", "noise", "point", "pull", "residual", "scatter", "settle",
	"share", "spread", "tally", "topk", "topk_dead",
	"blend_bf16", "blend_f32", "blend_tf32", "collect_bf16", "collect_f32", "collect_tf32", "delta_bf16", "delta_f32", "delta_tf32", "encode_bf16", "encode_tf32",
}

// PTX is the module of a kernel, as text.
func PTX(name string) ([]byte, error) {
	text, err := ptx.ReadFile(name + ".ptx")
	if err != nil {
		return nil, fmt.Errorf("there is no kernel %q", name)
	}
	return text, nil
}

// Unproved are the kernels that gave the CPU's results on no device yet, as VERIFIED knows.
func Unproved() []string { return unproved(verified) }

func unproved(list string) []string {
	proved := map[string]bool{}
	for line := range strings.Lines(list) {
		sum, _, _ := strings.Cut(strings.TrimSpace(line), " ")
		proved[sum] = true
	}
	var names []string
	for _, name := range Names {
		if text, err := PTX(name); err != nil || !proved[fmt.Sprintf("%x", sha256.Sum256(text))] {
			names = append(names, name)
		}
	}
	return names
}
