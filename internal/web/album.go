package web

import (
	"fmt"
	"html/template"
	"strings"
)

// Album holds the pictures of one page, each once however often the page shows
// it: a picture is the background of a class of the page's style sheet. The zero
// Album is empty and ready; it is not safe for concurrent use.
type Album struct {
	classes map[string]string // by id
	css     strings.Builder
}

// Class returns the class that shows the picture of id, if the album has it.
func (a *Album) Class(id string) (class string, ok bool) {
	class, ok = a.classes[id]
	return class, ok
}

// Add puts the picture of id into the album and returns its class. The first
// picture of an id stays; pic is as Thumb takes it.
func (a *Album) Add(id string, pic []byte) string {
	if class, ok := a.classes[id]; ok {
		return class
	}
	if a.classes == nil {
		a.classes = map[string]string{}
	}
	class := fmt.Sprintf("i%d", len(a.classes))
	a.classes[id] = class
	fmt.Fprintf(&a.css, ".%s{background-image:url(\"%s\")}\n", class, Thumb(id, pic))
	return class
}

// Len is the number of pictures.
func (a *Album) Len() int { return len(a.classes) }

// Size is how many bytes the pictures take in the page.
func (a *Album) Size() int { return a.css.Len() }

// sheet is the style sheet; empty without pictures. A nil album has none.
func (a *Album) sheet() template.CSS {
	if a == nil {
		return ""
	}
	return template.CSS(a.css.String()) //nolint:gosec // classes and data URIs made here
}
