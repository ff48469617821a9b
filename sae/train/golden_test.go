package train

import (
	"bytes"
	"os"
	"testing"

	"github.com/saedb/saedb/internal/safetensors"
)

// openGolden reads the parity file, ten steps of PyTorch's AdamW.
func openGolden(t *testing.T) *safetensors.File {
	t.Helper()
	raw, err := os.ReadFile("testdata/topk_d64_m256_k8_b32_s10.safetensors")
	if err != nil {
		t.Fatal(err)
	}
	f, err := safetensors.Read(bytes.NewReader(raw), int64(len(raw)))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestStepAgreesWithPyTorch(t *testing.T) {
	f := openGolden(t)
	for threads := 1; threads <= 3; threads++ {
		rep, err := Golden(f, threads)
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("threads %d: losses within %.2g, weights within %.2g", threads, rep.MaxRelLoss, rep.MaxAbsFinal)
		if rep.MaxRelLoss > 1e-6 {
			t.Errorf("threads %d: a loss is off by %g relative, 1e-6 allowed", threads, rep.MaxRelLoss)
		}
		if rep.MaxAbsFinal > 4e-6 {
			t.Errorf("threads %d: a weight is off by %g, 4e-6 allowed", threads, rep.MaxAbsFinal)
		}
	}
}
