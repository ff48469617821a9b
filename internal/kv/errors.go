package kv

import (
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// Sentinels for errors.Is. Package db re-exports them under the same names.
var (
	ErrCorrupt    = errors.New("corrupt data")
	ErrClosed     = errors.New("database is closed")
	ErrReadOnly   = errors.New("database was opened read-only")
	ErrFailed     = errors.New("database has failed and must be reopened")
	ErrDiskFull   = errors.New("disk is full")
	ErrLocked     = errors.New("database is in use")
	ErrNoDatabase = errors.New("no database")
)

// Corruptf returns an error that satisfies errors.Is(err, ErrCorrupt) and says what could not be read.
func Corruptf(format string, args ...any) error {
	return fmt.Errorf("%w: %w", ErrCorrupt, fmt.Errorf(format, args...))
}

// classify gives an error of Pebble or of the file system the sentinels that callers test for. The cause stays in
// the chain.
func classify(err error) error {
	switch {
	case err == nil:
		return nil
	case vfs.IsNoSpaceError(err) && !errors.Is(err, ErrDiskFull):
		return fmt.Errorf("%w: free some space and open the database again: %w", ErrDiskFull, err)
	case pebble.IsCorruptionError(err) && !errors.Is(err, ErrCorrupt):
		return fmt.Errorf("%w: %w", ErrCorrupt, err)
	case errors.Is(err, pebble.ErrReadOnly):
		return fmt.Errorf("%w: %w", ErrReadOnly, err)
	}
	return err
}
