//go:build !windows

package main

import (
	"errors"
	"io"
	"syscall"
)

// isClosedPipe reports whether err says that the reader of our output left.
func isClosedPipe(err error) bool {
	return errors.Is(err, syscall.EPIPE) || errors.Is(err, io.ErrClosedPipe)
}
