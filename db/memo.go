package db

import (
	"context"
	"sync"
)

// memo keeps values that are derived from one version of the database, each made when it is first asked for.
// It may be used by many goroutines at once.
type memo struct {
	version uint64

	mu     sync.Mutex
	values map[any]*memoValue
}

type memoValue struct {
	done  chan struct{} // closed when value and err are set
	value any
	err   error
}

func newMemo(version uint64) *memo { return &memo{version: version, values: map[any]*memoValue{}} }

// at returns the memo to keep as the newest, and the one for version.
func (m *memo) at(version uint64) (newest, want *memo) {
	switch {
	case m.version == version:
		return m, m
	case m.version > version: // a snapshot that was overtaken while it was taken
		return m, newMemo(version)
	}
	n := newMemo(version)
	return n, n
}

// derive returns the value under key, made by f if this is the first call. Several callers wait for one maker; if it
// fails, nothing is kept, and each waiter tries for itself. The value is shared: nobody changes it.
func derive[T any](ctx context.Context, m *memo, key any, f func() (T, error)) (T, error) {
	for {
		m.mu.Lock()
		v, ok := m.values[key]
		if !ok {
			v = &memoValue{done: make(chan struct{})}
			m.values[key] = v
			m.mu.Unlock()
			made, err := f()
			v.value, v.err = made, err
			if err != nil {
				m.mu.Lock()
				delete(m.values, key)
				m.mu.Unlock()
			}
			close(v.done)
			return made, err
		}
		m.mu.Unlock()
		select {
		case <-ctx.Done():
			var zero T
			return zero, ctx.Err()
		case <-v.done:
		}
		if v.err == nil {
			return v.value.(T), nil
		}
	}
}
