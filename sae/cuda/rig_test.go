//go:build linux && (amd64 || arm64) && !nogpu

package cuda

import (
	"errors"
	"fmt"
	"math"
	"testing"

	"github.com/saedb/saedb/internal/cudadrv"
	"github.com/saedb/saedb/internal/cudadrv/fake"
)

// rig runs single kernels on arrays.
type rig struct {
	t       *testing.T
	fake    *fake.Driver
	context *cudadrv.Context
	program program
}

// newRig returns a rig on the fake driver.
func newRig(t *testing.T) *rig {
	t.Helper()
	f, o := pretend(t)
	_, c, err := attach(o)
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{t: t, fake: f, context: c}
	t.Cleanup(func() {
		if err := errors.Join(c.Do(r.program.unload), c.Close()); err != nil {
			t.Error(err)
		}
	})
	return r
}

// orders calls f for each order in which warps may run; r.run then uses it.
func (r *rig) orders(f func(t *testing.T)) {
	t := r.t
	for i, name := range []string{"forward", "reverse", "shuffled 1", "shuffled 2"} {
		t.Run(name, func(t *testing.T) {
			r.t = t
			r.fake.Schedule(fake.Order(min(i, 2)), i)
			f(t)
		})
	}
	r.t = t
}

// run runs a kernel. Arrays among the arguments are on the device meanwhile, and hold afterwards what it wrote.
func (r *rig) run(name string, grid cudadrv.Grid, args ...any) {
	r.t.Helper()
	err := r.context.Do(func(t *cudadrv.Thread) (err error) {
		at := make([]any, len(args))
		for i, a := range args {
			p, free, e := upload(t, a)
			if e != nil {
				return e
			}
			at[i] = p
			defer func() { err = errors.Join(err, free()) }()
		}
		if r.program.kernels[name] == 0 { // a driver with a mistake may have only those that show it
			if err := r.program.load(t, []string{name}); err != nil {
				return err
			}
		}
		var nothing memory
		if err := r.program.start(t, []launch{nothing.bind(name, grid, at...)}); err != nil {
			return err
		}
		for i, a := range args {
			if err := download(t, a, at[i]); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		r.t.Fatal(err, r.fake.Fault())
	}
}

// upload brings an argument, if it is an array, onto the device.
func upload(t *cudadrv.Thread, a any) (at any, free func() error, err error) {
	switch a := a.(type) {
	case []float32:
		return put(t, a)
	case []float64:
		return put(t, a)
	case []uint32:
		return put(t, a)
	case []int64:
		return put(t, a)
	case []stepValues:
		return put(t, a)
	case []statValues:
		return put(t, a)
	case []placeValues:
		return put(t, a)
	case []deadValues:
		return put(t, a)
	}
	return a, func() error { return nil }, nil
}

func put[T any](t *cudadrv.Thread, a []T) (any, func() error, error) {
	p, err := t.Alloc(int64(len(a)) * sizeOf[T]())
	if err != nil {
		return nil, nil, err
	}
	return p, func() error { return t.Free(p) }, cudadrv.Upload(t, p, a)
}

// download brings an array back.
func download(t *cudadrv.Thread, a, at any) error {
	switch a := a.(type) {
	case []float32:
		return cudadrv.Download(t, a, at.(cudadrv.Ptr))
	case []float64:
		return cudadrv.Download(t, a, at.(cudadrv.Ptr))
	case []uint32:
		return cudadrv.Download(t, a, at.(cudadrv.Ptr))
	case []int64:
		return cudadrv.Download(t, a, at.(cudadrv.Ptr))
	case []stepValues:
		return cudadrv.Download(t, a, at.(cudadrv.Ptr))
	case []statValues:
		return cudadrv.Download(t, a, at.(cudadrv.Ptr))
	case []placeValues:
		return cudadrv.Download(t, a, at.(cudadrv.Ptr))
	case []deadValues:
		return cudadrv.Download(t, a, at.(cudadrv.Ptr))
	}
	return nil
}

// near compares floats with what float64 says, to some units in the last place of the largest.
func near[T float32 | float64](t *testing.T, what string, got []T, want []float64, units float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d numbers for %d", what, len(got), len(want))
	}
	largest := 0.0
	for _, w := range want {
		largest = max(largest, math.Abs(w))
	}
	for i, w := range want {
		if !(math.Abs(float64(got[i])-w) <= units*largest/(1<<24)) {
			t.Fatalf("%s[%d] is %v, float64 says %v; the largest is %v", what, i, got[i], w, largest)
		}
	}
}

// equal compares floats to the bit.
func equal(t *testing.T, what string, got, want []float32) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d numbers for %d", what, len(got), len(want))
	}
	for i, w := range want {
		if math.Float32bits(got[i]) != math.Float32bits(w) {
			t.Fatalf("%s[%d] is %v, it must be %v to the bit", what, i, got[i], w)
		}
	}
}

// dims is a title for a subtest.
func dims(v ...int) string { return fmt.Sprint(v) }
