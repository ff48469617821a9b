package cudadrv

import (
	"fmt"
	"runtime"
	"unsafe"
)

// Ptr is an address in device memory.
type Ptr uint64

// Alloc reserves n bytes, at least one, whose content is undefined.
func (t *Thread) Alloc(n int64) (Ptr, error) {
	var p uint64
	if err := t.d.call(cuMemAlloc, uintptr(unsafe.Pointer(&p)), uintptr(max(n, 1))); err != nil {
		return 0, fmt.Errorf("%d bytes of device memory: %w", n, err)
	}
	return Ptr(p), nil
}

// Free gives memory back.
func (t *Thread) Free(p Ptr) error { return t.d.call(cuMemFree, uintptr(p)) }

// Memory tells how many bytes of the device are free, and how many there are.
func (t *Thread) Memory() (free, total int64, err error) {
	var f, all uint64
	err = t.d.call(cuMemGetInfo, uintptr(unsafe.Pointer(&f)), uintptr(unsafe.Pointer(&all)))
	return int64(f), int64(all), err
}

// Upload copies src to the device, and is done when it returns.
func Upload[T any](t *Thread, dst Ptr, src []T) error {
	if len(src) == 0 {
		return nil
	}
	err := t.d.call(cuMemcpyHtoD, uintptr(dst), uintptr(unsafe.Pointer(&src[0])), uintptr(len(src))*unsafe.Sizeof(src[0]))
	runtime.KeepAlive(src)
	return err
}

// Download fills dst from the device, once everything launched before is done.
func Download[T any](t *Thread, dst []T, src Ptr) error {
	if len(dst) == 0 {
		return nil
	}
	err := t.d.call(cuMemcpyDtoH, uintptr(unsafe.Pointer(&dst[0])), uintptr(src), uintptr(len(dst))*unsafe.Sizeof(dst[0]))
	runtime.KeepAlive(dst)
	return err
}

// Pinned is memory of the host that the device copies from by itself, while the processor does something else.
type Pinned struct {
	at    unsafe.Pointer
	bytes int64
}

// AllocPinned reserves n bytes, at least one, of such memory.
func (t *Thread) AllocPinned(n int64) (*Pinned, error) {
	p := &Pinned{bytes: max(n, 1)}
	if err := t.d.call(cuMemHostAlloc, uintptr(unsafe.Pointer(&p.at)), uintptr(p.bytes), 0); err != nil {
		return nil, fmt.Errorf("%d bytes of page-locked memory: %w", n, err)
	}
	return p, nil
}

// FreePinned gives it back; nil is none. No copy from it may be under way.
func (t *Thread) FreePinned(p *Pinned) error {
	if p == nil {
		return nil
	}
	return t.d.call(cuMemFreeHost, uintptr(p.at))
}

// F32 is the memory as numbers.
func (p *Pinned) F32() []float32 { return unsafe.Slice((*float32)(p.at), p.bytes/4) }

// Send copies the first n bytes to the device, in a stream: it has begun when Send returns, and the memory must stay as it is until it is done.
func (t *Thread) Send(s Stream, dst Ptr, p *Pinned, n int64) error {
	return t.d.call(cuMemcpyHtoDAsync, uintptr(dst), uintptr(p.at), uintptr(n), uintptr(s))
}

// Zero sets n words of four bytes to zero, in the order of launches.
func (t *Thread) Zero(p Ptr, words int64) error {
	if words == 0 {
		return nil
	}
	return t.d.call(cuMemsetD32Async, uintptr(p), 0, uintptr(words), t.stream)
}
