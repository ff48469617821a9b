package kv

import (
	"fmt"
	"log/slog"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"
)

// guard keeps a failing Pebble from taking the process, or a caller, with it. It knows of a failure in three ways: a
// change of the folder fails (fence.go), Pebble calls Logger.Fatalf, or a flush or compaction reports an error. The
// first cause is kept, and from then on every call returns ErrFailed.
//
// Fatalf must not return and must not unwind (see fence), so it stops its goroutine for good. That may be one of
// Pebble's own, or one of the workers that run hands its function to: run does not wait for it. Only on a caller's goroutine, which is reading, does
// Fatalf panic, and protect turns that into the error.
type guard struct {
	dir    string
	log    *slog.Logger
	failed chan struct{} // closed by fail
	tasks  chan task     // to a worker that waits
	ended  chan struct{} // closed by end
	idle   atomic.Int32  // workers that wait

	mu    sync.Mutex
	cause error // set once, before failed is closed
}

func newGuard(dir string, log *slog.Logger, f *fence) *guard {
	g := &guard{dir: dir, log: log, failed: make(chan struct{}), tasks: make(chan task), ended: make(chan struct{})}
	f.fail, f.failed = g.fail, g.failed
	return g
}

// fail marks the store failed; the first cause is kept.
func (g *guard) fail(cause error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.cause != nil {
		return
	}
	g.cause = fmt.Errorf("%w: %s: %w", ErrFailed, g.dir, classify(cause))
	close(g.failed)
	g.log.Error("database failed", "dir", g.dir, "cause", cause)
}

// err returns the failure, nil while the store is well.
func (g *guard) err() error {
	select {
	case <-g.failed:
		g.mu.Lock()
		defer g.mu.Unlock()
		return g.cause
	default:
		return nil
	}
}

// run calls f, which may write or wait for Pebble, on another goroutine and returns f's error, or ErrFailed as
// soon as the store fails: f may then never return.
func (g *guard) run(f func() error) error { return g.start(f)() }

// start is run's first half: f has begun. wait is the second; call it once.
func (g *guard) start(f func() error) (wait func() error) {
	if err := g.err(); err != nil {
		return func() error { return err }
	}
	t := task{f: f, done: make(chan error, 1)}
	select {
	case g.tasks <- t:
	default:
		go g.work(t)
	}
	return func() error {
		select {
		case err := <-t.done:
			if failure := g.err(); failure != nil {
				return failure
			}
			return classify(err)
		case <-g.failed:
			return g.err()
		}
	}
}

// end sends home the workers that wait. Nothing is started after it.
func (g *guard) end() { close(g.ended) }

// task is what a worker does, and where it says that it is done.
type task struct {
	f    func() error
	done chan error // has room for one
}

// maxIdle is the number of workers that wait for more to do. A goroutine that has written before is spared the growing of its stack: some
// microseconds, which a put that waits for the disk cannot hide.
const maxIdle = 2

// work does a task, and others after it.
func (g *guard) work(t task) {
	for g.do(t) {
		t = task{} // nothing is kept alive while it waits
		if g.idle.Add(1) > maxIdle {
			g.idle.Add(-1)
			return
		}
		select {
		case t = <-g.tasks:
			g.idle.Add(-1)
		case <-g.ended:
			return
		case <-g.failed:
			return
		}
	}
}

// do does a task and reports whether the worker is fit for another.
func (g *guard) do(t task) (fit bool) {
	defer func() {
		if r := recover(); r != nil {
			g.log.Error("panic in pebble", "dir", g.dir, "panic", r, "stack", string(debug.Stack()))
			g.fail(fmt.Errorf("panic: %v", r))
		}
	}()
	t.done <- t.f()
	return true
}

// fatal is what Fatalf panics with on a caller's goroutine.
type fatal struct{}

// protect calls f, which only reads, on the caller's goroutine.
func (g *guard) protect(f func() error) (err error) {
	if err := g.err(); err != nil {
		return err
	}
	defer func() {
		switch r := recover(); r.(type) {
		case nil:
		case fatal:
			err = g.err()
		default:
			panic(r)
		}
	}()
	return classify(f())
}

// Infof, Errorf and Fatalf make guard a pebble.Logger.

// Infof drops Pebble's chatter.
func (g *guard) Infof(string, ...any) {}

// Errorf logs.
func (g *guard) Errorf(format string, args ...any) {
	g.log.Warn("pebble", "dir", g.dir, "msg", fmt.Sprintf(format, args...))
}

// Fatalf marks the store failed. It does not return.
func (g *guard) Fatalf(format string, args ...any) {
	text := fmt.Sprintf(strings.ReplaceAll(format, "%+v", "%v"), args...)
	var cause error
	for _, a := range args {
		if err, ok := a.(error); ok {
			cause = err
		}
	}
	g.fail(hidden{text: text, cause: cause})
	if calledFrom("kv.(*guard).protect") {
		panic(fatal{})
	}
	select {}
}

// hidden is an error with one text and another error, which may be nil, as its cause.
type hidden struct {
	text  string
	cause error
}

func (h hidden) Error() string { return h.text }
func (h hidden) Unwrap() error { return h.cause }

// calledFrom reports whether a function whose name ends in suffix is on this goroutine's stack.
func calledFrom(suffix string) bool {
	pcs := make([]uintptr, 256)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(2, pcs)])
	for {
		f, more := frames.Next()
		if strings.HasSuffix(f.Function, suffix) {
			return true
		}
		if !more {
			return false
		}
	}
}

// background is told of errors in Pebble's flushes and compactions. Pebble would try again for ever while writes
// pile up behind; a database that cannot write its tables has failed. What was acknowledged is in the log. Compactions are not
// tried again (scheduler.go). The collector of table statistics would try a damaged table again at once, without end: it stops here, where it holds no lock.
func (g *guard) background(err error) {
	g.fail(fmt.Errorf("background work: %w", err))
	if calledFrom("pebble/v2.(*DB).collectTableStats") {
		select {}
	}
}
