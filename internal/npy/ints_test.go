package npy

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestReadInts(t *testing.T) {
	for _, c := range []struct{ dict, body, want string }{
		{"{'descr': '<i4', 'fortran_order': False, 'shape': (2, 2), }", "\x01\x00\x00\x00\xff\xff\xff\xff\x00\x00\x00\x01\x02\x00\x00\x00", "[[1 -1] [16777216 2]]"},
		{"{'descr': '<i8', 'fortran_order': False, 'shape': (1,), }", "\x05\x00\x00\x00\x01\x00\x00\x00", "[[4294967301]]"},
		{"{'descr': '<f4', 'fortran_order': False, 'shape': (1,), }", "\x00\x00\x00\x00", "not int32 or int64"},
		{"{'descr': '<i4', 'fortran_order': False, 'shape': (2,), }", "\x00\x00\x00\x00", "truncated"},
		{"{'descr': '<i4', 'fortran_order': True, 'shape': (2,2), }", strings.Repeat("\x00", 16), "Fortran"},
	} {
		path := filepath.Join(t.TempDir(), "x.npy")
		if err := os.WriteFile(path, file(c.dict, []byte(c.body)), 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := ReadIntsFile(path)
		if s := fmt.Sprint(got, err); !strings.Contains(s, c.want) {
			t.Errorf("%s: %s, want %s", c.dict, s, c.want)
		}
	}
}
