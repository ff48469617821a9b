package runs

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Point is one line of metrics.jsonl.
type Point struct {
	Step    int     `json:"step"`
	Epoch   int     `json:"epoch"`
	LR      float64 `json:"lr"`
	Loss    float64 `json:"loss"`
	FVU     float64 `json:"fvu"`
	Dead    int     `json:"dead"`
	Revived int     `json:"revived,omitempty"`  // since the line before
	Held    float64 `json:"held_fvu,omitempty"` // of the rows held out, at the end of an epoch
}

// Log appends to metrics.jsonl.
type Log struct{ f *os.File }

// Log opens metrics.jsonl for the steps from the given one on: later lines, which
// a killed run may have written, are dropped, and so is a line cut short.
func (r Run) Log(from int) (*Log, error) {
	points, err := r.Points()
	if err != nil {
		return nil, err
	}
	var keep bytes.Buffer
	enc := json.NewEncoder(&keep)
	for _, p := range points {
		if p.Step >= from {
			break
		}
		if err := enc.Encode(p); err != nil {
			return nil, err
		}
	}
	path := filepath.Join(r.dir, metricsFile)
	if err := os.WriteFile(path, keep.Bytes(), 0o666); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return nil, err
	}
	return &Log{f}, nil
}

// Add writes one line.
func (l *Log) Add(p Point) error {
	b, err := json.Marshal(p)
	if err != nil {
		return fmt.Errorf("metrics of step %d: %w", p.Step, err)
	}
	_, err = l.f.Write(append(b, '\n'))
	return err
}

// Close closes the file.
func (l *Log) Close() error { return l.f.Close() }

// Points returns the lines of metrics.jsonl up to the first that is not whole.
func (r Run) Points() ([]Point, error) {
	f, err := os.Open(filepath.Join(r.dir, metricsFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var points []Point
	for s := bufio.NewScanner(f); s.Scan(); {
		var p Point
		if json.Unmarshal(s.Bytes(), &p) != nil {
			break
		}
		points = append(points, p)
	}
	return points, nil
}
