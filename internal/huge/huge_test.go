package huge

import "testing"

func TestMakeIsZero(t *testing.T) {
	for _, n := range []int{0, 1, 1000, least, 3*least + 5} {
		s := Make[int8](n)
		if len(s) != n {
			t.Fatalf("%d values, want %d", len(s), n)
		}
		for i, v := range s {
			if v != 0 {
				t.Fatalf("value %d of %d is %d", i, n, v)
			}
		}
	}
}

func TestAppendKeepsWhatWasThere(t *testing.T) {
	var s []float32
	for i := range 1_300_000 { // more than two large pages
		s = Append(s, float32(i), float32(-i))
	}
	for i := range 1_300_000 {
		if s[2*i] != float32(i) || s[2*i+1] != float32(-i) {
			t.Fatalf("pair %d is %g, %g", i, s[2*i], s[2*i+1])
		}
	}
}
