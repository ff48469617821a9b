package db

import (
	"context"

	"github.com/saedb/saedb/query"
)

// SourceOf shows tests what queries see.
func SourceOf(ctx context.Context, s *Snapshot) (query.Source, error) { return s.source(ctx) }
