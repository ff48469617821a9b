package cudadrv

import (
	"runtime"
	"unsafe"
)

// Args are the arguments of a kernel, kept from launch to launch so that none allocates. The zero value is empty.
type Args struct {
	values []uint64 // one each, in its first bytes
	at     []unsafe.Pointer
}

// NewArgs returns arguments, each a Ptr, an int32, a uint32 or a float32: what kernels take by value in at most eight bytes.
func NewArgs(values ...any) *Args {
	a := &Args{values: make([]uint64, len(values)), at: make([]unsafe.Pointer, len(values))}
	for i, v := range values {
		a.at[i] = unsafe.Pointer(&a.values[i])
		switch v := v.(type) {
		case Ptr:
			*(*Ptr)(a.at[i]) = v
		case int32:
			*(*int32)(a.at[i]) = v
		case uint32:
			*(*uint32)(a.at[i]) = v
		case float32:
			*(*float32)(a.at[i]) = v
		default:
			panic("cudadrv: an argument of a kernel must be a Ptr, an int32, a uint32 or a float32")
		}
	}
	return a
}

// Grid is how many blocks of how many threads run a kernel.
type Grid struct{ BlocksX, BlocksY, ThreadsX, ThreadsY int }

// Launch starts a kernel behind all that was started before. An error may be that of an earlier kernel.
func (t *Thread) Launch(f Function, g Grid, shared int, a *Args) error {
	err := t.d.call(cuLaunchKernel, uintptr(f),
		uintptr(g.BlocksX), uintptr(max(g.BlocksY, 1)), 1,
		uintptr(g.ThreadsX), uintptr(max(g.ThreadsY, 1)), 1,
		uintptr(shared), t.stream, uintptr(unsafe.Pointer(unsafe.SliceData(a.at))), 0)
	runtime.KeepAlive(a)
	return err
}

// Wait returns when everything that was started is done, with the error of what failed.
func (t *Thread) Wait() error { return t.d.call(cuCtxSynchronize) }
