package vec

import (
	"sync"
	"sync/atomic"
)

// Parallel cuts [0,n) into runs of grain and calls f for each, on up to threads
// goroutines; it returns when all are done. worker is below threads and tells f which
// scratch space is its own. Which worker gets which run is not determined, so f must
// compute the same for a run whoever takes it. Idle goroutines end, they do not spin.
func Parallel(threads, n, grain int, f func(worker, lo, hi int)) {
	grain = max(grain, 1)
	runs := (n + grain - 1) / grain
	threads = min(threads, runs)
	if threads <= 1 {
		for lo := 0; lo < n; lo += grain {
			f(0, lo, min(lo+grain, n))
		}
		return
	}
	var next atomic.Int64
	var wg sync.WaitGroup
	work := func(worker int) {
		for {
			r := int(next.Add(1)) - 1
			if r >= runs {
				return
			}
			f(worker, r*grain, min((r+1)*grain, n))
		}
	}
	for w := 1; w < threads; w++ {
		wg.Go(func() { work(w) })
	}
	work(0)
	wg.Wait()
}
