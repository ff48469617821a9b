package vec

var (
	wide512   = shape{6, 64, tileAVX5126x64, tileAVX5121x64, nil}
	narrow512 = shape{12, 16, tileAVX51212x16, tileAVX5121x16, nil} // for few rows of x
	narrow2   = shape{6, 16, nil, tileAVX21x16, stripAVX2}
)

// turns says that packed and turned are there.
const turns = true

func fetch(dst *float32, stride, rows, columns int) { fetchAVX2(dst, stride, rows, columns) }

func packed(dst, x *float32, stride, lanes, eights int) { packedAVX2(dst, x, stride, lanes, eights) }

func turned(dst, sums, bias *float32, stride, lanes, eights int) {
	turnedAVX2(dst, sums, bias, stride, lanes, eights)
}

func column(o, x, w *float32, stride, columns int) { columnAVX2(o, x, w, stride, columns) }
