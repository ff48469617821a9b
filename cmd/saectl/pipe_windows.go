package main

import (
	"errors"
	"io"
	"syscall"
)

// errNoData is ERROR_NO_DATA, "the pipe is being closed".
const errNoData = syscall.Errno(232)

// isClosedPipe reports whether err says that the reader of our output left.
func isClosedPipe(err error) bool {
	return errors.Is(err, syscall.ERROR_BROKEN_PIPE) || errors.Is(err, errNoData) || errors.Is(err, io.ErrClosedPipe)
}
