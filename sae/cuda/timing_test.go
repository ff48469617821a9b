//go:build linux && (amd64 || arm64) && !nogpu

package cuda

import (
	"slices"
	"strings"
	"testing"

	"github.com/saedb/saedb/internal/cudadrv/fake"
	"github.com/saedb/saedb/sae/train"
)

// TestTime measures all epochs but the first, and trains as any run does. What the figures are is the device's business.
func TestTime(t *testing.T) {
	f, o := pretend(t)
	cfg := small()
	cfg.Latents, cfg.K, cfg.Batch = 20, 2, 8
	data := clusters(5, 24, 6)
	init, err := train.Init(cfg, data)
	if err != nil {
		t.Fatal(err)
	}
	got, err := Time(cfg, init, data, o, 3)
	if err != nil {
		t.Fatal(err)
	}
	b, err := newBackend(cfg, init, o)
	if err != nil {
		t.Fatal(err)
	}
	losses, _ := whole(t, cfg, data, b)
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	if len(got.MS) != 2 || slices.Min(got.MS) <= 0 || !slices.Equal(got.Losses, losses) || got.Stream {
		t.Errorf("%+v; the losses should be %v", got, losses)
	}
	for _, call := range []string{"cuEventCreate", "cuEventRecord", "cuEventSynchronize", "cuEventElapsedTime", "cuEventDestroy"} {
		f.Fail(call, 2, 719)
		if _, err := Time(cfg, init, data, o, 3); err == nil || !strings.Contains(err.Error(), call) {
			t.Errorf("%s failed, and what is said is: %v", call, err)
		}
		f.Fail(call, 0, 0)
		if n := f.Left(); n != 0 {
			t.Fatalf("%s failed: %d things were not given back", call, n)
		}
	}
}

// TestMemoryIsLimited uses no more of the device than it may.
func TestMemoryIsLimited(t *testing.T) {
	_, o := pretend(t)
	cfg, data := livingRun(o)
	init, err := train.Init(cfg, data)
	if err != nil {
		t.Fatal(err)
	}
	o.Memory = int64(cramped(t, cfg, data.Len(), data.D, 1).Memory)
	b, err := newBackend(cfg, init, o)
	if err != nil {
		t.Fatal(err)
	}
	if b.feed.resident || b.shape.bytes() > o.Memory {
		t.Errorf("%d bytes are used of %d", b.shape.bytes(), o.Memory)
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	if fake.Usual.Memory <= uint64(o.Memory) {
		t.Error("the limit is none")
	}
}
