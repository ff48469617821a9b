package querytest

import (
	"slices"
	"testing"
	"time"
)

// Overhead runs the bare call of an index and the whole query in turn and reports their median times, and how many times as long the query takes: what
// other work on the machine takes away falls on both.
func Overhead(b *testing.B, bare, whole func()) {
	b.Helper()
	var times [2][]time.Duration
	for b.Loop() {
		for i, call := range []func(){bare, whole} {
			begun := time.Now()
			call()
			times[i] = append(times[i], time.Since(begun))
		}
	}
	var median [2]float64
	for i, t := range times {
		slices.Sort(t)
		median[i] = float64(t[len(t)/2].Nanoseconds())
	}
	b.ReportMetric(median[0]/1e3, "index-us")
	b.ReportMetric(median[1]/1e3, "query-us")
	b.ReportMetric(median[1]/median[0], "times")
}
