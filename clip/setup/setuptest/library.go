package setuptest

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"testing"
)

// entryPoint is what every ONNX Runtime exports.
const entryPoint = "OrtGetApiBase"

// Library is a file with the head of a library for a system, and the name of ONNX Runtime's entry point in it. It cannot be loaded.
func Library(t testing.TB, goos, goarch string) []byte {
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
