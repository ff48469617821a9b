package train

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/saedb/saedb/internal/safetensors"
)

// A checkpoint is
//
//	"SAEDBTRN"  uint32 version  uint32 header length  header (JSON)  state  SHA-256
//
// with little-endian integers. The header holds configuration and place, the state is
// the backend's, as a safetensors file, and the checksum covers all before it.
const (
	checkpointMagic   = "SAEDBTRN"
	checkpointVersion = 1
	maxCheckpointHead = 1 << 20
)

// ErrCheckpoint marks every error about a checkpoint that cannot be continued from.
var ErrCheckpoint = errors.New("not a checkpoint to continue from")

// position is where in a run we are, as a checkpoint stores it.
type position struct {
	Config json.RawMessage `json:"config"`
	Data   string          `json:"data"` // SHA-256 of the rows
	Step   int             `json:"step"` // steps done
	FVU    float64         `json:"fvu"`  // running mean
	Seen   int             `json:"seen"` // steps in it

	Watched watched `json:"watched,omitzero"`
}

// average takes one more step into the running FVU.
func (p *position) average(fvu float64, perEpoch int) {
	p.Seen = min(p.Seen+1, perEpoch, 100)
	p.FVU += (fvu - p.FVU) / float64(p.Seen)
}

// write writes a checkpoint of b at this position.
func (p *position) write(w io.Writer, cfg Config, b Backend) error {
	var err error
	if p.Config, err = json.Marshal(cfg); err != nil {
		return fmt.Errorf("train: write checkpoint: %w", err)
	}
	head, err := json.Marshal(p)
	if err != nil {
		return fmt.Errorf("train: write checkpoint: %w", err)
	}
	state, err := b.State()
	if err != nil {
		return fmt.Errorf("train: write checkpoint: %w", err)
	}
	p.Watched.store(state)
	sum := sha256.New()
	both := io.MultiWriter(w, sum)
	lead := binary.LittleEndian.AppendUint32([]byte(checkpointMagic), checkpointVersion)
	lead = binary.LittleEndian.AppendUint32(lead, uint32(len(head)))
	if _, err := both.Write(append(lead, head...)); err != nil {
		return fmt.Errorf("train: write checkpoint: %w", err)
	}
	if err := safetensors.Write(both, state); err != nil {
		return fmt.Errorf("train: write checkpoint: %w", err)
	}
	if _, err := w.Write(sum.Sum(nil)); err != nil {
		return fmt.Errorf("train: write checkpoint: %w", err)
	}
	return nil
}

// restore reads a checkpoint into b and p, if it is one of the same configuration and
// data. p.Data must be that of the data at hand.
func (p *position) restore(r io.Reader, cfg Config, b Backend) error {
	file, err := io.ReadAll(r)
	if err != nil {
		return fmt.Errorf("train: read checkpoint: %w", err)
	}
	was, state, err := parseCheckpoint(file)
	if err != nil {
		return fmt.Errorf("train: read checkpoint: %w: %w", ErrCheckpoint, err)
	}
	want, err := json.Marshal(cfg)
	if err != nil {
		return fmt.Errorf("train: read checkpoint: %w", err)
	}
	if !bytes.Equal(was.Config, want) {
		return fmt.Errorf("train: read checkpoint: %w: its configuration is %s, this run's is %s; use the same or start anew", ErrCheckpoint, was.Config, want)
	}
	if was.Data != p.Data {
		return fmt.Errorf("train: read checkpoint: %w: it belongs to other rows; train on the same rows in the same order, or start anew", ErrCheckpoint)
	}
	if err := b.Restore(state); err != nil {
		return fmt.Errorf("train: read checkpoint: %w: %w", ErrCheckpoint, err)
	}
	model, err := b.Model()
	if err != nil {
		return err
	}
	if err := was.Watched.load(state, model); err != nil {
		return fmt.Errorf("train: read checkpoint: %w: %w", ErrCheckpoint, err)
	}
	*p = was
	return nil
}

// parseCheckpoint takes a checkpoint apart and checks it.
func parseCheckpoint(file []byte) (position, *safetensors.File, error) {
	var p position
	const lead = len(checkpointMagic) + 8
	if len(file) < lead+sha256.Size || string(file[:8]) != checkpointMagic {
		return p, nil, fmt.Errorf("it does not begin with %q", checkpointMagic)
	}
	if v := binary.LittleEndian.Uint32(file[8:]); v != checkpointVersion {
		return p, nil, fmt.Errorf("format version %d; this program continues version %d", v, checkpointVersion)
	}
	body, sum := file[:len(file)-sha256.Size], file[len(file)-sha256.Size:]
	if got := sha256.Sum256(body); !bytes.Equal(got[:], sum) {
		return p, nil, errors.New("the checksum does not match: the file is damaged or cut short")
	}
	n := int(binary.LittleEndian.Uint32(file[12:]))
	if n > maxCheckpointHead || n > len(body)-lead {
		return p, nil, fmt.Errorf("a header of %d bytes", n)
	}
	if err := json.Unmarshal(body[lead:lead+n], &p); err != nil {
		return p, nil, fmt.Errorf("header: %w", err)
	}
	if p.Step < 0 {
		return p, nil, fmt.Errorf("step %d", p.Step)
	}
	rest := body[lead+n:]
	state, err := safetensors.Read(bytes.NewReader(rest), int64(len(rest)))
	return p, state, err
}
