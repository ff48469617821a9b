//go:build cgo

package clip

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"

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
	id, err := d.Identity()
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
	e.vision.init(d.path(d.Vision.File), []Port{d.Vision.Input}, d.Vision.Output, d.Dim, threads)
	e.text.init(d.path(d.Text.File), d.Text.Inputs, d.Text.Output, d.Dim, threads)
	return e, nil
}

// library is the process's ONNX Runtime.
var library struct {
	sync.Mutex
	path string
}

// CheckRuntime loads the library, if it is not loaded yet, and returns its version.
func CheckRuntime(path string) (version string, err error) {
	library.Lock()
	defer library.Unlock()
	if library.path != "" && library.path != path {
		return "", fmt.Errorf("%w: this process already uses %s; start another for %s", ErrNoRuntime, library.path, path)
	}
	if library.path == "" {
		ort.SetSharedLibraryPath(path)
		if err := ort.InitializeEnvironment(ort.WithLogLevelFatal()); err != nil {
			if strings.Contains(err.Error(), "API base") { // GetApi returned nothing for the version asked for
				err = fmt.Errorf("it is older than %s, or no ONNX Runtime", MinRuntime)
			}
			return "", fmt.Errorf("%w: %s: %w", ErrNoRuntime, path, err)
		}
		library.path = path
	}
	return ort.GetVersion(), nil
}

type onnxEncoder struct {
	about        *Description
	id           Identity
	pre          picture.Preprocess
	cut          token.Tokenizer
	vision, text tower
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
	for batch := range slices.Chunk(tensors, batchSize*size) {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		n := int64(len(batch) / size)
		in, err := ort.NewTensor(ort.NewShape(n, 3, int64(e.id.Side), int64(e.id.Side)), batch)
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

func (e *onnxEncoder) Texts(ctx context.Context, texts []string) ([]float32, error) {
	out := make([]float32, 0, len(texts)*e.id.Dim)
	for batch := range slices.Chunk(texts, batchSize) {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		inputs, err := e.textInputs(batch)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", e.text.file, err)
		}
		out, err = e.text.run(out, inputs, int64(len(batch)))
		for _, in := range inputs {
			in.Destroy()
		}
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

// textInputs cuts a batch of texts, pads them to one length, and makes the tensors the model asks for: ids, the mask of what is
// no padding, and token types, which are all 0.
func (e *onnxEncoder) textInputs(texts []string) ([]ort.Value, error) {
	about, length := e.about.Text, 0
	ids := make([][]int64, len(texts))
	for i, text := range texts {
		ids[i] = e.cut.Encode(text, about.MaxLength)
		length = max(length, len(ids[i]))
	}
	if about.FixLength {
		length = about.MaxLength
	}
	var inputs []ort.Value
	for i, port := range about.Inputs {
		values := make([]int64, len(texts)*length)
		for row, cut := range ids {
			for col := range length {
				v := &values[row*length+col]
				switch {
				case i == 0 && col < len(cut):
					*v = cut[col]
				case i == 0:
					*v = e.about.Tokenizer.PadID
				case strings.Contains(port.Name, "mask") && col < len(cut):
					*v = 1
				}
			}
		}
		in, err := intTensor(port.DType, int64(len(texts)), int64(length), values)
		if err != nil {
			for _, made := range inputs {
				made.Destroy()
			}
			return nil, err
		}
		inputs = append(inputs, in)
	}
	return inputs, nil
}

func intTensor(dtype string, rows, cols int64, values []int64) (ort.Value, error) {
	shape := ort.NewShape(rows, cols)
	if dtype == "int64" {
		return ort.NewTensor(shape, values)
	}
	short := make([]int32, len(values))
	for i, v := range values {
		short[i] = int32(v)
	}
	return ort.NewTensor(shape, short)
}

// tower is one of the two networks. It is loaded once, by whoever needs it first.
type tower struct {
	file    string
	in      []Port
	out     Port
	dim     int
	threads int

	once    sync.Once
	loaded  error
	session *ort.DynamicAdvancedSession
}

func (t *tower) init(file string, in []Port, out Port, dim, threads int) {
	t.file, t.in, t.out, t.dim, t.threads = file, in, out, dim, threads
}

func (t *tower) close() error {
	t.once.Do(func() { t.loaded = errors.New("the encoder is closed") })
	if t.session == nil {
		return nil
	}
	return t.session.Destroy()
}

// run feeds n rows and appends n*dim numbers to dst.
func (t *tower) run(dst []float32, inputs []ort.Value, n int64) ([]float32, error) {
	t.once.Do(func() { t.loaded = t.load() })
	if t.loaded != nil {
		return nil, t.loaded
	}
	outputs := []ort.Value{nil} // allocated by the run
	if err := t.session.Run(inputs, outputs); err != nil {
		return nil, fmt.Errorf("%s: %w", t.file, err)
	}
	defer outputs[0].Destroy()
	got, ok := outputs[0].(*ort.Tensor[float32])
	if !ok {
		return nil, fmt.Errorf("%w: %s: its output %q is no tensor of float32", ErrModel, t.file, t.out.Name)
	}
	if shape := got.GetShape(); !slices.Equal(shape, ort.NewShape(n, int64(t.dim))) {
		return nil, fmt.Errorf("%w: %s: its output %q has shape %v for %d inputs, want [%d %d]", ErrModel, t.file, t.out.Name, shape, n, n, t.dim)
	}
	return append(dst, got.GetData()...), nil
}

func (t *tower) load() error {
	if err := t.checkPorts(); err != nil {
		return err
	}
	o, err := ort.NewSessionOptions()
	if err != nil {
		return err
	}
	defer o.Destroy()
	for _, err := range []error{
		o.SetIntraOpNumThreads(t.threads),
		o.SetInterOpNumThreads(1),
		o.AddSessionConfigEntry("session.intra_op.allow_spinning", "0"), // others decode pictures meanwhile
	} {
		if err != nil {
			return err
		}
	}
	names := make([]string, len(t.in))
	for i, in := range t.in {
		names[i] = in.Name
	}
	if t.session, err = ort.NewDynamicAdvancedSession(t.file, names, []string{t.out.Name}, o); err != nil {
		return fmt.Errorf("%w: %s: %w", ErrModel, t.file, err)
	}
	return nil
}

// checkPorts compares what the file has with what its description says.
func (t *tower) checkPorts() error {
	inputs, outputs, err := ort.GetInputOutputInfo(t.file)
	if err != nil {
		return fmt.Errorf("%w: %s: %w", ErrModel, t.file, err)
	}
	for _, in := range t.in {
		if !slices.ContainsFunc(inputs, func(i ort.InputOutputInfo) bool { return i.Name == in.Name }) {
			return fmt.Errorf("%w: %s: it has no input %q; it has %s", ErrModel, t.file, in.Name, portNames(inputs))
		}
	}
	if len(inputs) != len(t.in) {
		return fmt.Errorf("%w: %s: it wants %d inputs, %s; %s names %d", ErrModel, t.file, len(inputs), portNames(inputs), DescriptionFile, len(t.in))
	}
	at := slices.IndexFunc(outputs, func(o ort.InputOutputInfo) bool { return o.Name == t.out.Name })
	if at < 0 {
		return fmt.Errorf("%w: %s: it has no output %q; it has %s", ErrModel, t.file, t.out.Name, portNames(outputs))
	}
	shape := outputs[at].Dimensions
	if last := len(shape) - 1; len(shape) != 2 || shape[last] > 0 && shape[last] != int64(t.dim) {
		return fmt.Errorf("%w: %s: its output %q has shape %v, want [n %d]", ErrModel, t.file, t.out.Name, shape, t.dim)
	}
	return nil
}

func portNames(ports []ort.InputOutputInfo) string {
	names := make([]string, len(ports))
	for i, p := range ports {
		names[i] = fmt.Sprintf("%q", p.Name)
	}
	return strings.Join(names, ", ")
}
