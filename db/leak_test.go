package db_test

import (
	"os"
	"os/exec"
	"testing"

	"go.uber.org/goleak"

	"github.com/saedb/saedb/db"
	"github.com/saedb/saedb/internal/dbtest"
)

// alone reports whether this process runs nothing but this test; if not, one is started that does, and was waited for. A failed database
// leaves goroutines, as internal/kv explains, and other tests make such ones: who counts goroutines must be alone.
func alone(t *testing.T) bool {
	t.Helper()
	if os.Getenv("SAEDB_ALONE") != "" {
		return true
	}
	cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$")
	cmd.Env = append(os.Environ(), "SAEDB_ALONE=1")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	return false
}

// TestCloseLeavesNoGoroutine of a database that everything was done to, and of one that readers and writers left in the middle.
func TestCloseLeavesNoGoroutine(t *testing.T) {
	if !alone(t) {
		return
	}
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
