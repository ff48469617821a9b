package kv

import (
	"fmt"
	"log/slog"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
)

// guard keeps a failing Pebble from taking the process, or a caller, with it. It knows of a failure in three ways: a
// change of the folder fails (fence.go), Pebble calls Logger.Fatalf, or a flush or compaction reports an error. The
// first cause is kept, and from then on every call returns ErrFailed.
//
// Fatalf must not return and must not unwind (see fence), so it stops its goroutine for good. That may be one of
// Pebble's own, or one that run started: run does not wait for it. Only on a caller's goroutine, which is reading, does
// Fatalf panic, and protect turns that into the error.
type guard struct {
	dir    string
	log    *slog.Logger
	failed chan struct{} // closed by fail

	mu    sync.Mutex
	cause error // set once, before failed is closed
}

func newGuard(dir string, log *slog.Logger, f *fence) *guard {
	g := &guard{dir: dir, log: log, failed: make(chan struct{})}
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

// run calls f, which may write or wait for Pebble, on a goroutine of its own and returns f's error, or ErrFailed as
// soon as the store fails: f may then never return.
func (g *guard) run(f func() error) error {
	if err := g.err(); err != nil {
		return err
	}
	done := make(chan error, 1)
	go func() {
		defer func() {
			if r := recover(); r != nil {
				g.log.Error("panic in pebble", "dir", g.dir, "panic", r, "stack", string(debug.Stack()))
				g.fail(fmt.Errorf("panic: %v", r))
			}
		}()
		done <- f()
	}()
	select {
	case err := <-done:
		if failure := g.err(); failure != nil {
			return failure
		}
		return classify(err)
	case <-g.failed:
		return g.err()
	}
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
// pile up behind; a database that cannot write its tables has failed. What was acknowledged is in the log. The collector
// of table statistics would try a damaged table again at once, without end: it stops here, where it holds no lock.
func (g *guard) background(err error) {
	g.fail(fmt.Errorf("background work: %w", err))
	if calledFrom("pebble/v2.(*DB).collectTableStats") {
		select {}
	}
}
