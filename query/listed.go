package query

import (
	"maps"
	"slices"

	"github.com/saedb/saedb/query/syntax"
)

// ListedFields returns the fields that the rows of a listing have, in order; none for images, whose fields are those of Catalog.Fields.
func ListedFields(l syntax.Listing) []string { return slices.Sorted(maps.Keys(listed[l])) }
