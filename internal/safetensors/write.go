package safetensors

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
)

// Write writes f to w: header entries and data sorted by name, the header padded with
// spaces to a multiple of eight bytes so that the data is aligned.
func Write(w io.Writer, f *File) error {
	type entry struct {
		DType   DType    `json:"dtype"`
		Shape   []int    `json:"shape"`
		Offsets [2]int64 `json:"data_offsets"`
	}
	header := map[string]any{} // encoding/json sorts the keys
	if len(f.Metadata) > 0 {
		header["__metadata__"] = f.Metadata
	}
	at := int64(0)
	for _, name := range f.Names() {
		t := f.Tensors[name]
		n, err := t.bytes()
		if err != nil {
			return fmt.Errorf("safetensors: tensor %q: %w", name, err)
		}
		if n != int64(len(t.Data)) || name == "__metadata__" {
			return fmt.Errorf("safetensors: tensor %q of %s%v needs %d bytes, it has %d", name, t.DType, t.Shape, n, len(t.Data))
		}
		header[name] = entry{t.DType, append([]int{}, t.Shape...), [2]int64{at, at + n}}
		at += n
	}
	head, err := json.Marshal(header)
	if err != nil {
		return fmt.Errorf("safetensors: header: %w", err)
	}
	for len(head)%8 != 0 {
		head = append(head, ' ')
	}
	head = append(binary.LittleEndian.AppendUint64(nil, uint64(len(head))), head...)
	if _, err := w.Write(head); err != nil {
		return fmt.Errorf("safetensors: write header: %w", err)
	}
	for _, name := range f.Names() {
		if _, err := w.Write(f.Tensors[name].Data); err != nil {
			return fmt.Errorf("safetensors: write tensor %q: %w", name, err)
		}
	}
	return nil
}
