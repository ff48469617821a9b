package setup

import (
	"bytes"
	"cmp"
	"debug/elf"
	"debug/macho"
	"debug/pe"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"github.com/saedb/saedb/clip"
)

// Library is what a file of ONNX Runtime says about itself.
type Library struct {
	Version string   // empty: it does not say
	OS      string   // as in GOOS
	Archs   []string // as in GOARCH; a file for macOS may serve several
}

func (l Library) String() string {
	return fmt.Sprintf("ONNX Runtime %s for %s/%s", cmp.Or(l.Version, "of unknown version"), l.OS, strings.Join(l.Archs, "+"))
}

// entryPoint is the function that every ONNX Runtime exports.
const entryPoint = "OrtGetApiBase"

// ReadLibrary reads a library's own headers, and makes sure that the file is whole and is ONNX Runtime. It does not load
// it. Errors are ErrLibrary.
func ReadLibrary(file string) (Library, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return Library{}, fmt.Errorf("%w: %w", ErrLibrary, err)
	}
	l, err := parseLibrary(data)
	if err != nil {
		return Library{}, fmt.Errorf("%w: %s: %w", ErrLibrary, file, err)
	}
	if !bytes.Contains(data, []byte(entryPoint)) {
		return Library{}, fmt.Errorf("%w: %s is a library for %s/%s, but not ONNX Runtime: it has no %s", ErrLibrary, file, l.OS, strings.Join(l.Archs, "+"), entryPoint)
	}
	if l.Version == "" {
		l.Version = versionIn(path.Base(file))
	}
	return l, nil
}

func parseLibrary(data []byte) (l Library, err error) {
	magic := string(data[:min(len(data), 4)])
	switch {
	case magic == elf.ELFMAG:
		return parseELF(data)
	case strings.HasPrefix(magic, "MZ"):
		return parsePE(data)
	case magic == "\xcf\xfa\xed\xfe":
		return parseMachO(data)
	case magic == "\xca\xfe\xba\xbe":
		return parseFat(data)
	}
	return Library{}, errors.New("it is no library")
}

var errCut = errors.New("it is cut short")

func parseELF(data []byte) (Library, error) {
	f, err := elf.NewFile(bytes.NewReader(data))
	if err != nil {
		return Library{}, fmt.Errorf("it is damaged or cut short: %w", err)
	}
	l := Library{OS: "linux"}
	switch f.Machine {
	case elf.EM_X86_64:
		l.Archs = []string{"amd64"}
	case elf.EM_AARCH64:
		l.Archs = []string{"arm64"}
	default:
		l.Archs = []string{f.Machine.String()}
	}
	for _, p := range f.Progs {
		if p.Off+p.Filesz > uint64(len(data)) {
			return l, errCut
		}
	}
	versions, err := f.DynamicVersions()
	if err != nil {
		return l, nil // a library without versions of its symbols
	}
	for _, v := range versions {
		if strings.HasPrefix(v.Name, "VERS_") { // of all symbols: VERS_1.27.0
			l.Version = versionIn(v.Name)
		}
	}
	return l, nil
}

func parseMachO(data []byte) (Library, error) {
	f, err := macho.NewFile(bytes.NewReader(data))
	if err != nil {
		return Library{}, fmt.Errorf("it is damaged or cut short: %w", err)
	}
	l := Library{OS: "darwin", Archs: []string{machArch(f.Cpu)}}
	for _, load := range f.Loads {
		if s, ok := load.(*macho.Segment); ok && s.Offset+s.Filesz > uint64(len(data)) {
			return l, errCut
		}
		raw := load.Raw()
		const idDylib, currentVersion = 0xd, 16
		if len(raw) >= currentVersion+4 && f.ByteOrder.Uint32(raw) == idDylib {
			v := f.ByteOrder.Uint32(raw[currentVersion:])
			l.Version = fmt.Sprintf("%d.%d.%d", v>>16, v>>8&0xff, v&0xff)
		}
	}
	return l, nil
}

func parseFat(data []byte) (Library, error) {
	f, err := macho.NewFatFile(bytes.NewReader(data))
	if err != nil {
		return Library{}, fmt.Errorf("it is damaged or cut short: %w", err)
	}
	var whole Library
	for _, a := range f.Arches {
		end := uint64(a.Offset) + uint64(a.Size)
		if end > uint64(len(data)) {
			return Library{}, errCut
		}
		l, err := parseMachO(data[a.Offset:end])
		if err != nil {
			return l, err
		}
		l.Archs = append(whole.Archs, l.Archs...)
		whole = l
	}
	return whole, nil
}

func machArch(c macho.Cpu) string {
	switch c {
	case macho.CpuAmd64:
		return "amd64"
	case macho.CpuArm64:
		return "arm64"
	}
	return c.String()
}

func parsePE(data []byte) (Library, error) {
	f, err := pe.NewFile(bytes.NewReader(data))
	if err != nil {
		return Library{}, fmt.Errorf("it is damaged or cut short: %w", err)
	}
	l := Library{OS: "windows"}
	switch f.Machine {
	case pe.IMAGE_FILE_MACHINE_AMD64:
		l.Archs = []string{"amd64"}
	case pe.IMAGE_FILE_MACHINE_ARM64:
		l.Archs = []string{"arm64"}
	default:
		l.Archs = []string{fmt.Sprintf("machine %#x", f.Machine)}
	}
	for _, s := range f.Sections {
		if uint64(s.Offset)+uint64(s.Size) > uint64(len(data)) {
			return l, errCut
		}
	}
	fixed := bytes.Index(data, []byte{0xbd, 0x04, 0xef, 0xfe}) // VS_FIXEDFILEINFO
	if fixed >= 0 && fixed+16 <= len(data) {
		high := binary.LittleEndian.Uint32(data[fixed+8:])
		l.Version = fmt.Sprintf("%d.%d", high>>16, high&0xffff) // what follows is the day it was built
	}
	return l, nil
}

var versionForm = regexp.MustCompile(`\d+\.\d+\.\d+`)

func versionIn(name string) string { return versionForm.FindString(name) }

// fits returns why this program on this machine cannot use l, or nil.
func (l Library) fits() error {
	if l.OS != runtime.GOOS || !slices.Contains(l.Archs, runtime.GOARCH) {
		return fmt.Errorf("%w: it is %s, this machine is %s/%s", ErrLibrary, l, runtime.GOOS, runtime.GOARCH)
	}
	if l.Version == "" {
		return nil // loading it will tell
	}
	if older(l.Version, clip.MinRuntime) {
		return fmt.Errorf("%w: it is ONNX Runtime %s, this program needs %s or newer", ErrLibrary, l.Version, clip.MinRuntime)
	}
	return nil
}

// older compares versions number by number.
func older(a, b string) bool {
	as, bs := strings.Split(a, "."), strings.Split(b, ".")
	for i := range min(len(as), len(bs)) {
		x, _ := strconv.Atoi(as[i])
		y, _ := strconv.Atoi(bs[i])
		if x != y {
			return x < y
		}
	}
	return false
}

// libraryName is what the library is called where it is installed.
func libraryName(goos string) string {
	switch goos {
	case "windows":
		return "onnxruntime.dll"
	case "darwin":
		return "libonnxruntime.dylib"
	}
	return "libonnxruntime.so"
}

// isLibraryName reports whether a file may be ONNX Runtime's library for an operating system, judged by its name.
func isLibraryName(name, goos string) bool {
	switch goos {
	case "windows":
		return name == "onnxruntime.dll"
	case "darwin":
		return strings.HasPrefix(name, "libonnxruntime.") && strings.HasSuffix(name, ".dylib")
	}
	return name == "libonnxruntime.so" || strings.HasPrefix(name, "libonnxruntime.so.")
}

// atMost is a reader that fails instead of reading more than n bytes: an archive may claim anything.
type atMost struct {
	r io.Reader
	n int64
}

func (a *atMost) Read(p []byte) (int, error) {
	n, err := a.r.Read(p)
	if a.n -= int64(n); a.n < 0 {
		return 0, errors.New("it is larger than any library")
	}
	return n, err
}
