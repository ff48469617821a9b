package db_test

import (
	"os"
	"os/exec"
	"testing"

	"go.uber.org/goleak"

	"github.com/saedb/saedb/db"
	"github.com/saedb/saedb/internal/dbtest"
)

// TestCloseLeavesNoGoroutine of a database that everything was done to, and of one that readers and writers left in the middle. A
// failed database does leave some, which internal/kv explains: other tests make such ones, so this one runs in a process of its own.
func TestCloseLeavesNoGoroutine(t *testing.T) {
	if os.Getenv("SAEDB_ALONE") == "" {
		cmd := exec.Command(os.Args[0], "-test.run=^TestCloseLeavesNoGoroutine$")
		cmd.Env = append(os.Environ(), "SAEDB_ALONE=1")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%v\n%s", err, out)
		}
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
