//go:build linux && (amd64 || arm64) && !nogpu

package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/saedb/saedb/internal/cudadrv/fake"
	"github.com/saedb/saedb/sae/cuda"
)

// TestTrainOnFakeGPU goes the whole way of a machine with a GPU, on the driver that runs kernels on the processor.
func TestTrainOnFakeGPU(t *testing.T) {
	path, err := fake.Build(t.TempDir(), os.DirFS("../../sae/cuda/kernel"))
	if errors.Is(err, fake.ErrNoCompiler) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	f, err := fake.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv(cudaEnv, path)

	stdout, _, _ := call(t, "doctor", "--format", "jsonl")
	if !strings.Contains(stdout, "Fake Device, 1.0 of 1.0 GiB free, compute capability 8.0, driver of CUDA 12.4; passes the self-test; "+cuda.Proof()) {
		t.Errorf("doctor says %s", stdout)
	}
	x, _ := writeVectors(t, "x.npy", 40, 8, 1)
	args := []string{"--vectors", x, "--latents", "32", "--k", "3", "--batch", "16", "--steps", "5"}
	losses := map[string][]float64{}
	for _, backend := range []string{"cpu", "cuda", "auto"} {
		var r struct {
			Losses   []float64
			Settings struct{ Backend string }
		}
		bench(t, &r, append(append([]string{"train"}, args...), "--backend", backend)...)
		if want := strings.Replace(backend, "auto", "cuda", 1); r.Settings.Backend != want {
			t.Errorf("--backend %s ran on %s", backend, r.Settings.Backend)
		}
		losses[backend] = r.Losses
	}
	for i, want := range losses["cpu"] {
		if got := losses["cuda"][i]; max(got-want, want-got) > 1e-5*want || got != losses["auto"][i] {
			t.Errorf("step %d: the losses are %v", i, losses)
		}
	}

	refuse(t, `there is no precision "f16"; there are f32, tf32 and bf16`, append(append([]string{"bench", "train"}, args...), "--gpu-precision", "f16")...)
	done(t, append(append([]string{"bench", "train"}, args...), "--backend", "cuda", "--gpu-precision", "bf16")...)

	f.Be(fake.Device{Count: 1, Major: 7, Minor: 5, Version: 12040, Memory: 1 << 30})
	refuse(t, "the device is too old for the kernels of this program: Fake Device has compute capability 7.5, they need 8.0", append(append([]string{"bench", "train"}, args...), "--backend", "cuda")...)
	dir := newTrainDB(t)
	if _, stderr := done(t, append(trainArgs(dir), "--epochs", "1")...); !strings.Contains(stderr, "training on the CPU: cuda: the device is too old") {
		t.Errorf("auto says %q", stderr)
	}
	f.Be(fake.Usual)
	done(t, append(trainArgs(dir), "--epochs", "1", "--sae", "shared", "--variant", "batchtopk", "--auxk", "4", "--clip", "1", "--backend", "cuda")...)
	if _, stderr := done(t, append(trainArgs(dir), "--epochs", "1", "--k", "5", "--sae", "gpu", "--backend", "cuda")...); strings.Contains(stderr, "CPU") {
		t.Errorf("cuda says %q", stderr)
	}
	// The device is lost in the second epoch, of 16 steps as the first. Graphs are started six times by the self-tests and, the steps of the first epoch being
	// one less than are recorded as one, 15 times in the first: the run goes on where it was, on the CPU.
	lost := append(trainArgs(dir), "--epochs", "2", "--k", "6", "--sae", "lost")
	f.Fail("cuGraphLaunch", 6+15+1, 719)
	refuse(t, "steps 17 to 32: cuGraphLaunch: CUDA_ERROR_LAUNCH_FAILED (719): unspecified launch failure; step 16 was the last good one", append(lost, "--backend", "cuda")...)
	if _, stderr := done(t, append(lost, "--backend", "cpu")...); !strings.Contains(stderr, "continuing the run lost") {
		t.Errorf("the run that was broken off: %q", stderr)
	}
	encodeOnFakeGPU(t, f, dir)
	if n := f.Left(); n != 0 {
		t.Errorf("%d things were not given back", n)
	}
}

// encodeOnFakeGPU makes the codes of stored autoencoders on the device, on the CPU, and on one after the other.
func encodeOnFakeGPU(t *testing.T, f *fake.Driver, dir string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "m.sae")
	done(t, "export", "--db", dir, "--sae-file", file)
	codes := func(name string) string {
		out := filepath.Join(t.TempDir(), "c.npz")
		done(t, "export", "--db", dir, "--sae", name, "--codes", out)
		text, err := os.ReadFile(out)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	for _, name := range []string{"on-cpu", "on-cuda", "on-both", "used"} {
		done(t, "models", "add", name, "--db", dir, "--from", file)
	}
	done(t, "encode", "--db", dir, "--sae", "on-cpu", "--backend", "cpu")
	before := f.Calls()
	if _, stderr := done(t, "encode", "--db", dir, "--sae", "on-cuda", "--backend", "cuda"); f.Calls() == before || !strings.Contains(stderr, "every item has a code by on-cuda") {
		t.Errorf("cuda says %q after %d calls", stderr, f.Calls()-before)
	}
	f.Fail("cuMemcpyDtoH", 4, 719) // the first three are of the self-test
	refuse(t, "cuda: encode: cuMemcpyDtoH: CUDA_ERROR_LAUNCH_FAILED (719): unspecified launch failure", "encode", "--db", dir, "--sae", "on-both", "--backend", "cuda")
	f.Fail("cuMemcpyDtoH", 4, 719)
	if _, stderr := done(t, "encode", "--db", dir, "--sae", "on-both"); !strings.Contains(stderr, "encoding on the CPU: cuda: encode: cuMemcpyDtoH") {
		t.Errorf("auto says %q", stderr)
	}
	f.Be(fake.Device{Count: 1, Major: 7, Minor: 5, Version: 12040, Memory: 1 << 30})
	refuse(t, "the device is too old for the kernels of this program", "models", "use", "used", "--db", dir, "--backend", "cuda")
	if _, stderr := done(t, "models", "use", "used", "--db", dir); !strings.Contains(stderr, "encoding on the CPU: cuda: the device is too old") || !strings.Contains(stderr, "used is active") {
		t.Errorf("models use says %q", stderr)
	}
	f.Be(fake.Usual)
	want := codes("on-cpu")
	for _, name := range []string{"on-cuda", "on-both", "used"} {
		if codes(name) != want {
			t.Errorf("the codes of %s are not those of the CPU", name)
		}
	}
	refuse(t, "--sae encodes what the database has", "encode", "--db", dir, "--sae", "used", "a.jpg")
	refuse(t, "unknown backend", "encode", "--db", dir, "--sae", "used", "--backend", "tpu")
	refuse(t, `autoencoder "axes": not found`, "encode", "--db", dir, "--sae", "axes")
}
