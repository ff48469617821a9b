package main

import "time"

var started = time.Now()

// cpuTime is the time by the clock: good enough where the processor's is not at hand.
func cpuTime() time.Duration { return time.Since(started) }
