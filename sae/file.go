package sae

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"math"
)

// The model file, byte by byte, is FORMAT.md.
const (
	fileMagic     = "SAEDBSAE"
	fileVersion   = 1 // of a model without a threshold
	withThreshold = 2 // of one with: version 1 would encode otherwise
	maxHeader     = 1 << 20
)

// fileHeader is the JSON part of a model file.
type fileHeader struct {
	D         int     `json:"d"`
	M         int     `json:"latents"`
	K         int     `json:"k"`
	Scale     float32 `json:"scale"`
	Threshold float32 `json:"threshold,omitempty"`
	Mean      bool    `json:"mean"` // whether the mean is among the tensors
	Info      Info    `json:"info"`
}

// WriteTo writes m in the format of FORMAT.md. The same model and Info give the same bytes.
func (m *Model) WriteTo(w io.Writer) (int64, error) {
	if err := m.Validate(); err != nil {
		return 0, fmt.Errorf("sae: write model: %w", err)
	}
	head, err := json.Marshal(fileHeader{m.D, m.M, m.K, m.Scale, m.Threshold, m.Mean != nil, m.Info})
	if err != nil {
		return 0, fmt.Errorf("sae: write model: %w", err)
	}
	for (len(head)+16)%8 != 0 {
		head = append(head, ' ')
	}
	sum := sha256.New()
	out := &counter{w: w}
	both := io.MultiWriter(out, sum)
	b := append([]byte(fileMagic), 0, 0, 0, 0, 0, 0, 0, 0)
	version := uint32(fileVersion)
	if m.Threshold > 0 {
		version = withThreshold
	}
	binary.LittleEndian.PutUint32(b[8:], version)
	binary.LittleEndian.PutUint32(b[12:], uint32(len(head)))
	_, err = both.Write(append(b, head...))
	for _, t := range m.tensors() {
		if err == nil {
			err = writeFloats(both, t.data)
		}
	}
	if err == nil {
		_, err = out.Write(sum.Sum(nil))
	}
	if err != nil {
		err = fmt.Errorf("sae: write model: %w", err)
	}
	return out.n, err
}

// counter counts the bytes that reach w.
type counter struct {
	w io.Writer
	n int64
}

func (c *counter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}

// Read reads a model that WriteTo wrote, and validates it. It reads to the last byte
// of the model and not further, except into a buffer of its own.
func Read(r io.Reader) (*Model, error) {
	m, err := readModel(bufio.NewReaderSize(r, 1<<16))
	if err != nil {
		return nil, fmt.Errorf("sae: read model: %w", err)
	}
	return m, nil
}

func readModel(r io.Reader) (*Model, error) {
	sum := sha256.New()
	body := io.TeeReader(r, sum)
	var lead [16]byte
	if _, err := io.ReadFull(body, lead[:]); err != nil || string(lead[:8]) != fileMagic {
		return nil, fmt.Errorf("%w: it does not begin with %q", ErrModel, fileMagic)
	}
	version := binary.LittleEndian.Uint32(lead[8:])
	if version != fileVersion && version != withThreshold {
		return nil, fmt.Errorf("%w: format version %d; this program reads versions %d and %d, a newer one may read it", ErrModel, version, fileVersion, withThreshold)
	}
	n := binary.LittleEndian.Uint32(lead[12:])
	if n > maxHeader {
		return nil, fmt.Errorf("%w: a header of %d bytes", ErrModel, n)
	}
	text := make([]byte, n)
	if _, err := io.ReadFull(body, text); err != nil {
		return nil, fmt.Errorf("%w: the header is cut short", ErrModel)
	}
	var head fileHeader
	if err := json.Unmarshal(text, &head); err != nil {
		return nil, fmt.Errorf("%w: header: %w", ErrModel, err)
	}
	if (version == withThreshold) != (head.Threshold > 0) {
		return nil, fmt.Errorf("%w: version %d with a threshold of %v", ErrModel, version, head.Threshold)
	}
	m := &Model{D: head.D, M: head.M, K: head.K, Scale: head.Scale, Threshold: head.Threshold, Info: head.Info}
	if m.D < 1 || m.D > maxWidth || m.M < 1 || m.M > maxLatents {
		return nil, fmt.Errorf("%w: width %d or %d latents out of range", ErrModel, m.D, m.M)
	}
	fields := []struct {
		name string
		to   *[]float32
		n    int
	}{{"mean", &m.Mean, m.D}, {"b_dec", &m.Bdec, m.D}, {"b_enc", &m.Benc, m.M}, {"W_enc", &m.Wenc, m.M * m.D}, {"W_dec", &m.Wdec, m.M * m.D}}
	if !head.Mean {
		fields = fields[1:]
	}
	for _, f := range fields {
		var err error
		if *f.to, err = readFloats(body, f.n); err != nil {
			return nil, fmt.Errorf("%w: tensor %s is cut short", ErrModel, f.name)
		}
	}
	want := sum.Sum(nil)
	got := make([]byte, len(want))
	if _, err := io.ReadFull(r, got); err != nil || !bytes.Equal(got, want) {
		return nil, fmt.Errorf("%w: the checksum does not match: the file is damaged or cut short", ErrModel)
	}
	return m, m.Validate()
}

// floatRun is how many numbers are converted at a time.
const floatRun = 4096

// writeFloats writes x as little-endian float32.
func writeFloats(w io.Writer, x []float32) error {
	buf := make([]byte, 0, 4*floatRun)
	for len(x) > 0 {
		run := x[:min(floatRun, len(x))]
		x = x[len(run):]
		buf = buf[:0]
		for _, v := range run {
			buf = binary.LittleEndian.AppendUint32(buf, math.Float32bits(v))
		}
		if _, err := w.Write(buf); err != nil {
			return err
		}
	}
	return nil
}

// readFloats reads n little-endian float32. It allocates as numbers arrive, so a false
// n in a short file costs nothing.
func readFloats(r io.Reader, n int) ([]float32, error) {
	var x []float32
	buf := make([]byte, 4*floatRun)
	for len(x) < n {
		run := buf[:4*min(floatRun, n-len(x))]
		if _, err := io.ReadFull(r, run); err != nil {
			return nil, err
		}
		for i := 0; i < len(run); i += 4 {
			x = append(x, math.Float32frombits(binary.LittleEndian.Uint32(run[i:])))
		}
	}
	return x, nil
}
