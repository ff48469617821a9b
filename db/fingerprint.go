package db

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash"
	"math"
	"slices"
	"strings"

	"github.com/saedb/saedb/internal/kv"
)

// Fingerprint returns one SHA-256, in hexadecimal, of the logical content: two databases with the same fingerprint give the same
// answers, however they came about. It covers the space, the items by id (norm, vector, metadata, thumbnail), the
// autoencoders by name (digest, codes by id, names, edits, which is active), the vocabulary and the description of the
// clusters. It leaves out ordinals, times of adding and everything that is derived.
func (d *DB) Fingerprint(ctx context.Context) (sum string, err error) {
	err = d.view(func(s *Snapshot) error {
		sum, err = s.Fingerprint(ctx)
		return err
	})
	return sum, err
}

// Fingerprint is DB.Fingerprint of the snapshot.
func (s *Snapshot) Fingerprint(ctx context.Context) (string, error) {
	f := fingerprint{h: sha256.New()}
	space, ok, err := readSpace(s.r)
	if err != nil {
		return "", err
	}
	if ok {
		f.field("space", []byte(space.Encoder), []byte(space.WeightsSHA256), []byte(space.Preprocess), kv.AppendOrd(nil, uint32(space.Dim)))
	}
	if err := s.printItems(ctx, f); err != nil {
		return "", err
	}
	models, err := modelRecords(s.r)
	if err != nil {
		return "", err
	}
	slices.SortFunc(models, func(a, b modelRecord) int { return strings.Compare(a.Name, b.Name) })
	for _, rec := range models {
		if err := s.printModel(ctx, f, rec); err != nil {
			return "", fmt.Errorf("autoencoder %q: %w", rec.Name, err)
		}
	}
	words, err := s.r.Blob(kv.SpanWords())
	if err != nil {
		return "", err
	}
	vectors, err := s.r.Blob(kv.SpanWordVecs())
	if err != nil {
		return "", err
	}
	if words != nil {
		f.field("vocabulary", words, vectors)
	}
	clusters, ok, err := s.r.Get(kv.KeyClusters())
	if err != nil {
		return "", err
	}
	if ok {
		f.field("clusters", clusters)
	}
	return hex.EncodeToString(f.h.Sum(nil)), nil
}

// eachByID calls f for every item in the byte order of ids.
func (s *Snapshot) eachByID(ctx context.Context, f func(id string, ord uint32) error) error {
	span, n := kv.SpanIDs(), 0
	for p, err := range s.r.Range(span.Lower, span.Upper) {
		if err == nil && n%256 == 0 {
			err = ctx.Err()
		}
		if err != nil {
			return err
		}
		n++
		ord, err := kv.DecodeOrd(p.Value)
		if err != nil {
			return err
		}
		if err := f(kv.IDOfKey(p.Key), ord); err != nil {
			return err
		}
	}
	return nil
}

func (s *Snapshot) printItems(ctx context.Context, f fingerprint) error {
	return s.eachByID(ctx, func(id string, ord uint32) error {
		r, err := readRow(s.r, ord, s.Dim())
		if err != nil {
			return fmt.Errorf("item %q: %w", id, err)
		}
		norm := binary.LittleEndian.AppendUint32(nil, math.Float32bits(r.rec.Norm))
		f.field("item", []byte(id), norm, kv.AppendVector(nil, r.vec), r.rec.Meta, r.thumb)
		return nil
	})
}

func (s *Snapshot) printModel(ctx context.Context, f fingerprint, rec modelRecord) error {
	active := []byte{0}
	if rec.number == s.state.Active {
		active[0] = 1
	}
	f.field("model", []byte(rec.Name), []byte(rec.Digest), active)
	err := s.eachByID(ctx, func(id string, ord uint32) error {
		v, ok, err := s.r.Get(kv.KeyCode(rec.number, ord))
		if err == nil && ok {
			f.field("code", []byte(id), v)
		}
		return err
	})
	if err != nil {
		return err
	}
	names, err := s.r.Blob(kv.SpanNames(rec.number))
	if err != nil {
		return err
	}
	edits, _, err := s.r.Get(kv.KeyEdits(rec.number))
	f.field("names", names, edits)
	return err
}

// fingerprint hashes fields so that no two different sequences of fields hash the same bytes.
type fingerprint struct{ h hash.Hash }

func (f fingerprint) field(kind string, parts ...[]byte) {
	b := append([]byte{byte(len(kind))}, kind...)
	b = binary.AppendUvarint(b, uint64(len(parts)))
	for _, p := range parts {
		b = binary.AppendUvarint(b, uint64(len(p)))
		b = append(b, p...)
	}
	f.h.Write(b) // a hash never fails to write
}
