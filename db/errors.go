package db

import (
	"errors"

	"github.com/saedb/saedb/internal/kv"
	"github.com/saedb/saedb/query"
	"github.com/saedb/saedb/sae"
)

// Sentinels for errors.Is.
var (
	ErrNotFound   = query.ErrNotFound
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
	ErrNoModel    = query.ErrNoModel
	ErrModel      = sae.ErrModel
	ErrActive     = errors.New("the autoencoder is in use")
	ErrNoNames    = errors.New("the latents have no names")
	ErrNoVocab    = errors.New("no vocabulary")
	ErrNoClusters = query.ErrNoClusters
	ErrNoEmbedder = query.ErrNoEncoder
)
