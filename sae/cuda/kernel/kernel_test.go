package kernel

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// TestPTXIsOfTheSources needs no compiler: the PTX says of which sources it was made.
func TestPTXIsOfTheSources(t *testing.T) {
	sources, err := filepath.Glob("*.cu")
	if err != nil || len(sources) != len(Names) {
		t.Fatalf("there are the sources %v and the kernels %v, %v", sources, Names, err)
	}
	heads, err := filepath.Glob("*.h")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range Names {
		sum := sha256.New()
		for _, file := range append([]string{name + ".cu"}, heads...) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			sum.Write(text)
		}
		ptx, err := PTX(name)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Contains(ptx[:min(len(ptx), 600)], fmt.Appendf(nil, ": %x\n", sum.Sum(nil))) {
			t.Errorf("%s.ptx was made of other sources: bash sae/cuda/kernel/build.sh makes it anew", name)
		}
		if !bytes.Contains(ptx, []byte("\n.version 8.0\n.target sm_80\n")) || !bytes.Contains(ptx, []byte(".entry "+name+"(")) {
			t.Errorf("%s.ptx is not for sm_80, or does not have the kernel", name)
		}
	}
	if _, err := PTX("other"); err == nil {
		t.Error("there is PTX of a kernel that there is not")
	}
}

// TestUnproved reads lists as verify writes them.
func TestUnproved(t *testing.T) {
	list := "# a list\n"
	for _, name := range Names[1:] {
		text, err := PTX(name)
		if err != nil {
			t.Fatal(err)
		}
		list += fmt.Sprintf("    %x  %s.ptx  Some Device, CUDA 12.4\n", sha256.Sum256(text), name)
	}
	if left := unproved(list); len(left) != 1 || left[0] != Names[0] {
		t.Errorf("%v are not proved, it should be %s", left, Names[0])
	}
	if left := unproved(""); len(left) != len(Names) {
		t.Errorf("an empty list proves all but %v", left)
	}
}
