package picture

import "bytes"

// A magic is how the files of one format begin. A '?' stands for any byte.
type magic struct {
	prefix  string
	format  string // as in Picture.Format, or the name of a format that saedb cannot read
	decoded bool
}

// magics lists the formats by their first bytes; the ISO containers (HEIC, AVIF) are told apart by isoBrand.
func magics() []magic {
	return []magic{
		{"\xff\xd8\xff", "jpeg", true},
		{"\x89PNG\r\n\x1a\n", "png", true},
		{"GIF87a", "gif", true},
		{"GIF89a", "gif", true},
		{"RIFF????WEBP", "webp", true},
		{"BM????\x00\x00\x00\x00", "bmp", true},
		{"II*\x00", "tiff", true},
		{"MM\x00*", "tiff", true},

		{"II+\x00", "BigTIFF", false},
		{"MM\x00+", "BigTIFF", false},
		{"\xff\x0a", "JPEG XL", false},
		{"\x00\x00\x00\x0cJXL \r\n\x87\n", "JPEG XL", false},
		{"\x00\x00\x00\x0cjP  \r\n\x87\n", "JPEG 2000", false},
		{"\xff\x4f\xff\x51", "JPEG 2000", false},
		{"8BPS", "Photoshop", false},
		{"gimp xcf", "GIMP", false},
		{"%PDF-", "PDF", false},
		{"<svg", "SVG", false},
		{"\x00\x00\x01\x00", "ICO", false},
		{"qoif", "QOI", false},
		{"v/1\x01", "OpenEXR", false},
	}
}

// sniff names the format of a file by its first bytes: "" where it is no picture that saedb has heard of.
func sniff(data []byte) (format string, decoded bool) {
	for _, m := range magics() {
		if begins(data, m.prefix) {
			return m.format, m.decoded
		}
	}
	return isoBrand(data), false
}

func begins(data []byte, pattern string) bool {
	if len(data) < len(pattern) {
		return false
	}
	for i := range len(pattern) {
		if pattern[i] != '?' && pattern[i] != data[i] {
			return false
		}
	}
	return true
}

// isoBrand tells the picture formats that live in an ISO base media file by the brands of its first box.
func isoBrand(data []byte) string {
	if !begins(data, "????ftyp????") {
		return ""
	}
	box := data[8:min(len(data), 64)]
	for _, avif := range []string{"avif", "avis"} {
		if bytes.Contains(box, []byte(avif)) {
			return "AVIF"
		}
	}
	for _, heic := range []string{"hei", "hevc", "hevx", "mif1", "msf1"} {
		if bytes.HasPrefix(box, []byte(heic)) {
			return "HEIC"
		}
	}
	return ""
}
