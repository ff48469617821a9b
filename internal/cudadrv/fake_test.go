//go:build linux && (amd64 || arm64) && !nogpu

package cudadrv_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/saedb/saedb/internal/cudadrv"
	"github.com/saedb/saedb/internal/cudadrv/fake"
)

// double is a kernel in the fewest words that the fake driver takes, and the PTX that its module claims to be.
const (
	double = `#include "fake.h"
KERNEL(64, twice, float *x, int n) {
	int i = block() * threads() + thread();
	if (i < n) x[i] *= 2;
}
KERNEL(64, lonely, float *x) {
	if (thread() > 0) sync();
}
KERNEL(64, around, float *x) {
	SHARED float last;
	if (thread() == 63) last = 3;
	sync();
	x[0] = last;
}
`
	doublePTX = "\n.version 8.0\n.target sm_80\n.visible .entry twice(\n.param .u64 a,\n.param .u32 b\n)\n.visible .entry around(\n.param .u64 a\n)\n.visible .entry lonely(\n.param .u64 a\n)\n"
)

// built is the fake driver of all tests, made by the first that needs it; folder goes when they are done.
var (
	folder string
	built  = sync.OnceValues(func() (*fake.Driver, error) {
		path, err := fake.Build(folder, fstest.MapFS{"double.cu": {Data: []byte(double)}})
		if err != nil {
			return nil, err
		}
		return fake.Open(path)
	})
)

func TestMain(m *testing.M) {
	os.Exit(func() int {
		var err error
		if folder, err = os.MkdirTemp("", "saedb-fake-"); err != nil {
			panic(err)
		}
		defer os.RemoveAll(folder)
		return m.Run()
	}())
}

// begin returns a fake driver, loaded, that must have everything back in the end.
func begin(t *testing.T) (*fake.Driver, *cudadrv.Driver) {
	t.Helper()
	f, err := built()
	if errors.Is(err, fake.ErrNoCompiler) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	f.Be(fake.Usual)
	t.Cleanup(func() {
		if n := f.Left(); n != 0 {
			t.Errorf("%d things were not given back", n)
		}
	})
	d, err := cudadrv.Open(f.Path)
	if err != nil {
		t.Fatal(err)
	}
	return f, d
}

// twice doubles numbers on the device.
func twice(d *cudadrv.Driver, x []float32, kernel string) (err error) {
	c, err := d.Attach(0)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	return c.Do(func(t *cudadrv.Thread) (err error) {
		m, err := t.Load([]byte(doublePTX))
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, t.Unload(m)) }()
		f, err := t.Function(m, kernel)
		if err != nil {
			return err
		}
		p, err := t.Alloc(int64(4 * len(x)))
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, t.Free(p)) }()
		if err := cudadrv.Upload(t, p, x); err != nil {
			return err
		}
		args := cudadrv.NewArgs(p, int32(len(x)))
		if err := t.Launch(f, cudadrv.Grid{BlocksX: (len(x) + 63) / 64, ThreadsX: 64}, 0, args); err != nil {
			return err
		}
		if err := t.Wait(); err != nil {
			return err
		}
		return cudadrv.Download(t, x, p)
	})
}

func TestKernelRuns(t *testing.T) {
	_, d := begin(t)
	x := make([]float32, 100)
	for i := range x {
		x[i] = float32(i)
	}
	if err := twice(d, x, "twice"); err != nil {
		t.Fatal(err)
	}
	for i, v := range x {
		if v != 2*float32(i) {
			t.Fatalf("number %d is %v", i, v)
		}
	}
}

func TestEveryCallCanFail(t *testing.T) {
	f, d := begin(t)
	x := make([]float32, 100)
	before := f.Calls()
	if err := twice(d, x, "twice"); err != nil {
		t.Fatal(err)
	}
	calls := f.Calls() - before
	for n := 1; n <= calls; n++ {
		f.Fail("*", n, 700)
		err := twice(d, x, "twice")
		f.Fail("*", 0, 0)
		if !errors.Is(err, cudadrv.ErrLost) || !strings.Contains(err.Error(), "CUDA_ERROR_ILLEGAL_ADDRESS (700): an illegal memory access was encountered") {
			t.Errorf("call %d of %d failed, and what is said is: %v", n, calls, err)
		}
		if left := f.Left(); left != 0 {
			t.Errorf("call %d of %d failed: %d things were not given back", n, calls, left)
		}
	}
	if calls < 12 {
		t.Errorf("only %d calls were tried", calls)
	}
}

func TestWhatDoesNotMeetIsFound(t *testing.T) {
	f, d := begin(t)
	err := twice(d, make([]float32, 1), "lonely")
	if !errors.Is(err, cudadrv.ErrLost) || f.Fault() == "" {
		t.Errorf("a barrier that one thread passes by gives %v, %q", err, f.Fault())
	}
}

func TestBadKernels(t *testing.T) {
	_, d := begin(t)
	if err := twice(d, nil, "thrice"); err == nil || !strings.Contains(err.Error(), "kernel thrice: cuModuleGetFunction: CUDA_ERROR_NOT_FOUND") {
		t.Errorf("an unknown kernel: %v", err)
	}
	c, err := d.Attach(0)
	if err != nil {
		t.Fatal(err)
	}
	err = c.Do(func(t *cudadrv.Thread) error { _, err := t.Load([]byte("rubbish")); return err })
	if err == nil || !strings.Contains(err.Error(), "PTX JIT compilation failed: fake ptxas") {
		t.Errorf("rubbish for a module: %v", err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if err := c.Do(func(*cudadrv.Thread) error { return nil }); err == nil {
		t.Error("a closed context runs something")
	}
}

func TestDevices(t *testing.T) {
	f, d := begin(t)
	f.Be(fake.Device{Count: 2, Major: 9, Minor: 1, Version: 13000, Memory: 3 << 29})
	all, err := d.Devices()
	if err != nil || len(all) != 2 || all[1].String() != "Fake Device, 1.5 GiB, compute capability 9.1, 1 multiprocessors" {
		t.Errorf("devices are %v, %v", all, err)
	}
	f.Be(fake.Device{})
	if _, err := d.Devices(); !errors.Is(err, cudadrv.ErrAbsent) {
		t.Errorf("no device: %v", err)
	}
	if _, err := cudadrv.Open(f.Path); !errors.Is(err, cudadrv.ErrAbsent) || !strings.Contains(err.Error(), "CUDA_ERROR_NO_DEVICE") {
		t.Errorf("a driver without a device: %v", err)
	}
}

func TestNoDriver(t *testing.T) {
	_, err := cudadrv.Open(filepath.Join(t.TempDir(), "libcuda.so.1"))
	if !errors.Is(err, cudadrv.ErrAbsent) || !strings.Contains(err.Error(), "libcuda.so.1") {
		t.Errorf("no driver: %v", err)
	}
}
