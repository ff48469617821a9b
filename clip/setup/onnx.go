package setup

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/saedb/saedb/clip"
)

// graph is what the head of an ONNX file says of its network: what goes in and what comes out.
type graph struct {
	inputs, outputs []port
}

// port is an input or output. A length of 0 in its shape is free.
type port struct {
	clip.Port
	shape []int64
}

// The numbers of the fields, in Protocol Buffers' sense, that lead to the ports: onnx.proto of the ONNX project.
const (
	modelGraph      = 7
	graphWeights    = 5
	graphInput      = 11
	graphOutput     = 12
	weightName      = 8
	portName        = 1
	portType        = 2
	typeTensor      = 1
	tensorElement   = 1
	tensorShape     = 2
	shapeDimension  = 1
	dimensionLength = 1
)

// readGraph reads the ports of an ONNX file. It skips the weights, which are nearly all of the file.
func readGraph(path string) (*graph, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return nil, err
	}
	g := &graph{}
	weights := map[string]bool{} // old files list weights as inputs too
	err = fields(f, 0, st.Size(), func(number, at, size int64) error {
		if number != modelGraph {
			return nil
		}
		return fields(f, at, size, func(number, at, size int64) error {
			switch number {
			case graphWeights:
				return fields(f, at, size, func(number, at, size int64) error {
					if number != weightName {
						return nil
					}
					name, err := bytesAt(f, at, size)
					weights[string(name)] = true
					return err
				})
			case graphInput, graphOutput:
				p, err := readPort(f, at, size)
				if number == graphInput {
					g.inputs = append(g.inputs, p)
				} else {
					g.outputs = append(g.outputs, p)
				}
				return err
			}
			return nil
		})
	})
	if err == nil && len(g.outputs) == 0 {
		err = errors.New("it has no outputs")
	}
	if err != nil {
		return nil, fmt.Errorf("%s is no ONNX model, or cut short: %w", path, err)
	}
	real := g.inputs[:0]
	for _, in := range g.inputs {
		if !weights[in.Name] {
			real = append(real, in)
		}
	}
	g.inputs = real
	return g, nil
}

// readPort reads a ValueInfoProto: name, and in its type the kind of the elements and the shape.
func readPort(f io.ReaderAt, at, size int64) (p port, err error) {
	err = fields(f, at, size, func(number, at, size int64) error {
		switch number {
		case portName:
			name, err := bytesAt(f, at, size)
			p.Name = string(name)
			return err
		case portType:
			return fields(f, at, size, func(number, at, size int64) error {
				if number != typeTensor {
					return nil
				}
				return fields(f, at, size, func(number, at, size int64) error {
					switch number {
					case tensorElement:
						p.DType = elementName(size)
					case tensorShape:
						return fields(f, at, size, func(number, at, size int64) error {
							if number != shapeDimension {
								return nil
							}
							p.shape = append(p.shape, 0)
							return fields(f, at, size, func(number, _, value int64) error {
								if number == dimensionLength {
									p.shape[len(p.shape)-1] = value
								}
								return nil
							})
						})
					}
					return nil
				})
			})
		}
		return nil
	})
	return p, err
}

// elementName is what a description calls a kind of element.
func elementName(kind int64) string {
	switch kind {
	case 1:
		return "float32"
	case 6:
		return "int32"
	case 7:
		return "int64"
	case 10:
		return "float16"
	}
	return fmt.Sprintf("type %d", kind)
}

// fields calls visit for each field of the message that is size bytes at a place of r: with where its bytes are and how
// many, or, for a number, with the number in size.
func fields(r io.ReaderAt, at, size int64, visit func(number, at, size int64) error) error {
	end := at + size
	for at < end {
		key, n, err := varint(r, at, end)
		if err != nil {
			return err
		}
		at += n
		const number, eight, counted, four = 0, 1, 2, 5
		var value, skip int64
		switch key & 7 {
		case number:
			if value, skip, err = varint(r, at, end); err != nil {
				return err
			}
		case eight:
			skip = 8
		case counted:
			if value, n, err = varint(r, at, end); err != nil {
				return err
			}
			at += n
			skip = value
		case four:
			skip = 4
		default:
			return fmt.Errorf("byte %d begins no field", at)
		}
		if skip < 0 || skip > end-at {
			return fmt.Errorf("byte %d begins a field of %d bytes, and there are %d", at, skip, end-at)
		}
		if err := visit(key>>3, at, value); err != nil {
			return err
		}
		at += skip
	}
	return nil
}

// varint reads a number of variable length, and returns how many bytes it took.
func varint(r io.ReaderAt, at, end int64) (value, n int64, err error) {
	var b [binary.MaxVarintLen64]byte
	got, err := r.ReadAt(b[:min(int64(len(b)), end-at)], at)
	v, used := binary.Uvarint(b[:got])
	if used > 0 {
		return int64(v), int64(used), nil
	}
	if err == nil || errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return 0, 0, err
}

// bytesAt reads a name.
func bytesAt(r io.ReaderAt, at, size int64) ([]byte, error) {
	const longest = 1 << 16
	if size > longest {
		return nil, fmt.Errorf("byte %d begins a name of %d bytes", at, size)
	}
	b := make([]byte, size)
	_, err := io.ReadFull(bufio.NewReader(io.NewSectionReader(r, at, size)), b)
	return b, err
}
