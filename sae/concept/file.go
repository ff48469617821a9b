package concept

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
)

// The file of names, described in FORMAT.md: magic, version, body, SHA-256 of all that comes before.
const (
	fileMagic   = "saenames"
	fileVersion = 2
	oldVersion  = 1       // without checks, common latents and twins
	maxFile     = 1 << 30 // far above the 20 MB of a hundred thousand words
)

// ErrFile marks bytes that are not a whole, unharmed file of names.
var ErrFile = errors.New("not a valid file of names")

// WriteTo writes n in the form that ReadNames reads. The same names give the same bytes.
func (n *Names) WriteTo(w io.Writer) (int64, error) {
	options, err := json.Marshal(n.Options)
	if err != nil {
		return 0, err
	}
	e := encoder{b: binary.LittleEndian.AppendUint32([]byte(fileMagic), fileVersion)}
	e.text(string(options))
	e.uint(uint64(len(n.Latents)))
	for _, name := range n.Latents {
		e.name(name)
	}
	e.uint(uint64(len(n.Concepts)))
	for _, c := range n.Concepts {
		e.text(c.Word)
		e.uint(uint64(len(c.Group)))
		for _, w := range c.Group {
			e.uint(uint64(w.Latent))
			e.float(w.W)
		}
	}
	e.uint(uint64(len(n.Twins)))
	for _, group := range n.Twins {
		e.uint(uint64(len(group)))
		for _, l := range group {
			e.uint(uint64(l))
		}
	}
	sum := sha256.Sum256(e.b)
	written, err := w.Write(append(e.b, sum[:]...))
	return int64(written), err
}

// ReadNames reads what WriteTo wrote and refuses anything else with ErrFile.
func ReadNames(r io.Reader) (*Names, error) {
	b, err := io.ReadAll(io.LimitReader(r, maxFile+1))
	if err != nil {
		return nil, fmt.Errorf("concept: reading names: %w", err)
	}
	n, err := parseNames(b)
	if err != nil {
		return nil, fmt.Errorf("concept: %w: %w; name the latents again", ErrFile, err)
	}
	return n, nil
}

func parseNames(b []byte) (*Names, error) {
	const head = len(fileMagic) + 4
	switch {
	case len(b) < head+sha256.Size || len(b) > maxFile:
		return nil, fmt.Errorf("%d bytes", len(b))
	case string(b[:len(fileMagic)]) != fileMagic:
		return nil, fmt.Errorf("it starts with %q", b[:len(fileMagic)])
	}
	version := binary.LittleEndian.Uint32(b[len(fileMagic):])
	if version != fileVersion && version != oldVersion {
		return nil, fmt.Errorf("version %d, this program reads versions %d and %d", version, oldVersion, fileVersion)
	}
	body := b[:len(b)-sha256.Size]
	if sum := sha256.Sum256(body); !bytes.Equal(sum[:], b[len(body):]) {
		return nil, errors.New("the checksum differs, the bytes were changed or cut")
	}
	d := decoder{b: body[head:], old: version == oldVersion}
	n := d.names()
	if d.err == nil && len(d.b) > 0 {
		d.err = fmt.Errorf("%d bytes after the end", len(d.b))
	}
	return n, d.err
}

// What is true of a latent.
const (
	flagDead = 1 << iota
	flagCommon
)

// encoder appends numbers and texts to b.
type encoder struct{ b []byte }

func (e *encoder) uint(v uint64)   { e.b = binary.AppendUvarint(e.b, v) }
func (e *encoder) float(v float32) { e.b = binary.LittleEndian.AppendUint32(e.b, math.Float32bits(v)) }
func (e *encoder) text(s string)   { e.uint(uint64(len(s))); e.b = append(e.b, s...) }

func (e *encoder) name(n Name) {
	flags := uint64(0)
	if n.Dead {
		flags |= flagDead
	}
	if n.Common {
		flags |= flagCommon
	}
	e.uint(flags)
	e.text(n.Word)
	e.float(n.Score)
	e.float(n.Margin)
	e.float(n.Z)
	e.float(n.AUC)
	e.uint(uint64(n.Fired))
	e.uint(uint64(len(n.RunnersUp)))
	for _, c := range n.RunnersUp {
		e.text(c.Word)
		e.float(c.Score)
	}
}

// decoder takes numbers and texts from the front of b. The first fault sticks in err, and zeros follow it.
type decoder struct {
	b   []byte
	old bool // the file has the version before
	err error
}

// take returns the next n bytes.
func (d *decoder) take(n uint64) []byte {
	if d.err == nil && n > uint64(len(d.b)) {
		d.err = io.ErrUnexpectedEOF
	}
	if d.err != nil {
		return make([]byte, min(n, 4))
	}
	part := d.b[:n]
	d.b = d.b[n:]
	return part
}

func (d *decoder) uint() uint64 {
	v, n := binary.Uvarint(d.b)
	if d.err == nil && n <= 0 {
		d.err = io.ErrUnexpectedEOF
	}
	if d.err != nil {
		return 0
	}
	d.b = d.b[n:]
	return v
}

// count reads the length of a list, each entry of which takes at least size bytes of what is left.
func (d *decoder) count(size int) int {
	n := d.uint()
	if d.err == nil && n > uint64(len(d.b)/size) {
		d.err = io.ErrUnexpectedEOF
	}
	if d.err != nil {
		return 0
	}
	return int(n)
}

func (d *decoder) float() float32 { return math.Float32frombits(binary.LittleEndian.Uint32(d.take(4))) }

func (d *decoder) text() string {
	n := d.uint()
	if b := d.take(n); d.err == nil {
		return string(b)
	}
	return ""
}

func (d *decoder) names() *Names {
	n := &Names{}
	if options := d.text(); d.err == nil {
		d.err = json.Unmarshal([]byte(options), &n.Options)
	}
	n.Latents = make([]Name, d.count(15)) // flag, empty word, three numbers, no runners-up
	for i := range n.Latents {
		n.Latents[i] = d.name()
	}
	n.Concepts = make([]Concept, d.count(2)) // empty word, no latents
	for i := range n.Concepts {
		n.Concepts[i] = d.concept(len(n.Latents))
		if i > 0 && d.err == nil && n.Concepts[i-1].Word >= n.Concepts[i].Word {
			d.err = fmt.Errorf("concept %q after %q, not in order", n.Concepts[i].Word, n.Concepts[i-1].Word)
		}
	}
	if !d.old {
		n.Twins = d.twins(len(n.Latents))
	}
	return n
}

func (d *decoder) twins(latents int) [][]uint32 {
	var all [][]uint32
	for range d.count(3) { // two latents
		group := make([]uint32, d.count(1))
		for i := range group {
			l := d.uint()
			if d.err == nil && (l >= uint64(latents) || i > 0 && uint64(group[i-1]) >= l) {
				d.err = fmt.Errorf("latent %d of %d among twins, or not in order", l, latents)
			}
			group[i] = uint32(l)
		}
		all = append(all, group)
	}
	return all
}

func (d *decoder) name() Name {
	flags := d.uint()
	n := Name{Dead: flags&flagDead != 0, Common: flags&flagCommon != 0, Word: d.text(), Score: d.float(), Margin: d.float(), Z: d.float()}
	if !d.old {
		n.AUC, n.Fired = d.float(), int(d.uint()&math.MaxInt32)
	}
	for range d.count(5) { // empty word, number
		n.RunnersUp = append(n.RunnersUp, Candidate{Word: d.text(), Score: d.float()})
	}
	return n
}

func (d *decoder) concept(latents int) Concept {
	c := Concept{Word: d.text()}
	for range d.count(5) { // latent, number
		w := Weight{Latent: uint32(d.uint()), W: d.float()}
		if d.err == nil && int64(w.Latent) >= int64(latents) {
			d.err = fmt.Errorf("concept %q has latent %d of %d", c.Word, w.Latent, latents)
		}
		c.Group = append(c.Group, w)
	}
	return c
}
