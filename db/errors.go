package db

import (
	"errors"

	"github.com/saedb/saedb/internal/kv"
)

// Sentinels for errors.Is.
var (
	ErrNotFound   = errors.New("not found")
	ErrClosed     = kv.ErrClosed
	ErrReadOnly   = kv.ErrReadOnly
	ErrNoDatabase = kv.ErrNoDatabase
	ErrFormat     = errors.New("unknown database format")
	ErrLocked     = kv.ErrLocked
	ErrCorrupt    = kv.ErrCorrupt
	ErrFailed     = kv.ErrFailed
	ErrDiskFull   = kv.ErrDiskFull
	ErrDim        = errors.New("wrong number of dimensions")
	ErrSpace      = errors.New("vectors of another space")
	ErrVector     = errors.New("unusable vector")
	ErrItem       = errors.New("unusable item")
	ErrNoModel    = errors.New("no such autoencoder")
	ErrModel      = errors.New("unusable autoencoder")
	ErrActive     = errors.New("the autoencoder is in use")
	ErrNoEmbedder = errors.New("no text encoder")
)
