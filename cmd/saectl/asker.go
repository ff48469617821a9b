package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/saedb/saedb/clip"
	"github.com/saedb/saedb/db"
	"github.com/saedb/saedb/query/syntax"
)

// asker makes vectors of the pictures and texts that a query names. The encoder is opened when the first of them needs
// it, so that other queries do not wait for a model.
type asker struct {
	a     *app
	flags encoderFlags
	d     *db.DB
	e     clip.Encoder
}

// load is the loader of a query.
func (k *asker) load(ctx context.Context, kind syntax.OperandKind, name string) ([]float32, error) {
	switch kind {
	case syntax.OperandVector:
		return readVector(name)
	case syntax.OperandFile:
	default:
		return nil, fmt.Errorf("%s: saectl opens nothing over the network: fetch it and ask with near file", name)
	}
	p, err := readPicture(name)
	if err != nil {
		return nil, err
	}
	if err := k.open(ctx); err != nil {
		return nil, err
	}
	return k.e.Pictures(ctx, k.e.Tensor(nil, p))
}

// text is db.Options.Embed. Its error is db.ErrNoEmbedder where the database had better look into its vocabulary.
func (k *asker) text(ctx context.Context, text string) ([]float32, error) {
	if err := k.open(ctx); err != nil {
		return nil, err
	}
	return k.e.Texts(ctx, []string{text})
}

// open opens the encoder that made the database's vectors, or the one that was named, if that is the same.
func (k *asker) open(ctx context.Context) error {
	if k.e != nil {
		return nil
	}
	space, err := k.d.Space(ctx)
	if err != nil {
		return err
	}
	f := k.flags
	if f.model == "" {
		f.model = cmp.Or(k.a.getenv("SAEDB_MODEL"), space.Encoder)
	}
	if f.model == "" {
		return hint(fmt.Errorf("%w: the database does not say which encoder made its vectors", db.ErrNoEmbedder), "name the encoder with --model")
	}
	e, err := k.a.openEncoder(f, 0)
	switch {
	case err == nil:
	case errors.Is(err, clip.ErrNoModel), errors.Is(err, clip.ErrNoRuntime), errors.Is(err, clip.ErrNoCgo):
		return fmt.Errorf("%w: %w", db.ErrNoEmbedder, err)
	default:
		return err
	}
	if err := sameSpace(space, spaceOf(e.Identity())); err != nil {
		e.Close()
		return err
	}
	k.e = e
	return nil
}

// sameSpace compares the database's space with an encoder's. One of unknown origin is taken at its user's word, if it has as many
// dimensions.
func sameSpace(stored, encoder db.Space) error {
	if stored == encoder || stored == (db.Space{Dim: encoder.Dim}) {
		return nil
	}
	return hint(fmt.Errorf("%w: the database holds %s; this encoder gives %s", db.ErrSpace, stored, encoder), "name the encoder that made the database with --model")
}

func (k *asker) close() {
	if k.e != nil {
		k.e.Close()
	}
}
