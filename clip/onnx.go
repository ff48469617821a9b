//go:build cgo

package clip

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"

	ort "github.com/yalue/onnxruntime_go"

	"github.com/saedb/saedb/clip/picture"
	"github.com/saedb/saedb/clip/token"
)

// CanEncode says whether this program was built with cgo.
const CanEncode = true

// batchSize is how many pictures or texts one run of a model gets: more is not faster and only takes memory.
const batchSize = 16

// Open opens the model in dir. A tower is loaded when it is first needed; Close frees both.
//
// ONNX Runtime is one for the process: the first Open decides which library file it is.
func Open(dir string, o *Options) (Encoder, error) {
	if o == nil {
		o = &Options{}
	}
	d, err := ReadDescription(dir)
	if err != nil {
		return nil, err
	}
	id, err := d.identity(o.Digests)
	if err != nil {
		return nil, err
	}
	cut, err := d.tokenizer()
	if err != nil {
		return nil, err
	}
	if _, err := CheckRuntime(o.Library); err != nil {
		return nil, err
	}
	threads := o.Threads
	if threads <= 0 {
		threads = runtime.GOMAXPROCS(0)
	}
	e := &onnxEncoder{about: d, id: id, pre: d.Preprocess(), cut: cut}
	e.vision = &tower{file: d.path(d.Vision.File), want: d.Vision.Output, dim: d.Dim, threads: threads}
	if d.Vision.Input.Name != "" {
		e.vision.stated = []Port{d.Vision.Input}
	}
	e.text = &tower{file: d.path(d.Text.File), stated: d.Text.Inputs, want: d.Text.Output, dim: d.Dim, threads: threads}
	return e, nil
}

type onnxEncoder struct {
	about        *Description
	id           Identity
	pre          picture.Preprocess
	cut          token.Tokenizer
	vision, text *tower
}

func (e *onnxEncoder) Identity() Identity { return e.id }

func (e *onnxEncoder) Tensor(dst []float32, p *picture.Picture) []float32 {
	return e.pre.Tensor(dst, p)
}

func (e *onnxEncoder) Close() error { return errors.Join(e.vision.close(), e.text.close()) }

func (e *onnxEncoder) Pictures(ctx context.Context, tensors []float32) ([]float32, error) {
	size := 3 * e.id.Side * e.id.Side
	if len(tensors)%size != 0 {
		return nil, fmt.Errorf("%d numbers are no whole pictures of %d", len(tensors), size)
	}
	out := make([]float32, 0, len(tensors)/size*e.id.Dim)
	if len(tensors) == 0 {
		return out, nil
	}
	if err := e.vision.load(e.checkVision); err != nil {
		return nil, err
	}
	for batch := range slices.Chunk(tensors, e.vision.batch()*size) {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		n := len(batch) / size
		in, err := ort.NewTensor(ort.NewShape(int64(n), 3, int64(e.id.Side), int64(e.id.Side)), batch)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", e.vision.file, err)
		}
		out, err = e.vision.run(out, []ort.Value{in}, n)
		in.Destroy()
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

// checkVision asks for one input of pictures of the described size.
func (e *onnxEncoder) checkVision() error {
	in := e.vision.inputs[0]
	if len(e.vision.inputs) > 1 {
		return fmt.Errorf("it wants the inputs %s; a vision tower has one", portNames(e.vision.inputs))
	}
	shape, want := in.Dimensions, ort.NewShape(-1, 3, int64(e.id.Side), int64(e.id.Side))
	fits := len(shape) == len(want)
	for i := 1; fits && i < len(want); i++ {
		fits = shape[i] <= 0 || shape[i] == want[i]
	}
	if !fits || dtype(in) != "float32" {
		return fmt.Errorf("its input %q is of %s and shape %v; want float32 and %v", in.Name, dtype(in), shapeText(shape), shapeText(want))
	}
	return nil
}

func (e *onnxEncoder) Texts(ctx context.Context, texts []string) ([]float32, error) {
	out := make([]float32, 0, len(texts)*e.id.Dim)
	if len(texts) == 0 {
		return out, nil
	}
	if err := e.text.load(e.checkText); err != nil {
		return nil, err
	}
	for batch := range slices.Chunk(texts, e.text.batch()) {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		inputs, err := e.textInputs(batch)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", e.text.file, err)
		}
		out, err = e.text.run(out, inputs, len(batch))
		destroy(inputs)
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

// checkText asks for inputs of integers, one of which takes the ids.
func (e *onnxEncoder) checkText() error {
	ids := 0
	for _, in := range e.text.inputs {
		if kind := dtype(in); kind != "int64" && kind != "int32" || len(in.Dimensions) != 2 {
			return fmt.Errorf("its input %q is of %s and shape %v; want int64 or int32 and [n length]", in.Name, kind, shapeText(in.Dimensions))
		}
		if purposeOf(in.Name) == idInput {
			ids++
		}
	}
	if ids != 1 {
		return fmt.Errorf("it wants the inputs %s; saedb knows ids, attention mask and token types, and finds %d for ids", portNames(e.text.inputs), ids)
	}
	return nil
}

// purpose is what a text input is for.
type purpose int

const (
	idInput   purpose = iota // the ids of the pieces
	maskInput                // 1 where there is a piece, 0 where there is padding
	typeInput                // which of two texts a piece belongs to: always 0 here
)

func purposeOf(name string) purpose {
	switch {
	case strings.Contains(name, "mask"):
		return maskInput
	case strings.Contains(name, "type"), strings.Contains(name, "segment"):
		return typeInput
	}
	return idInput
}

// textInputs cuts a batch of texts, pads them to one length, and makes the tensors that the model asks for.
func (e *onnxEncoder) textInputs(texts []string) (inputs []ort.Value, err error) {
	about, length := e.about.Text, 0
	limit := about.MaxLength
	fixed := int(e.text.inputs[0].Dimensions[1])
	if fixed > 0 {
		limit = min(limit, fixed)
	}
	ids := make([][]int64, len(texts))
	for i, text := range texts {
		ids[i] = e.cut.Encode(text, limit)
		length = max(length, len(ids[i]))
	}
	switch {
	case fixed > 0:
		length = fixed
	case about.FixLength:
		length = about.MaxLength
	}
	for _, port := range e.text.inputs {
		in, err := intTensor(dtype(port), ids, length, purposeOf(port.Name), e.about.Tokenizer.PadID)
		if err != nil {
			destroy(inputs)
			return nil, err
		}
		inputs = append(inputs, in)
	}
	return inputs, nil
}

func destroy(values []ort.Value) {
	for _, v := range values {
		v.Destroy()
	}
}

// intTensor lays out what an input of that purpose gets for the pieces of some texts, padded to length.
func intTensor(kind string, ids [][]int64, length int, p purpose, pad int64) (ort.Value, error) {
	values := make([]int64, len(ids)*length)
	for i, text := range ids {
		row := values[i*length:][:length]
		for col := range row {
			switch {
			case p == idInput && col < len(text):
				row[col] = text[col]
			case p == idInput:
				row[col] = pad
			case p == maskInput && col < len(text):
				row[col] = 1
			}
		}
	}
	shape := ort.NewShape(int64(len(ids)), int64(length))
	if kind == "int64" {
		return ort.NewTensor(shape, values)
	}
	short := make([]int32, len(values))
	for i, v := range values {
		short[i] = int32(v)
	}
	return ort.NewTensor(shape, short)
}
