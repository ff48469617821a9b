package vec

// neon is the tile of NEON: of its 32 registers 24 hold sums.
var neon = shape{6, 16, tileNEON6x16, tileNEON1x16, nil}

// turns says that packed and turned are not there: rows are packed and written number by number.
const turns = false

func packed(_, _ *float32, _, _, _ int) {}

func turned(_, _, _ *float32, _, _, _ int) {}

// fetch leaves it to the processor.
func fetch(_ *float32, _, _, _ int) {}

func column(o, x, w *float32, stride, columns int) { columnNEON(o, x, w, stride, columns) }

// tileNEON6x16 multiplies 6 rows of w, stride numbers apart, with 16 of x, laid column by column, and adds the sums to o.
//
//go:noescape
func tileNEON6x16(o, x, w *float32, stride, columns int)

// tileNEON1x16 is the same for one row of w.
//
//go:noescape
func tileNEON1x16(o, x, w *float32, stride, columns int)

// columnNEON multiplies one row x with 16 rows of w and adds the sums to o.
//
//go:noescape
func columnNEON(o, x, w *float32, stride, columns int)
