package cudadrv

import "unsafe"

// Stream is a line of work: what is in one happens in order.
type Stream uintptr

// Event is a place in a stream, once it is marked.
type Event uintptr

// Flags of the driver.
const (
	streamPlain       = 0
	streamNonBlocking = 1
	eventTimed        = 0
	eventUntimed      = 2
)

// NewStream makes a stream. One that is apart waits for nothing but what it is told to wait for (Await); any other waits for copies that are not of a
// stream, Upload and Download, as these wait for it.
func (t *Thread) NewStream(apart bool) (Stream, error) {
	flags := streamPlain
	if apart {
		flags = streamNonBlocking
	}
	var s uintptr
	err := t.d.call(cuStreamCreate, uintptr(unsafe.Pointer(&s)), uintptr(flags))
	return Stream(s), err
}

// DropStream frees a stream; 0 is none.
func (t *Thread) DropStream(s Stream) error {
	if s == 0 {
		return nil
	}
	return t.d.call(cuStreamDestroy, uintptr(s))
}

// Use has kernels, graphs and clearings go into a stream from now on; 0 is the stream that there always is, which cannot be recorded.
func (t *Thread) Use(s Stream) { t.stream = uintptr(s) }

// NewEvent makes an event; only a timed one serves Elapsed, any other costs less.
func (t *Thread) NewEvent(timed bool) (Event, error) {
	flags := eventUntimed
	if timed {
		flags = eventTimed
	}
	var e uintptr
	err := t.d.call(cuEventCreate, uintptr(unsafe.Pointer(&e)), uintptr(flags))
	return Event(e), err
}

// DropEvent frees an event; 0 is none.
func (t *Thread) DropEvent(e Event) error {
	if e == 0 {
		return nil
	}
	return t.d.call(cuEventDestroy, uintptr(e))
}

// Mark sets an event behind all that is in the stream in use; MarkIn in another one.
func (t *Thread) Mark(e Event) error { return t.d.call(cuEventRecord, uintptr(e), t.stream) }

// MarkIn sets an event behind all that is in a stream.
func (t *Thread) MarkIn(s Stream, e Event) error {
	return t.d.call(cuEventRecord, uintptr(e), uintptr(s))
}

// Await has what comes into the stream in use from now on wait for an event.
func (t *Thread) Await(e Event) error { return t.d.call(cuStreamWaitEvent, t.stream, uintptr(e), 0) }

// Elapsed waits for the later of two timed events, and says how many milliseconds lie between them.
func (t *Thread) Elapsed(from, to Event) (float32, error) {
	if err := t.d.call(cuEventSynchronize, uintptr(to)); err != nil {
		return 0, err
	}
	var ms float32
	err := t.d.call(cuEventElapsedTime, uintptr(unsafe.Pointer(&ms)), uintptr(from), uintptr(to))
	return ms, err
}
