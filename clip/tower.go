//go:build cgo

package clip

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	ort "github.com/yalue/onnxruntime_go"
)

// tower is one of the two networks. It is loaded by whoever needs it first; then any number of goroutines may run it.
type tower struct {
	file    string
	stated  []Port // its inputs, as the description has them; none: as the file has them
	want    Port   // its output; no name: the file's first of float32 and two dimensions
	dim     int
	threads int

	mu      sync.RWMutex // held for reading while the session runs
	session *ort.DynamicAdvancedSession
	failed  error // why there is no session and never will be
	inputs  []ort.InputOutputInfo
	output  string
}

var errClosed = errors.New("the encoder is closed")

// load makes the session, unless that was done or tried before. Between finding the ports and that, check may refuse them.
func (t *tower) load(check func() error) error {
	if loaded, err := t.state(); loaded || err != nil {
		return err // without waiting for those who run it
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.session != nil || t.failed != nil {
		return t.failed
	}
	if err := t.open(check); err != nil {
		t.failed = fmt.Errorf("%w: %s: %w", ErrModel, t.file, err)
	}
	return t.failed
}

// state says whether there is a session, or why there never will be.
func (t *tower) state() (loaded bool, err error) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.session != nil, t.failed
}

func (t *tower) open(check func() error) error {
	if err := t.findPorts(); err != nil {
		return err
	}
	if err := check(); err != nil {
		return err
	}
	o, err := ort.NewSessionOptions()
	if err != nil {
		return err
	}
	defer o.Destroy()
	err = errors.Join(
		o.SetIntraOpNumThreads(t.threads),
		o.SetInterOpNumThreads(1),
		o.AddSessionConfigEntry("session.intra_op.allow_spinning", "0"), // others decode pictures meanwhile
	)
	if err != nil {
		return err
	}
	names := make([]string, len(t.inputs))
	for i, in := range t.inputs {
		names[i] = in.Name
	}
	t.session, err = ort.NewDynamicAdvancedSession(t.file, names, []string{t.output}, o)
	return err
}

func (t *tower) close() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.failed = errClosed
	if t.session == nil {
		return nil
	}
	session := t.session
	t.session = nil
	return session.Destroy()
}

// run feeds n rows and appends n*dim numbers to dst. The tower is loaded.
func (t *tower) run(dst []float32, inputs []ort.Value, n int) ([]float32, error) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	if t.session == nil {
		return nil, t.failed
	}
	outputs := []ort.Value{nil} // allocated by the run
	if err := t.session.Run(inputs, outputs); err != nil {
		return nil, fmt.Errorf("%s: %w", t.file, err)
	}
	defer outputs[0].Destroy()
	got, ok := outputs[0].(*ort.Tensor[float32])
	if !ok {
		return nil, fmt.Errorf("%w: %s: its output %q is no tensor of float32", ErrModel, t.file, t.output)
	}
	if shape := got.GetShape(); !slices.Equal(shape, ort.NewShape(int64(n), int64(t.dim))) {
		return nil, fmt.Errorf("%w: %s: its output %q has shape %v for %d inputs, want [%d %d]", ErrModel, t.file, t.output, shape, n, n, t.dim)
	}
	return append(dst, got.GetData()...), nil
}

// batch is how many rows a run may have: as many as batchSize, or the number that the file insists on.
func (t *tower) batch() int {
	if fixed := t.inputs[0].Dimensions[0]; fixed > 0 {
		return int(fixed)
	}
	return batchSize
}

// findPorts compares what the file has with what the description says of it, and settles what it leaves open. The file is read without being
// optimised, which takes a third of the time of loading it.
func (t *tower) findPorts() error {
	o, err := ort.NewSessionOptions()
	if err != nil {
		return err
	}
	defer o.Destroy()
	err = errors.Join(
		o.SetGraphOptimizationLevel(ort.GraphOptimizationLevelDisableAll),
		o.AddSessionConfigEntry("session.disable_prepacking", "1"),
		o.SetIntraOpNumThreads(1),
	)
	if err != nil {
		return err
	}
	inputs, outputs, err := ort.GetInputOutputInfoWithOptions(t.file, o)
	if err != nil {
		return err
	}
	if t.inputs, err = t.findInputs(inputs); err != nil {
		return err
	}
	t.output, err = t.findOutput(outputs)
	return err
}

// findInputs returns the inputs in the order of the description, or of the file where the description names none.
func (t *tower) findInputs(has []ort.InputOutputInfo) ([]ort.InputOutputInfo, error) {
	for _, in := range has {
		if len(in.Dimensions) == 0 || in.Dimensions[0] > 1 {
			return nil, fmt.Errorf("its input %q has shape %v: want a first dimension that is free, or 1", in.Name, shapeText(in.Dimensions))
		}
	}
	if len(t.stated) == 0 {
		return has, nil
	}
	if len(t.stated) != len(has) {
		return nil, fmt.Errorf("it wants the inputs %s; %s names %d", portNames(has), DescriptionFile, len(t.stated))
	}
	var inputs []ort.InputOutputInfo
	for _, want := range t.stated {
		at := slices.IndexFunc(has, func(i ort.InputOutputInfo) bool { return i.Name == want.Name })
		if at < 0 {
			return nil, fmt.Errorf("it has no input %q; it has %s", want.Name, portNames(has))
		}
		if kind := dtype(has[at]); want.DType != "" && want.DType != kind {
			return nil, fmt.Errorf("its input %q is of %s; %s says %s", want.Name, kind, DescriptionFile, want.DType)
		}
		inputs = append(inputs, has[at])
	}
	return inputs, nil
}

// dtype is the type of a port as model.json writes it.
func dtype(port ort.InputOutputInfo) string {
	switch port.DataType {
	case ort.TensorElementDataTypeFloat:
		return "float32"
	case ort.TensorElementDataTypeInt64:
		return "int64"
	case ort.TensorElementDataTypeInt32:
		return "int32"
	}
	return strings.ToLower(strings.TrimPrefix(port.DataType.String(), "ONNX_TENSOR_ELEMENT_DATA_TYPE_"))
}

func (t *tower) findOutput(has []ort.InputOutputInfo) (name string, err error) {
	at := slices.IndexFunc(has, func(o ort.InputOutputInfo) bool {
		if t.want.Name != "" {
			return o.Name == t.want.Name
		}
		return dtype(o) == "float32" && len(o.Dimensions) == 2
	})
	switch {
	case at < 0 && t.want.Name != "":
		return "", fmt.Errorf("it has no output %q; it has %s", t.want.Name, portNames(has))
	case at < 0:
		return "", fmt.Errorf("none of its outputs is a matrix of float32; it has %s", portNames(has))
	}
	out := has[at]
	if shape := out.Dimensions; dtype(out) != "float32" || len(shape) != 2 || shape[1] > 0 && shape[1] != int64(t.dim) {
		return "", fmt.Errorf("its output %q is of %s and shape %v; %s wants float32 and [n %d]", out.Name, dtype(out), shapeText(shape), DescriptionFile, t.dim)
	}
	return out.Name, nil
}

func portNames(ports []ort.InputOutputInfo) string {
	names := make([]string, len(ports))
	for i, p := range ports {
		names[i] = fmt.Sprintf("%q", p.Name)
	}
	return strings.Join(names, ", ")
}

// shapeText writes a shape with n for what is free.
func shapeText(s ort.Shape) string { return strings.ReplaceAll(fmt.Sprint([]int64(s)), "-1", "n") }
