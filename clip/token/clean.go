package token

import (
	"html"
	"strings"

	"golang.org/x/text/cases"
	"golang.org/x/text/language"
	"golang.org/x/text/unicode/norm"
	"golang.org/x/text/width"
)

// plain are the characters that OpenAI's reference replaces before it cuts a text: curly quotes and Latin ligatures. The reference leaves
// this to ftfy's defaults (github.com/rspeer/python-ftfy); its repair of wrongly decoded text is the one part not done here.
var plain = strings.NewReplacer(
	"‘", "'", "’", "'", "‚", "'", "‛", "'", "ʼ", "'",
	"“", `"`, "”", `"`, "„", `"`, "‟", `"`,
	"ﬀ", "ff", "ﬁ", "fi", "ﬂ", "fl", "ﬃ", "ffi", "ﬄ", "ffl", "ﬅ", "ſt", "ﬆ", "st",
	"Ĳ", "IJ", "ĳ", "ij", "ŉ", "'n", "Ǳ", "DZ", "ǲ", "Dz", "ǳ", "dz", "Ǆ", "DŽ", "ǅ", "Dž", "ǆ", "dž", "Ǉ", "LJ", "ǈ", "Lj", "ǉ", "lj", "Ǌ", "NJ", "ǋ", "Nj", "ǌ", "nj",
)

// clean brings a text into the form whose bytes are cut: entities resolved, quotes straight, composed (NFC), lower case, single spaces.
func clean(text string) string {
	text = strings.ToValidUTF8(text, "\uFFFD")
	text = narrow(html.UnescapeString(plain.Replace(html.UnescapeString(text))))
	text = strings.Map(dropControl, norm.NFC.String(text))
	return lower(strings.Join(strings.FieldsFunc(html.UnescapeString(text), isSpace), " "))
}

// lower maps to lower case in full, one letter to several where Unicode says so (İ), as Python does.
func lower(text string) string { return cases.Lower(language.Und).String(text) }

// narrow replaces full-width letters and half-width kana by their usual forms.
func narrow(text string) string {
	for _, r := range text {
		if r >= '\uFF01' && r <= '\uFFEF' || r == '\u3000' {
			return width.Fold.String(text)
		}
	}
	return text
}

// dropControl deletes the control characters that carry no space, byte order marks and soft formatting marks of the old kind.
func dropControl(r rune) rune {
	switch {
	case r == '\t', r == '\n', r == '\f', r == '\r', r == '\v':
		return ' '
	case r < ' ', r == 0x7F, r == 0xFEFF, r >= 0x206A && r <= 0x206F, r >= 0xFFF9 && r <= 0xFFFC:
		return -1
	}
	return r
}
