package kv

import (
	"sync"

	"github.com/cockroachdb/pebble/v2"
)

// scheduler lets Pebble compact as much at once as Pebble itself thinks right, and nothing once the store has failed. Pebble's own would have
// a compaction that meets a damaged table try again at once, without end.
//
// Pebble calls it with locks held that it takes itself when it is called, so it calls Pebble without its own, and never in a call of
// TrySchedule and UpdateGetAllowedWithoutPermission. It is the pebble.CompactionGrantHandle of every compaction too.
type scheduler struct {
	failed <-chan struct{}
	db     pebble.DBForCompaction // set by Register, before all other calls

	mu       sync.Mutex
	running  int        // compactions
	granting bool       // a goroutine calls db
	again    bool       // it shall look again: there may be room
	ended    bool       // set by Unregister: nothing starts
	still    *sync.Cond // on mu: granting became false
}

func newScheduler(failed <-chan struct{}) *scheduler {
	s := &scheduler{failed: failed}
	s.still = sync.NewCond(&s.mu)
	return s
}

// Register tells the database.
func (s *scheduler) Register(_ int, db pebble.DBForCompaction) { s.db = db }

// Unregister returns when the database is called no more.
func (s *scheduler) Unregister() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = true
	for s.granting {
		s.still.Wait()
	}
}

// room reports whether one more compaction may run. mu is held.
func (s *scheduler) room() bool {
	select {
	case <-s.failed:
		return false
	default:
		return !s.ended && s.running < s.db.GetAllowedWithoutPermission()
	}
}

// TrySchedule says whether a compaction may run now. One that may not waits, and is remembered by Pebble, until Schedule is called: that it
// may not says that others run, the end of which is where to look for it, or that nothing will run any more.
func (s *scheduler) TrySchedule() (bool, pebble.CompactionGrantHandle) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.room() {
		return false, nil
	}
	s.running++
	return true, s
}

// UpdateGetAllowedWithoutPermission says that there may be more room than before.
func (s *scheduler) UpdateGetAllowedWithoutPermission() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.wake()
}

// Done ends a compaction.
func (s *scheduler) Done() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.running--
	s.wake()
}

// wake has what waits started as far as there is room. mu is held.
func (s *scheduler) wake() {
	s.again = true
	if !s.granting && !s.ended {
		s.granting = true
		go s.grant()
	}
}

func (s *scheduler) grant() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.again && !s.ended {
		s.again = false
		for s.room() { // taken only once it is used: it must not keep out, for nothing, one that is tried meanwhile
			s.mu.Unlock()
			waits, _ := s.db.GetWaitingCompaction()
			started := waits && s.db.Schedule(s)
			s.mu.Lock()
			if !started {
				break
			}
			s.running++
		}
	}
	s.granting = false
	s.still.Broadcast()
}

// What a compaction tells of itself is of no concern.

func (s *scheduler) Started()                                          {}
func (s *scheduler) MeasureCPU(pebble.CompactionGoroutineKind)         {}
func (s *scheduler) CumulativeStats(pebble.CompactionGrantHandleStats) {}
