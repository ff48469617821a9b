package db_test

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/saedb/saedb/db"
	"github.com/saedb/saedb/internal/dbtest"
)

// TestCloseLeavesNoGoroutine of a database that everything was done to, and of one that readers and writers left in the middle. A
// failed database does leave some, which internal/kv explains; this one does not fail.
func TestCloseLeavesNoGoroutine(t *testing.T) {
	before := goleak.IgnoreCurrent()
	defer goleak.VerifyNone(t, before)
	d, err := db.Create(ctx, t.TempDir(), nil)
	dbtest.Must(t, err)
	dbtest.Must(t, (&busy{d: d, acked: map[string]float32{}}).live(2))
	_, err = d.Ingest(newCancelAfter(3), itemSeq(dbtest.Items(50, 8, 3)))
	if err == nil {
		t.Error("the ingest was not cancelled")
	}
	for range d.All(ctx) {
		break
	}
	_, err = d.Snapshot() // never closed
	dbtest.Must(t, err)
	dbtest.Must(t, d.Close())
}
