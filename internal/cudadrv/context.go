package cudadrv

import (
	"errors"
	"runtime"
	"sync"
	"unsafe"
)

// Context is the primary context of a device, current on one thread of the operating system that does nothing else.
type Context struct {
	d      *Driver
	device int32
	jobs   chan job
	once   sync.Once
	closed chan struct{}
	err    error // of Close
}

// job is work for the thread, and where its outcome goes.
type job struct {
	f    func(*Thread) error
	done chan<- error
}

// Thread is the thread that owns a context, lent to a function for as long as it runs.
type Thread struct {
	d      *Driver
	stream uintptr // where work goes; see Use
}

// errClosed is the answer of a context after Close.
var errClosed = errors.New("the GPU's context is closed")

// Attach makes the primary context of a device current on a thread of its own. Close gives both back.
func (d *Driver) Attach(ordinal int) (*Context, error) {
	handle, err := d.handle(ordinal)
	if err != nil {
		return nil, err
	}
	c := &Context{d: d, device: handle, jobs: make(chan job), closed: make(chan struct{})}
	ready := make(chan error, 1)
	go c.serve(ready)
	if err := <-ready; err != nil {
		return nil, err
	}
	return c, nil
}

// serve owns the context until the jobs end. The goroutine never unlocks its thread, which therefore ends with it.
func (c *Context) serve(ready chan<- error) {
	runtime.LockOSThread()
	defer close(c.closed)
	var handle uintptr
	if err := c.d.call(cuDevicePrimaryCtxRetain, uintptr(unsafe.Pointer(&handle)), uintptr(c.device)); err != nil {
		ready <- err
		return
	}
	if err := c.d.call(cuCtxSetCurrent, handle); err != nil {
		ready <- join(err, c.d.call(cuDevicePrimaryCtxRelease, uintptr(c.device)))
		return
	}
	ready <- nil
	t := &Thread{d: c.d}
	for j := range c.jobs {
		j.done <- j.f(t)
	}
	c.err = join(c.d.call(cuCtxSetCurrent, 0), c.d.call(cuDevicePrimaryCtxRelease, uintptr(c.device)))
}

// Do runs f on the context's thread and returns its error. f must not call Do or Close. After Close it is an error.
func (c *Context) Do(f func(*Thread) error) (err error) {
	done := make(chan error, 1)
	defer func() {
		if recover() != nil { // a send to jobs after Close
			err = errClosed
		}
	}()
	c.jobs <- job{f, done}
	return <-done
}

// Close gives the thread and the context back; what was allocated in it must have been freed. It waits for work under way, and may be
// called again.
func (c *Context) Close() error {
	c.once.Do(func() { close(c.jobs) })
	<-c.closed
	return c.err
}
