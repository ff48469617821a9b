package db

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"sync/atomic"
	"unsafe"

	"github.com/cespare/xxhash/v2"

	"github.com/saedb/saedb/index/flat"
	"github.com/saedb/saedb/internal/kv"
)

// The file of rounded rows holds the rows of a file of rows as bytes, a quarter of their size, with bounds on what that leaves out: an
// exact search looks at the bytes of all rows and at the values of the few that they leave in doubt. It is made from the file of rows,
// has its stamp, and lies over it; without it searches read the rows themselves.

const (
	roundMagic   = "saedbrnd"
	roundVersion = 1
	roundPrefix  = "round-" // then the stamp of the file of rows
	roundAtOnce  = 1 << 13  // rows that are rounded before they are written
)

// roundFrom is the number of rows from which on there is such a file: fewer are read in less than a millisecond.
const roundFrom = derivedMin

// roundFile is an open file of rounded rows.
type roundFile struct {
	side  *kv.Side
	bytes []byte
	dim   int
	sums  []byte        // a checksum for each block of rows
	seen  []atomic.Bool // blocks whose checksum was right
	index *flat.Fixed
}

// roundLayout returns where the sections of the file begin, and its size: bytes, then scales, rests, reach and widest, then checksums.
func (h rowsHeader) roundLayout() (mean, bytes, scales, sums, size int64) {
	mean = rowsHead
	bytes = (mean + 4*int64(h.Dim) + rowsHead - 1) / rowsHead * rowsHead
	scales = (bytes + int64(h.Rows)*int64(h.Dim) + 7) / 8 * 8
	sums = scales + 8*int64(h.Rows) + 8
	blocks := (int64(h.Rows) + rowsBlock - 1) / rowsBlock
	return mean, bytes, scales, sums, sums + 8*(blocks+3)
}

// appendRound appends the fixed part of the header of the file that lies over one with the header h.
func (h rowsHeader) appendRound(dst []byte) []byte { return h.appendAs(dst, roundMagic, roundVersion) }

// readRound makes the bytes of a file that lies over f searchable. Bytes of rows are compared with their checksums by searches.
func readRound(side *kv.Side, f *rowsFile) (*roundFile, error) {
	head := f.appendRound(nil)
	mean, bytes, scales, sums, size := f.roundLayout()
	b := side.Data
	if int64(len(b)) != size || string(b[:len(head)]) != string(head) {
		return nil, fmt.Errorf("%w: its header is damaged, or it lies over other rows", errRows)
	}
	all := b[sums : size-8]
	end, n := bytes-mean, int64(f.Rows)
	if xxhash.Sum64(all) != binary.LittleEndian.Uint64(b[size-8:]) || xxhash.Sum64(b[mean:mean+end]) != binary.LittleEndian.Uint64(all) ||
		xxhash.Sum64(b[scales:sums]) != binary.LittleEndian.Uint64(all[8:]) {
		return nil, fmt.Errorf("%w: its mean, scales or checksums are damaged", errRows)
	}
	r := &roundFile{side: side, bytes: b[bytes : bytes+n*int64(f.Dim)], dim: int(f.Dim), sums: all[16:]}
	r.seen = make([]atomic.Bool, (f.Rows+rowsBlock-1)/rowsBlock)
	codes := flat.Codes{Mean: float32s(b[mean:], int64(f.Dim)), Bytes: unsafe.Slice((*int8)(unsafe.Pointer(unsafe.SliceData(r.bytes))), len(r.bytes))}
	codes.Scale, codes.Rest = float32s(b[scales:], n), float32s(b[scales+4*n:], n)
	last := float32s(b[scales+8*n:], 2)
	codes.Reach, codes.Widest = last[0], last[1]
	r.index = f.index.Rounded(codes, r.check)
	return r, nil
}

// float32s is the first n numbers of b.
func float32s(b []byte, n int64) []float32 {
	return unsafe.Slice((*float32)(unsafe.Pointer(unsafe.SliceData(b))), n)
}

// check compares the checksums of the blocks that hold the bytes of the rows from lo to hi, each once.
func (r *roundFile) check(lo, hi int) error {
	for b := lo / rowsBlock; b*rowsBlock < hi; b++ {
		if r.seen[b].Load() {
			continue
		}
		size := rowsBlock * r.dim
		if xxhash.Sum64(r.bytes[b*size:min((b+1)*size, len(r.bytes))]) != binary.LittleEndian.Uint64(r.sums[8*b:]) {
			return fmt.Errorf("%w: block %d of its bytes is damaged", errRound, b)
		}
		r.seen[b].Store(true)
	}
	return nil
}

// errRound is a damaged file of rounded rows. The rows under it may be well.
var errRound = errors.New("unusable file of rounded rows")

func (h rowsHeader) roundName() string { return fmt.Sprintf("%s%016x", roundPrefix, h.Stamp) }

// writeRound writes the file that lies over f.
func (d *DB) writeRound(ctx context.Context, f *rowsFile) error {
	return d.store.WriteSide(f.roundName(), func(w io.Writer) error {
		return f.use(func() error {
			if err := f.check(0, int(f.Rows)); err != nil {
				return err
			}
			return f.encodeRound(ctx, w, d.opts.Threads)
		})
	})
}

// encodeRound writes header, mean, bytes, scales and checksums. The file is in use.
func (f *rowsFile) encodeRound(ctx context.Context, w io.Writer, threads int) error {
	dim := int(f.Dim)
	meanAt, bytesAt, scalesAt, _, _ := f.roundLayout()
	head := make([]byte, bytesAt)
	f.appendRound(head[:0])
	mean := flat.MeanOf(f.vector, dim)
	kv.AppendVector(head[meanAt:meanAt], mean)
	if _, err := w.Write(head); err != nil {
		return err
	}
	var scale, rest []float32
	var sums []byte
	var reach, widest float32
	for lo := 0; lo < int(f.Rows); lo += roundAtOnce {
		if err := ctx.Err(); err != nil {
			return err
		}
		c := flat.Round(f.vector[lo*dim:min(lo+roundAtOnce, int(f.Rows))*dim], mean, threads)
		b := unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(c.Bytes))), len(c.Bytes))
		if _, err := w.Write(b); err != nil {
			return err
		}
		for at := 0; at < len(b); at += rowsBlock * dim {
			sums = binary.LittleEndian.AppendUint64(sums, xxhash.Sum64(b[at:min(at+rowsBlock*dim, len(b))]))
		}
		scale, rest = append(scale, c.Scale...), append(rest, c.Rest...)
		reach, widest = max(reach, c.Reach), max(widest, c.Widest)
	}
	end := kv.AppendVector(kv.AppendVector(nil, scale), rest)
	end = binary.LittleEndian.AppendUint32(end, math.Float32bits(reach))
	end = binary.LittleEndian.AppendUint32(end, math.Float32bits(widest))
	if _, err := w.Write(make([]byte, scalesAt-bytesAt-int64(f.Rows)*int64(dim))); err != nil {
		return err
	}
	all := binary.LittleEndian.AppendUint64(nil, xxhash.Sum64(head[meanAt:]))
	all = append(binary.LittleEndian.AppendUint64(all, xxhash.Sum64(end)), sums...)
	_, err := w.Write(append(end, binary.LittleEndian.AppendUint64(all, xxhash.Sum64(all))...))
	return err
}

// openRound lays the file of rounded rows over f, if there is a usable one.
func (d *DB) openRound(f *rowsFile) error {
	side, err := d.store.OpenSide(f.roundName())
	if err != nil {
		return err
	}
	r, err := readRound(side, f)
	if err != nil {
		return errors.Join(err, side.Close())
	}
	f.round.Store(r)
	return nil
}

// makeRound makes the file of rounded rows where there are rows enough. That it cannot be made is worth a warning.
func (d *DB) makeRound(ctx context.Context, f *rowsFile) {
	if int(f.Rows) < d.roundFrom() || f.round.Load() != nil {
		return
	}
	err := d.writeRound(ctx, f)
	if err == nil {
		err = d.openRound(f)
	}
	if err != nil {
		d.opts.Logger.Warn("derived file cannot be made", "file", f.roundName(), "cause", err)
	}
}

// roundFrom is the number of rows that are worth a file of rounded ones.
func (d *DB) roundFrom() int {
	if d.opts.GraphFrom > 0 {
		return min(roundFrom, d.opts.GraphFrom)
	}
	return roundFrom
}

// dropRound takes a damaged file out of use. Nobody may be using f.
func (d *DB) dropRound(f *rowsFile, cause error) {
	r := f.round.Swap(nil)
	if r == nil {
		return
	}
	d.opts.Logger.Warn("derived file is not used", "file", f.roundName(), "cause", cause)
	f.mu.Lock()
	err := r.side.Close()
	f.mu.Unlock()
	if !d.opts.ReadOnly {
		err = errors.Join(err, d.store.RemoveSide(f.roundName()))
	}
	if err != nil {
		d.opts.Logger.Warn("derived file stays", "file", f.roundName(), "cause", err)
	}
}

// exact returns the index that answers exactly. The file is in use.
func (f *rowsFile) exact() *flat.Fixed {
	if r := f.round.Load(); r != nil {
		return r.index
	}
	return f.index
}
