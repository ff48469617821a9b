package vec

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// TestOlderProcessorsComputeInGo starts this test again as if the processor lacked an instruction set.
func TestOlderProcessorsComputeInGo(t *testing.T) {
	const again = "SAEDB_TEST_PATH"
	if os.Getenv(again) != "" {
		path, err := Path()
		t.Logf("path %s, error %v, %d paths", path, err, len(available()))
		x := []float32{1, 2, 3, 4}
		dst := make([]float32, 1)
		Product(dst, x, x, 4)
		if dst[0] != 30 {
			t.Errorf("1+4+9+16 is %v", dst[0])
		}
		return
	}
	for _, c := range []struct{ debug, forced, want string }{
		{"cpu.avx2=off", "", "path go, error <nil>, 1 paths"},
		{"cpu.fma=off", "", "path go, error <nil>, 1 paths"},
		{"cpu.avx2=off", "avx2", "path go, error SAEDB_KERNELS=avx2: this processor has the paths go; unset it to take the best, 1 paths"},
	} {
		cmd := exec.Command(os.Args[0], "-test.run=^TestOlderProcessorsComputeInGo$", "-test.v")
		cmd.Env = append(os.Environ(), again+"=1", "GODEBUG="+c.debug, kernelEnv+"="+c.forced)
		out, err := cmd.CombinedOutput()
		if err != nil || !strings.Contains(string(out), c.want) {
			t.Errorf("GODEBUG=%s %s=%s: %v, want %q:\n%s", c.debug, kernelEnv, c.forced, err, c.want, out)
		}
	}
}
