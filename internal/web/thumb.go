package web

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"hash/fnv"
	"html/template"
	"strings"
)

// Thumb gives the address of a thumbnail as a data URI. Bytes that are not a
// JPEG, PNG, GIF or WebP picture, and no bytes at all, give a tile drawn from the
// id, so that every item has a face and the same item always has the same one.
func Thumb(id string, pic []byte) template.URL {
	ext, pic := Face(id, pic)
	kind := ext
	switch ext {
	case "jpg":
		kind = "jpeg"
	case "svg":
		kind = "svg+xml"
	}
	return template.URL("data:image/" + kind + ";base64," + base64.StdEncoding.EncodeToString(pic)) //nolint:gosec // built here from a known type
}

// Face is a thumbnail as a file: how its name is to end ("jpg"), and its bytes,
// which are pic itself or a tile, as for Thumb.
func Face(id string, pic []byte) (ext string, data []byte) {
	if ext := pictureType(pic); ext != "" {
		return ext, pic
	}
	return "svg", tile(id)
}

// pictureType tells a picture by its first bytes.
func pictureType(b []byte) string {
	switch {
	case bytes.HasPrefix(b, []byte("\xff\xd8\xff")):
		return "jpg"
	case bytes.HasPrefix(b, []byte("\x89PNG\r\n\x1a\n")):
		return "png"
	case bytes.HasPrefix(b, []byte("GIF8")):
		return "gif"
	case len(b) > 12 && string(b[:4]) == "RIFF" && string(b[8:12]) == "WEBP":
		return "webp"
	}
	return ""
}

// tile draws an 8 by 6 pattern whose colours and shapes come from a hash of the id.
func tile(id string) []byte {
	h := fnv.New64a()
	h.Write([]byte(id))
	bits := h.Sum64()
	hue := bits % 360
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 8 6"><rect width="8" height="6" fill="hsl(%d 22%% 72%%)"/>`, hue)
	for y := range 6 {
		for x := range 4 {
			if bits>>(8+y*4+x)&1 == 0 {
				continue
			}
			light := 58 + bits>>(32+y*4+x)&1*8
			fmt.Fprintf(&b, `<path fill="hsl(%d 26%% %d%%)" d="M%d %dh1v1h-1zM%d %dh1v1h-1z"/>`, hue, light, x, y, 7-x, y)
		}
	}
	b.WriteString(`</svg>`)
	return []byte(b.String())
}
