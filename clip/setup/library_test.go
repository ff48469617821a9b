package setup

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// fakeLibrary is a file with the head of a library for a system, and the name of ONNX Runtime's entry point in it. It cannot be loaded.
func fakeLibrary(t testing.TB, goos, goarch string) []byte {
	t.Helper()
	arm := goarch == "arm64"
	var b bytes.Buffer
	put := func(v any) {
		if err := binary.Write(&b, binary.LittleEndian, v); err != nil {
			t.Fatal(err)
		}
	}
	switch goos {
	case "windows":
		head := make([]byte, 0x40)
		copy(head, "MZ")
		head[0x3c] = 0x40
		b.Write(head)
		b.WriteString("PE\x00\x00")
		machine := uint16(0x8664)
		if arm {
			machine = 0xaa64
		}
		put(machine)
		b.Write(make([]byte, 18)) // no sections, no symbols, no optional header
		b.Write([]byte{0xbd, 0x04, 0xef, 0xfe})
		put([]uint32{0x10000, 1<<16 | 27, 20260101})
	case "darwin":
		cpu := uint32(0x01000007)
		if arm {
			cpu = 0x0100000c
		}
		put([]uint32{0xfeedfacf, cpu, 0, 6, 1, 48, 0, 0})
		put([]uint32{0xd, 48, 24, 0, 1<<16 | 27<<8, 0})
		b.WriteString("@rpath/libonnxruntime.x\x00")
	default:
		machine := elf.EM_X86_64
		if arm {
			machine = elf.EM_AARCH64
		}
		put(elf.Header64{
			Ident: [16]byte{0x7f, 'E', 'L', 'F', byte(elf.ELFCLASS64), byte(elf.ELFDATA2LSB), byte(elf.EV_CURRENT)},
			Type:  uint16(elf.ET_DYN), Machine: uint16(machine), Version: uint32(elf.EV_CURRENT), Ehsize: 64, Phoff: 64, Phentsize: 56, Phnum: 1, Shentsize: 64,
		})
		put(elf.Prog64{Type: uint32(elf.PT_LOAD), Filesz: 64 + 56 + 1000})
	}
	b.Write(make([]byte, 1000-len(entryPoint)))
	b.WriteString(entryPoint)
	return b.Bytes()
}

func otherArch() string {
	if runtime.GOARCH == "arm64" {
		return "amd64"
	}
	return "arm64"
}

func writeTemp(t testing.TB, name string, data []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o777), os.WriteFile(path, data, 0o666)); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestReadLibraryOfEverySystem(t *testing.T) {
	for _, c := range []struct{ goos, goarch, name, want string }{
		{"linux", "amd64", "libonnxruntime.so.1.27.0", "ONNX Runtime 1.27.0 for linux/amd64"},
		{"linux", "arm64", "libonnxruntime.so", "ONNX Runtime of unknown version for linux/arm64"},
		{"darwin", "arm64", "libonnxruntime.dylib", "ONNX Runtime 1.27.0 for darwin/arm64"},
		{"darwin", "amd64", "libonnxruntime.dylib", "ONNX Runtime 1.27.0 for darwin/amd64"},
		{"windows", "amd64", "onnxruntime.dll", "ONNX Runtime 1.27 for windows/amd64"},
		{"windows", "arm64", "onnxruntime.dll", "ONNX Runtime 1.27 for windows/arm64"},
	} {
		l, err := ReadLibrary(writeTemp(t, c.name, fakeLibrary(t, c.goos, c.goarch)))
		if err != nil || l.String() != c.want {
			t.Errorf("%s for %s/%s: %v, %v; want %s", c.name, c.goos, c.goarch, l, err, c.want)
		}
	}
}

func TestReadLibraryRefuses(t *testing.T) {
	whole := fakeLibrary(t, "linux", "amd64")
	for name, c := range map[string]struct {
		data []byte
		says string
	}{
		"a text":            {[]byte("<html>not found</html>"), "it is no library"},
		"nothing":           {nil, "it is no library"},
		"half of a library": {whole[:700], "cut short"},
		"its first bytes":   {whole[:20], "damaged or cut short"},
		"another library":   {bytes.ReplaceAll(whole, []byte(entryPoint), []byte("SomeOtherName")), "but not ONNX Runtime"},
	} {
		if _, err := ReadLibrary(writeTemp(t, "libonnxruntime.so", c.data)); !errors.Is(err, ErrLibrary) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want %q", name, err, c.says)
		}
	}
}

func TestLibraryMustFit(t *testing.T) {
	for name, c := range map[string]struct {
		l    Library
		says string
	}{
		"another machine": {Library{Version: "1.27.0", OS: runtime.GOOS, Archs: []string{otherArch()}}, "this machine is " + runtime.GOOS + "/" + runtime.GOARCH},
		"another system":  {Library{Version: "1.27.0", OS: "plan9", Archs: []string{runtime.GOARCH}}, "this machine is"},
		"too old":         {Library{Version: "1.9.3", OS: runtime.GOOS, Archs: []string{runtime.GOARCH}}, "it is ONNX Runtime 1.9.3, this program needs 1.24 or newer"},
	} {
		if err := c.l.fits(); !errors.Is(err, ErrLibrary) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want %q", name, err, c.says)
		}
	}
	for _, version := range []string{"1.24.0", "1.100.1", "2.0.0", ""} {
		if err := (Library{Version: version, OS: runtime.GOOS, Archs: []string{otherArch(), runtime.GOARCH}}).fits(); err != nil {
			t.Errorf("%q: %v", version, err)
		}
	}
}
