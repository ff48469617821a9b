package querytest

import (
	"testing"

	"github.com/cockroachdb/datadriven"

	"github.com/saedb/saedb/query"
)

func TestScriptsInMemory(t *testing.T) {
	datadriven.Walk(t, "testdata", func(t *testing.T, path string) {
		RunScript(t, path, func(_ *testing.T, d *Data) query.Source { return NewMemory(d) })
	})
}
