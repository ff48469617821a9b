//go:build linux && (amd64 || arm64) && !nogpu

package cuda

import (
	"errors"
	"math"
	"path/filepath"
	"strings"
	"testing"

	"github.com/saedb/saedb/internal/cudadrv/fake"
	"github.com/saedb/saedb/sae/train"
)

func inf() float64 { return math.Inf(1) }

// life is the shortest run with everything in it: what can go wrong, can go wrong here.
func life(o Options) (err error) {
	cfg, data := livingRun(o)
	m, err := train.Init(cfg, data)
	if err != nil {
		return err
	}
	b, err := New(cfg, m, o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.Close(), b.Close()) }()
	state, err := b.State()
	if err != nil {
		return err
	}
	run := b.(train.Runner)
	if err := run.Begin(data); err != nil {
		return err
	}
	revived := 0
	for range 3 {
		some, err := run.Steps(2)
		if err != nil {
			return err
		}
		for _, res := range some {
			revived += res.Revived
		}
	}
	if revived == 0 {
		return errors.New("nothing was revived")
	}
	if _, err := b.Step(m.Standardise(nil, data.X[:3*6]), cfg.LR); err != nil { // another size of batch
		return err
	}
	if err := b.Restore(state); err != nil {
		return err
	}
	_, err = b.Model()
	return err
}

// livingRun is what life trains: three steps an epoch. Codes are matrices; or, where float32 is asked for by its name, lists, with all that only those have.
func livingRun(o Options) (train.Config, train.Rows) {
	cfg := small()
	cfg.UnitDecoder, cfg.Standardise, cfg.InputNorm, cfg.Noise = true, true, 0, 0.1
	cfg.Latents, cfg.K, cfg.Batch, cfg.Revive, cfg.Epochs = 6, 1, 8, 0.3, 8
	if o.Precision == F32 {
		cfg.Clip, cfg.CosinePenalty = 0.1, 1
		cfg.AuxK, cfg.AuxWeight, cfg.Variant, cfg.Prefixes = 3, 0.5, "batchtopk", []int{3, 6}
	}
	return cfg, clusters(5, 24, 6)
}

// lives has f see each way of life: the rows stay on the device, or they stream, or codes are lists.
func lives(t *testing.T, f func(t *testing.T, d *fake.Driver, o Options)) {
	d, o := pretend(t)
	cfg, data := livingRun(o)
	for name, device := range map[string]fake.Device{"stay": fake.Usual, "stream": cramped(t, cfg, data.Len(), data.D, 1), "lists": fake.Usual} {
		t.Run(name, func(t *testing.T) {
			d.Be(device)
			o := o
			if name == "lists" {
				o.Precision = F32
			}
			f(t, d, o)
		})
	}
}

func TestEveryCallCanFail(t *testing.T) { lives(t, everyCallCanFail) }

func everyCallCanFail(t *testing.T, f *fake.Driver, o Options) {
	before := f.Calls()
	if err := life(o); err != nil {
		t.Fatal(err)
	}
	calls := f.Calls() - before
	for n := 1; n <= calls; n++ {
		f.Fail("*", n, 719)
		err := life(o)
		f.Fail("*", 0, 0)
		if err == nil || !strings.Contains(err.Error(), "CUDA_ERROR_LAUNCH_FAILED (719): unspecified launch failure") {
			t.Errorf("call %d of %d failed, and what is said is: %v", n, calls, err)
		}
		if left := f.Left(); left != 0 {
			t.Fatalf("call %d of %d failed: %d things were not given back", n, calls, left)
		}
	}
	if calls < 200 {
		t.Errorf("only %d calls were tried", calls)
	}
}

func TestEveryAllocationCanFail(t *testing.T) { lives(t, everyAllocationCanFail) }

func everyAllocationCanFail(t *testing.T, f *fake.Driver, o Options) {
	n := 1
	for ; ; n++ {
		f.FailAllocation(n)
		err := life(o)
		f.FailAllocation(0)
		if err == nil {
			break
		}
		if !errors.Is(err, ErrMemory) || !strings.Contains(err.Error(), "memory: cuMem") || !strings.Contains(err.Error(), "CUDA_ERROR_OUT_OF_MEMORY (2): out of memory") {
			t.Errorf("allocation %d failed, and what is said is: %v", n, err)
		}
		if left := f.Left(); left != 0 {
			t.Fatalf("allocation %d failed: %d things were not given back", n, left)
		}
	}
	if n < 40 {
		t.Errorf("only %d allocations were tried", n)
	}
}

func TestWhatIsMissingIsSaid(t *testing.T) {
	f, o := pretend(t)
	cfg := small()
	data := clusters(1, 50, 12)
	m, err := train.Init(cfg, data)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		device fake.Device
		kind   error
		says   string
	}{
		{fake.Device{Count: 0, Major: 8, Version: 12040, Memory: 1 << 30}, ErrAbsent, "no CUDA-capable device is detected"},
		{fake.Device{Count: 1, Major: 8, Version: 11080, Memory: 1 << 30}, ErrOld, "it knows CUDA 11.8, they need 12.0, which is driver R525 or later"},
		{fake.Device{Count: 1, Major: 7, Minor: 5, Version: 12040, Memory: 1 << 30}, ErrOld, "Fake Device has compute capability 7.5, they need 8.0"},
		{fake.Device{Count: 1, Major: 8, Version: 12040, Memory: 60 << 10}, ErrMemory, "150 latents of width 12 and batches of 37 rows need"},
	} {
		f.Be(c.device)
		if _, err := New(cfg, m, o); !errors.Is(err, c.kind) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%+v: %v; it should say %q", c.device, err, c.says)
		}
	}
	f.Be(fake.Usual)
	if _, err := New(cfg, m, Options{Driver: o.Driver, Device: 1}); !errors.Is(err, ErrAbsent) || !strings.Contains(err.Error(), "no device 1 among 1") {
		t.Errorf("device 1: %v", err)
	}
	if _, err := New(cfg, m, Options{Driver: filepath.Join(t.TempDir(), "libcuda.so.1")}); !errors.Is(err, ErrAbsent) {
		t.Errorf("no driver: %v", err)
	}
}

// TestMostThatFits takes the number of latents that the error says.
func TestMostThatFits(t *testing.T) {
	s := shape{n: 64, m: 10000, d: 100, k: 8}
	err := s.fits(20 << 20)
	if !errors.Is(err, ErrMemory) {
		t.Fatal(err)
	}
	for s.m = 1; s.bytes() <= 20<<20; s.m++ {
	}
	s.m--
	if want := " free; " + dims(s.m)[1:len(dims(s.m))-1] + " latents fit, or a smaller batch"; !strings.Contains(err.Error(), want) {
		t.Errorf("%v; it should say %q", err, want)
	}
	s.k = s.m + 1
	s.m = 10000
	if err := s.fits(20 << 20); !strings.Contains(err.Error(), "fewer than k") {
		t.Error(err)
	}
	if err := s.fits(1 << 10); !strings.Contains(err.Error(), "not even one latent fits") {
		t.Error(err)
	}
}

func TestWhatIsNotTrainedIsRefused(t *testing.T) {
	large := small()
	large.Batch = maxBatch + 1
	for word, err := range map[string]error{"too wide": Supports(small(), maxWidth+1), "too large": Supports(large, maxWidth)} {
		if err == nil || !strings.Contains(err.Error(), word) {
			t.Errorf("%q: %v", word, err)
		}
	}
	for name, cfg := range variants() {
		if err := Supports(cfg, maxWidth); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	large.Batch = maxBatch
	if err := Supports(large, maxWidth); err != nil {
		t.Error(err)
	}
	_, o := pretend(t)
	cfg := small()
	m, err := train.Init(cfg, clusters(1, 50, 12))
	if err != nil {
		t.Fatal(err)
	}
	cfg.K--
	if _, err := New(cfg, m, o); err == nil || !strings.Contains(err.Error(), "k 7, the configuration 150 and 6") {
		t.Errorf("a model of another k: %v", err)
	}
	o.Precision = "f16"
	if _, err := New(small(), m, o); err == nil || !strings.Contains(err.Error(), `no precision "f16"`) {
		t.Errorf("a precision that there is not: %v", err)
	}
}

// TestLossThatIsNoNumber leaves the model as it was, and the backend in use.
func TestLossThatIsNoNumber(t *testing.T) {
	_, o := pretend(t)
	cfg := small()
	data, m, b := begin(t, cfg, o)
	good := m.Standardise(nil, data.X[:37*40])
	if _, err := b.Step(good, cfg.LR); err != nil {
		t.Fatal(err)
	}
	before := digest(t, b)
	bad := append([]float32{}, good...)
	bad[5*40+3] = float32(math.NaN())
	_, err := b.Step(bad, cfg.LR)
	row, ok := errors.AsType[*train.RowError](err)
	if !errors.Is(err, train.ErrLoss) || !ok || row.Row != 5 || row.Column != 3 {
		t.Errorf("a row with NaN: %v", err)
	}
	bad[5*40+3] = float32(math.Inf(-1))
	if _, err := b.Step(bad, cfg.LR); !errors.Is(err, train.ErrLoss) {
		t.Errorf("a row with -Inf: %v", err)
	}
	if digest(t, b) != before {
		t.Error("the model has changed")
	}
	if _, err := b.Step(good, cfg.LR); err != nil {
		t.Errorf("the step after: %v", err)
	}
	for _, wrong := range [][]float32{nil, good[:39], good[:41]} {
		if _, err := b.Step(wrong, cfg.LR); err == nil {
			t.Errorf("a batch of %d numbers passes", len(wrong))
		}
	}
}

func digest(t *testing.T, b train.Backend) [32]byte {
	t.Helper()
	m, err := b.Model()
	if err != nil {
		t.Fatal(err)
	}
	return m.Digest()
}

// TestDeviceLost says which step was the last good one, and does nothing more.
func TestDeviceLost(t *testing.T) {
	f, o := pretend(t)
	cfg := small()
	data, m, b := begin(t, cfg, o)
	x := m.Standardise(nil, data.X[:37*40])
	for range 2 {
		if _, err := b.Step(x, cfg.LR); err != nil {
			t.Fatal(err)
		}
	}
	f.Fail("cuGraphLaunch", 1, 700)
	for range 2 {
		if _, err := b.Step(x, cfg.LR); err == nil || !strings.Contains(err.Error(), "step 3: cuGraphLaunch: CUDA_ERROR_ILLEGAL_ADDRESS (700)") || !strings.Contains(err.Error(), "step 2 was the last good one") {
			t.Errorf("a lost device: %v", err)
		}
	}
	if _, err := b.State(); err == nil {
		t.Error("there is a checkpoint of a lost device")
	}
	if _, err := b.Model(); err == nil {
		t.Error("there is a model of a lost device")
	}
}
