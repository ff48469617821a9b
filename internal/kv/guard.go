package kv

import (
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"strings"
	"sync"
)

// guard keeps a failing Pebble from taking the process, or a caller, with it.
//
// Pebble reports what it cannot survive through Logger.Fatalf and relies on that call not returning. There are three
// kinds of goroutine it may happen on: one of Pebble's own, one that run started, and a caller's that is reading.
// The first two are ended by runtime.Goexit; a caller's goroutine is not ours to end, so there Fatalf panics with
// fatal{}, which protect turns into the error. Either way the cause is kept, the fence falls, and every later call
// returns ErrFailed.
type guard struct {
	dir    string
	log    *slog.Logger
	fence  *fence
	failed chan struct{} // closed by fail

	mu    sync.Mutex
	cause error // set once, before failed is closed
}

func newGuard(dir string, log *slog.Logger, f *fence) *guard {
	return &guard{dir: dir, log: log, fence: f, failed: make(chan struct{})}
}

// fatal is what Fatalf panics with on a caller's goroutine.
type fatal struct{}

// fail marks the store failed; the first cause is kept.
func (g *guard) fail(cause error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.cause != nil {
		return
	}
	g.cause = fmt.Errorf("%w: %s: %w", ErrFailed, g.dir, classify(cause))
	g.fence.fall()
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
// soon as the store fails: a failed Pebble may hold its locks for ever, and then f never returns.
func (g *guard) run(f func() error) error {
	if err := g.err(); err != nil {
		return err
	}
	done := make(chan error, 1)
	go func() {
		returned := false
		defer func() {
			if !returned { // Fatalf ended this goroutine
				done <- nil
			}
		}()
		err := f()
		returned = true
		done <- err
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
	cause := fmt.Errorf(strings.ReplaceAll(format, "%+v", "%v"), args...)
	for _, a := range args {
		if err, ok := a.(error); ok { // %v hides it from errors.Is
			cause = hidden{text: cause.Error(), cause: err}
			break
		}
	}
	g.fail(cause)
	if calledFrom("kv.(*guard).protect") {
		panic(fatal{})
	}
	runtime.Goexit()
}

// hidden is an error with one text and another error as its cause.
type hidden struct {
	text  string
	cause error
}

func (h hidden) Error() string { return h.text }
func (h hidden) Unwrap() error { return h.cause }

// calledFrom reports whether a function whose name ends in suffix is on this goroutine's stack.
func calledFrom(suffix string) bool {
	pcs := make([]uintptr, 128)
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
// pile up behind; a database that cannot write its tables has failed. What was acknowledged is in the log.
func (g *guard) background(err error) {
	if errors.Is(err, errFenced) {
		return
	}
	g.fail(fmt.Errorf("background write: %w", err))
}
