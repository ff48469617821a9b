//go:build linux && (amd64 || arm64) && !nogpu

package cuda

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/saedb/saedb/internal/cudadrv/fake"
)

// mistake is a line of a kernel put in place of another.
type mistake struct {
	file     string
	line     int // from 1
	was, now string
}

// TestPlantedMistakes deletes each barrier of the kernels in turn, and plants mistakes of other kinds; the tests of the kernels must notice every one. A
// barrier whose absence nothing shows is not needed, or not tested.
func TestPlantedMistakes(t *testing.T) {
	if testing.Short() || os.Getenv(fakeEnv) != "" || os.Getenv("SAEDB_KERNELS") != "" {
		t.Skip("mistakes are planted once: not in short tests, nor again for each path of the CPU")
	}
	pretend(t)
	files := readKernels(t)
	mistakes := append(barriers(files), others(t, files)...)
	if len(mistakes) < 15 {
		t.Errorf("only %d mistakes are there to plant", len(mistakes))
	}
	turn := make(chan struct{}, 2) // at a time
	t.Run("all", func(t *testing.T) {
		for _, m := range mistakes {
			t.Run(fmt.Sprintf("%s:%d", m.file, m.line), func(t *testing.T) {
				t.Parallel()
				turn <- struct{}{}
				defer func() { <-turn }()
				if out, noticed := tryMistake(t, files, m); !noticed {
					t.Errorf("%s:%d: %q instead of %q goes unnoticed\n%s", m.file, m.line, m.now, m.was, out)
				}
			})
		}
	})
}

// witnesses are the tests, by what their names begin with, that must notice a mistake in a file: those of the kernel that it is of, or of one that a header is for.
var witnesses = map[string]string{
	"bias.cu": "Bias", "decode.cu": "Decode", "encode.cu": "Encode$", "latent.cu": "Latent", "measure.cu": "ColumnsAndMeasure", "point.cu": "Point", "pull.cu": "Pull",
	"topk.cu": "TopK", "center.cu": "Center", "product.h": "EncodeOnTensorCores", "encode.h": "EncodeOnTensorCores", "sum.h": "Center", "step.h": "Latent",
	"update.h": "Latent", "settle.cu": "Settle", "scatter.cu": "Scatter", "residual.cu": "Residual", "clip.cu": "Clip", "dense.h": "(Blend|Delta)$",
	"largest.h": "TopK", "batch.h": "Share", "tally.cu": "Share", "share.cu": "Share", "dead.cu": "Dead$", "topk_dead.cu": "DeadTopK", "decode_dead.cu": "DeadDecodes", "measure_dead.cu": "DeadDecodes",
	"ladder.cu": "Ladder", "spread.cu": "Spread", "code.h": "PullOfTheSilent", "choose.cu": "Choose", "next.cu": "Next", "noise.cu": "Noise",
}

// users are, of the kernels that include a header, those that its witness runs: no other need be compiled with a mistake.
var users = map[string]string{
	"product.h": "encode_*.cu", "encode.h": "encode_*.cu", "sum.h": "center.cu", "step.h": "latent.cu", "update.h": "latent.cu", "largest.h": "topk.cu", "batch.h": "tally.cu share.cu",
	"code.h": "pull.cu", "dense.h": "blend_*.cu delta_*.cu",
}

func readKernels(t *testing.T) fstest.MapFS {
	t.Helper()
	files := fstest.MapFS{}
	for _, pattern := range []string{"kernel/*.cu", "kernel/*.h"} {
		names, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			files[filepath.Base(name)] = &fstest.MapFile{Data: text, Mode: fs.FileMode(0o666)}
		}
	}
	return files
}

// barriers are all calls of sync.
func barriers(files fstest.MapFS) []mistake {
	var all []mistake
	for name, file := range files {
		for i, line := range strings.Split(string(file.Data), "\n") {
			if strings.HasPrefix(strings.TrimSpace(line), "sync();") {
				all = append(all, mistake{name, i + 1, line, "// " + line})
			}
		}
	}
	return all
}

// others are mistakes that are not barriers.
func others(t *testing.T, files fstest.MapFS) []mistake {
	t.Helper()
	var all []mistake
	for _, m := range []mistake{
		{file: "largest.h", was: "twins < left);", now: "twins <= left);"},
		{file: "largest.h", was: "b >= from && (shift", now: "b > from && (shift"},
		{file: "encode.cu", was: "(col + deep) % run == 0", now: "false"},
		{file: "update.h", was: "step->keep_enc, clip", now: "step->keep_dec, clip"},
		{file: "update.h", was: "if (unit && told)", now: "if (unit && !told)"},
		{file: "settle.cu", was: "(found ? 1.f", now: "(!found ? 1.f"},
		{file: "clip.cu", was: "sum > step->clip *", now: "sum < step->clip *"},
		{file: "dense.h", was: "z[at] > 0 ?", now: "z[at] >= 0 ?"},
		{file: "dense.h", was: "z + from, m", now: "z, m"},
		{file: "step.h", was: "s.c2 * g * g", now: "s.c2 * (g * g)"},
		{file: "product.h", was: "turn ^= 1)", now: "turn ^= 0)"},
		{file: "product.h", was: "k + 4 * wide * (r / 2)", now: "k + 4 * (r / 2)"},
		{file: "product.h", was: "from_bits(to_tf32(x)) : x", now: "x : x"},
		{file: "encode.h", was: "i / 32 * 2 + i / 2 % 2", now: "i / 32 * 2 + i % 2"},
		{file: "next.cu", was: "(p.at - p.first) * n", now: "p.at * n"},
		{file: "next.cu", was: "told[p.at - 1]", now: "told[p.at]"},
		{file: "choose.cu", was: "a.at < b.at)", now: "a.at > b.at)"},
		{file: "noise.cu", was: "hi ^= hi >> 48;", now: "hi ^= hi >> 47;"},
		{file: "share.cu", was: "r < row;", now: "r <= row;"},
		{file: "tally.cu", was: "round == 4 ? b == p.digits", now: "round == 4 ? b >= p.digits"},
		{file: "ladder.cu", was: "act[u] == act[t] && u < t", now: "act[u] == act[t] && u > t"},
		{file: "decode.cu", was: "e[v * d + j] += e[(v + 1) * d + j]", now: "e[v * d + j] += 0"},
		{file: "latent.cu", was: "if (v <= own)", now: "if (v < own)"},
		{file: "topk_dead.cu", was: "index[at] = list[i]", now: "index[at] = i"},
		{file: "dead.cu", was: "idle[l] >= step->epoch", now: "idle[l] > step->epoch"},
		{file: "spread.cu", was: "if (o != own && ", now: "if ("},
		{file: "code.h", was: "index[middle] <= latent", now: "index[middle] < latent"},
		{file: "bias.cu", was: "- sum(pulls", now: "+ sum(pulls"},
	} {
		lines := strings.Split(string(files[m.file].Data), "\n")
		for i, line := range lines {
			if strings.Contains(line, m.was) {
				m.line, m.was, m.now = i+1, line, strings.Replace(line, m.was, m.now, 1)
				break
			}
		}
		if m.line == 0 {
			t.Fatalf("%s has no %q any more", m.file, m.was)
		}
		all = append(all, m)
	}
	return all
}

// tryMistake runs the tests of the kernels, in a process of their own, on a driver with a mistake. What they may do is fail, crash and hang.
func tryMistake(t *testing.T, files fstest.MapFS, m mistake) (output string, noticed bool) {
	t.Helper()
	changed := fstest.MapFS{}
	for name, file := range files {
		if users[m.file] == "" || path.Ext(name) == ".h" || matches(t, users[m.file], name) {
			changed[name] = file
		}
	}
	lines := strings.Split(string(files[m.file].Data), "\n")
	lines[m.line-1] = m.now
	changed[m.file] = &fstest.MapFile{Data: []byte(strings.Join(lines, "\n"))}
	library, err := fake.Build(folder, changed)
	if err != nil {
		t.Fatal(err)
	}
	defer os.Remove(library)
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	witness := witnesses[m.file]
	if witness == "" {
		t.Fatalf("no test is named for mistakes in %s", m.file)
	}
	cmd := exec.CommandContext(ctx, os.Args[0], "-test.failfast", "-test.run", "^TestKernels?"+witness)
	cmd.Env = append(os.Environ(), fakeEnv+"="+library)
	out, err := cmd.CombinedOutput()
	if err == nil && !strings.Contains(string(out), "PASS") {
		t.Fatalf("no test ran: %s", out)
	}
	return string(out), err != nil
}

// matches says whether a name is of one of some patterns.
func matches(t *testing.T, patterns, name string) bool {
	t.Helper()
	for pattern := range strings.FieldsSeq(patterns) {
		if ok, err := path.Match(pattern, name); err != nil {
			t.Fatal(err)
		} else if ok {
			return true
		}
	}
	return false
}
