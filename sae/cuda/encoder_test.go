//go:build linux && (amd64 || arm64) && !nogpu

package cuda

import (
	"errors"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/saedb/saedb/internal/cudadrv/fake"
	"github.com/saedb/saedb/sae"
	"github.com/saedb/saedb/sae/train"
)

// encodedModels are one of each kind: k, a threshold and a k that only bounds the code, neither.
func encodedModels(t *testing.T) (map[string]*sae.Model, train.Rows) {
	t.Helper()
	cfg := small()
	cfg.UnitDecoder, cfg.Standardise, cfg.InputNorm = true, true, 0
	data := clusters(2, 150, 40)
	topK, err := train.Init(cfg, data)
	if err != nil {
		t.Fatal(err)
	}
	for l := range topK.Benc {
		topK.Benc[l] = float32(l%5) / 9
	}
	copy(topK.Wenc[40:80], topK.Wenc[:40]) // two latents that tie
	topK.Benc[1] = topK.Benc[0]
	threshold, all := topK.Clone(), topK.Clone()
	threshold.K, threshold.Threshold = 56, 1.5
	all.K = all.M
	return map[string]*sae.Model{"topk": topK, "threshold": threshold, "relu": all}, data
}

// TestEncoderIsEncode compares codes with those of the CPU, where the rows fit at once and where they do not.
func TestEncoderIsEncode(t *testing.T) {
	f, o := pretend(t)
	models, data := encodedModels(t)
	for name, m := range models {
		for _, n := range []int{mostEncoded, 64} {
			v := fake.Usual
			if n < mostEncoded {
				v.Memory = uint64(encodedAt(m, n).bytesOfEncoding()*16/15 + 16)
			}
			f.Be(v)
			e, err := NewEncoder(m, o)
			if err != nil {
				t.Fatal(err)
			}
			if e.shape.n != n {
				t.Fatalf("%s: %d rows at once, it should be %d", name, e.shape.n, n)
			}
			codes := []sae.Code{{Latents: []uint32{9, 9}, Acts: []float32{1, 1}}}
			for range 2 { // the second time into the slices of the first
				if codes, err = e.EncodeBatch(codes, data.X, 1); err != nil {
					t.Fatal(err)
				}
				for i, c := range codes {
					want := m.Encode(sae.Code{}, data.Row(i))
					same := slices.Equal(c.Latents, want.Latents) && slices.Equal(c.Acts, want.Acts)
					if fused(t) && !same || !alike(c, want) {
						t.Fatalf("%s: the code of row %d is %v, on the CPU %v", name, i, c, want)
					}
				}
			}
			row := slices.Clone(data.Row(0))
			row[3] = float32(math.NaN())
			if codes, err = e.EncodeBatch(codes, row, 1); err != nil || len(codes) != 1 || codes[0].Len() != 0 {
				t.Errorf("%s: a row that is not finite has the code %v, %v", name, codes, err)
			}
			if codes, err := e.EncodeBatch(codes, nil, 1); err != nil || len(codes) != 0 {
				t.Errorf("no rows give %v, %v", codes, err)
			}
			if _, err := e.EncodeBatch(codes, row[:39], 1); err == nil {
				t.Error("39 numbers pass for rows")
			}
			if f.Damaged() {
				t.Error("something was written behind a buffer")
			}
			if err := errors.Join(e.Close(), e.Close()); err != nil {
				t.Fatal(err)
			}
			if _, err := e.EncodeBatch(nil, row, 1); err == nil {
				t.Error("a closed encoder encodes")
			}
		}
	}
	f.Be(fake.Usual)
	if err := SelfTestEncode(o); err != nil {
		t.Error(err)
	}
}

// encodeTwice is the life of an encoder.
func encodeTwice(m *sae.Model, x []float32, o Options) (err error) {
	e, err := NewEncoder(m, o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, e.Close()) }()
	var codes []sae.Code
	for range 2 {
		if codes, err = e.EncodeBatch(codes, x, 1); err != nil {
			return err
		}
	}
	return nil
}

// TestEncoderFailsCleanly has every call and every allocation of an encoder fail.
func TestEncoderFailsCleanly(t *testing.T) {
	f, o := pretend(t)
	models, data := encodedModels(t)
	m, x := models["topk"], data.X[:2*40]
	before := f.Calls()
	if err := encodeTwice(m, x, o); err != nil {
		t.Fatal(err)
	}
	calls := f.Calls() - before
	for n := 1; n <= calls; n++ {
		f.Fail("*", n, 719)
		err := encodeTwice(m, x, o)
		f.Fail("*", 0, 0)
		if err == nil || !strings.Contains(err.Error(), "CUDA_ERROR_LAUNCH_FAILED (719): unspecified launch failure") || f.Left() != 0 {
			t.Fatalf("call %d of %d failed, %d things are left, and what is said is: %v", n, calls, f.Left(), err)
		}
	}
	for n := 1; n <= len(encodeSlots); n++ {
		f.FailAllocation(n)
		err := encodeTwice(m, x, o)
		f.FailAllocation(0)
		if !errors.Is(err, ErrMemory) || f.Left() != 0 {
			t.Fatalf("allocation %d failed, %d things are left, and what is said is: %v", n, f.Left(), err)
		}
	}
	if calls < 50 {
		t.Errorf("only %d calls were tried", calls)
	}
}

// TestEncoderSaysWhatIsMissing is TestWhatIsMissingIsSaid, and a device that is lost in the middle, for encoding.
func TestEncoderSaysWhatIsMissing(t *testing.T) {
	f, o := pretend(t)
	models, data := encodedModels(t)
	m := models["topk"]
	for _, c := range []struct {
		device fake.Device
		kind   error
		says   string
	}{
		{fake.Device{Count: 0, Major: 8, Version: 12040, Memory: 1 << 30}, ErrAbsent, "no CUDA-capable device is detected"},
		{fake.Device{Count: 1, Major: 8, Version: 11080, Memory: 1 << 30}, ErrOld, "it knows CUDA 11.8, they need 12.0"},
		{fake.Device{Count: 1, Major: 7, Minor: 5, Version: 12040, Memory: 1 << 30}, ErrOld, "compute capability 7.5, they need 8.0"},
		{fake.Device{Count: 1, Major: 8, Version: 12040, Memory: 20 << 10}, ErrMemory, "encoding with 150 latents of width 40 needs"},
	} {
		f.Be(c.device)
		if _, err := NewEncoder(m, o); !errors.Is(err, c.kind) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%+v: %v; it should say %q", c.device, err, c.says)
		}
	}
	f.Be(fake.Usual)
	if _, err := NewEncoder(m, Options{Driver: filepath.Join(t.TempDir(), "libcuda.so.1")}); !errors.Is(err, ErrAbsent) {
		t.Errorf("no driver: %v", err)
	}
	if _, err := NewEncoder(&sae.Model{}, o); !errors.Is(err, sae.ErrModel) {
		t.Errorf("no model: %v", err)
	}
	e, err := NewEncoder(m, o)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := e.EncodeBatch(nil, data.X[:80], 1); err != nil {
		t.Fatal(err)
	}
	f.Fail("cuMemcpyDtoH", 1, 700)
	for range 2 {
		if _, err := e.EncodeBatch(nil, data.X[:80], 1); err == nil || !strings.Contains(err.Error(), "cuda: encode: cuMemcpyDtoH: CUDA_ERROR_ILLEGAL_ADDRESS (700)") {
			t.Errorf("a lost device: %v", err)
		}
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
}
