package query

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"hash/fnv"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/saedb/saedb/query/syntax"
)

// page is what "after" asks for: the rows behind those that a cursor stands for, and a cursor for those behind them. An empty
// text begins.
type page struct {
	at    syntax.Span
	query uint64  // which query the cursors belong to
	from  *cursor // nil: from the beginning
}

func (p *page) String() string {
	if p.from == nil {
		return "from the beginning, with a cursor"
	}
	return fmt.Sprintf("after row %d, with a cursor", p.from.rank)
}

// cursor is a place in an answer: behind its last row so far. As a text it is base64 of
//
//	1 byte    format, 1
//	8 bytes   the query, without what may change from page to page
//	8 bytes   the state of the database
//	varint    done: rows, or groups, so far
//	varint    rank of the last row
//	8 bytes   score of the last row
//	rest      id of the last row
//	4 bytes   CRC-32C of all that
type cursor struct {
	query, state uint64
	done, rank   int
	score        float64
	id           string
}

const cursorFormat = 1

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// String returns the cursor as a text of letters, digits, "-" and "_".
func (c cursor) String() string {
	b := binary.LittleEndian.AppendUint64([]byte{cursorFormat}, c.query)
	b = binary.LittleEndian.AppendUint64(b, c.state)
	b = binary.AppendUvarint(b, uint64(c.done))
	b = binary.AppendUvarint(b, uint64(c.rank))
	b = binary.LittleEndian.AppendUint64(b, math.Float64bits(c.score))
	b = append(b, c.id...)
	b = binary.LittleEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
	return base64.RawURLEncoding.EncodeToString(b)
}

// parseCursor reads what String wrote; ok is false for anything else.
func parseCursor(text string) (c cursor, ok bool) {
	b, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || len(b) < 17+2+8+4 {
		return c, false
	}
	b, sum := b[:len(b)-4], b[len(b)-4:]
	if binary.LittleEndian.Uint32(sum) != crc32.Checksum(b, castagnoli) || b[0] != cursorFormat {
		return c, false
	}
	c.query, c.state = binary.LittleEndian.Uint64(b[1:]), binary.LittleEndian.Uint64(b[9:])
	b = b[17:]
	for _, n := range []*int{&c.done, &c.rank} {
		x, width := binary.Uvarint(b)
		if width <= 0 || x > math.MaxInt32 {
			return c, false
		}
		*n, b = int(x), b[width:]
	}
	if len(b) < 8 {
		return c, false
	}
	c.score, c.id = math.Float64frombits(binary.LittleEndian.Uint64(b)), string(b[8:])
	return c, true
}

// page reads a cursor.
func (c *compiler) page(tail syntax.Tail) (*page, error) {
	n, err := c.name(tail.Arg)
	if err != nil {
		return nil, err
	}
	p := &page{at: tail.Arg.Span, query: c.identity(tail.Arg)}
	if n.Text == "" {
		return p, nil
	}
	from, ok := parseCursor(n.Text)
	switch {
	case !ok:
		return nil, c.fail(tail.Arg.Span, `copy it whole from the row that has it; after "" begins`, "this is no cursor, or a damaged one")
	case from.query != p.query:
		return nil, c.fail(tail.Arg.Span, `a cursor goes on with the query and the parameters that gave it; after "" begins`, "this cursor belongs to another query")
	}
	p.from = &from
	return p, nil
}

// identity hashes what must not change between the pages of one answer: the query without what says how much of it is shown, and its
// parameters, but for the cursor itself.
func (c *compiler) identity(cursor syntax.Name) uint64 {
	h := fnv.New64a()
	fmt.Fprintln(h, (&syntax.Query{Stmt: withoutPaging(c.query.Stmt)}).String())
	for _, name := range slices.Sorted(maps.Keys(c.params)) {
		if cursor.Param && name == cursor.Text {
			continue
		}
		v := widen(c.params[name])
		if t, isTime := v.(time.Time); isTime {
			v = t.UnixNano()
		}
		fmt.Fprintf(h, "%q %T %v\n", name, v, v)
	}
	return h.Sum64()
}

// withoutPaging leaves out the phrases that may differ from page to page.
func withoutPaging(s syntax.Stmt) syntax.Stmt {
	keep := func(tails []syntax.Tail) []syntax.Tail {
		return slices.DeleteFunc(slices.Clone(tails), func(t syntax.Tail) bool {
			switch t.Kind {
			case syntax.TailTop, syntax.TailOffset, syntax.TailAfter, syntax.TailWith, syntax.TailExact, syntax.TailEffort:
				return true
			}
			return false
		})
	}
	switch s := s.(type) {
	case *syntax.Find:
		bare := *s
		bare.Tails = keep(s.Tails)
		return &bare
	case *syntax.List:
		bare := *s
		bare.Tails = keep(s.Tails)
		return &bare
	}
	return s
}

// stateOf hashes the state of a source.
func stateOf(src Source) uint64 {
	h := fnv.New64a()
	h.Write([]byte(src.State()))
	return h.Sum64()
}

// start returns the cursor to go on from, nil for the beginning, once it is sure that the database is the one it was made in.
func (t *tails) start(r *run) (*cursor, error) {
	if t.page == nil || t.page.from == nil {
		return nil, nil
	}
	if t.page.from.state != stateOf(r) {
		return nil, t.stale(r)
	}
	return t.page.from, nil
}

func (t *tails) stale(r *run) error {
	return r.fail(t.page.at, ErrChanged, "the database has changed since this cursor was made, and its rows may come in another order now", `begin again with after ""`)
}

// lastRow returns the row behind which a page begins, nil for the beginning. It is still what the cursor says.
func (t *tails) lastRow(ctx context.Context, r *run, from *cursor) (*ranked, error) {
	if from == nil {
		return nil, nil
	}
	ord, found, err := r.Ord(ctx, from.id)
	if err != nil {
		return nil, err
	}
	if !found {
		return nil, t.stale(r)
	}
	row, err := t.order.row(ctx, r, hit{ord, from.score, from.score, true})
	return &row, err
}

// A slice is the part of an answer that is shown.
type slice struct {
	rows   []ranked
	before int  // rows of the answer before these
	done   int  // rows, or groups, of the answer up to and with these
	more   bool // there are rows behind these; known only where a cursor is asked for
}

// need returns how many rows, or groups, of an answer to look at; 0 is all. skip are already shown.
func (t *tails) need(skip, top int) int {
	switch {
	case top == 0:
		return 0
	case t.page != nil:
		return skip + t.offset + top + 1 // one more says whether there are more
	}
	return skip + t.offset + top
}

// cut takes the rows of an answer that are shown; skip are already shown, top is 0 for all.
func (t *tails) cut(rows []ranked, skip, top int) slice {
	from, to := min(skip+t.offset, len(rows)), len(rows)
	if top > 0 {
		to = min(to, from+top)
	}
	return slice{rows: rows[from:to], before: from, done: to, more: to < len(rows)}
}

// show takes of a ranking what the tails ask for.
func (t *tails) show(ctx context.Context, r *run, rank ranking, from *cursor, top int) (slice, error) {
	skip := 0
	if from != nil {
		skip = from.done
	}
	switch { // what is left out depends on what came before
	case t.group != nil:
		return t.showGroups(ctx, r, rank, skip, top)
	case t.distinct > 0:
		rows, err := t.takeDistinct(ctx, r, rank, t.need(skip, top))
		return t.cut(rows, skip, top), err
	}
	behind, err := t.lastRow(ctx, r, from)
	if err != nil {
		return slice{}, err
	}
	rows, err := rank(ctx, behind, t.need(0, top))
	s := t.cut(rows, 0, top)
	s.before, s.done = s.before+skip, s.done+skip
	return s, err
}

// takeDistinct returns the first n rows of a ranking without near-duplicates, all where n is 0.
func (t *tails) takeDistinct(ctx context.Context, r *run, rank ranking, n int) ([]ranked, error) {
	var rows []ranked
	for row, err := range t.distinctRows(ctx, r, rank, n) {
		if err != nil {
			return nil, err
		}
		if rows = append(rows, row); len(rows) == n {
			break
		}
	}
	return rows, nil
}

// cursorOf returns the cursor behind the rows of s.
func (t *tails) cursorOf(r *run, s slice) cursor {
	last := s.rows[len(s.rows)-1]
	return cursor{t.page.query, stateOf(r), s.done, s.before + len(s.rows), last.lo, last.id}
}
