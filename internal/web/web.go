// Package web holds the HTML pages of saedb: the gallery that `saectl gallery`
// writes, and the pieces a server can show again.
//
// A Report is plain data, filled by the caller; Pages turns it into one document:
// style inline, one small script that filters and sorts the atlas (all is there
// without it), pictures inside the page or as files beside it, no remote address,
// and a content security policy that says so. Everything that comes from a
// database (ids, words, captions) is escaped by html/template.
//
// Pages is safe for concurrent use; a Report is only read.
package web

import (
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
	"strings"
)

//go:embed page
var files embed.FS

// Pages is the parsed set of pages.
type Pages struct {
	t             *template.Template
	style, script string
}

// New parses the pages that are built into the program.
func New() (*Pages, error) {
	p := &Pages{}
	for name, text := range map[string]*string{"page/style.css": &p.style, "page/atlas.js": &p.script} {
		b, err := files.ReadFile(name)
		if err != nil {
			return nil, fmt.Errorf("web: read %s: %w", name, err)
		}
		*text = strings.TrimSpace(string(b))
	}
	var err error
	p.t, err = template.New("report.html").Funcs(template.FuncMap{
		"slug": slug, "share": share, "fold": strings.ToLower,
	}).ParseFS(files, "page/*.html")
	if err != nil {
		return nil, fmt.Errorf("web: parse the pages: %w", err)
	}
	return p, nil
}

// policy allows the given style sheets and scripts by their hashes, pictures that
// lie in the page or beside it, and nothing else: the page cannot load, run or
// send anything.
func policy(styles, scripts []string) string {
	return "default-src 'none'; img-src data: file: 'self'; style-src" + hashes(styles) + "; script-src" + hashes(scripts) +
		"; base-uri 'none'; form-action 'none'"
}

// hashes lists texts as a policy does; without texts it allows none.
func hashes(texts []string) string {
	var b strings.Builder
	for _, text := range texts {
		sum := sha256.Sum256([]byte(text))
		b.WriteString(" 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'")
	}
	if b.Len() == 0 {
		return " 'none'"
	}
	return b.String()
}

// Report writes r as one HTML document.
func (p *Pages) Report(w io.Writer, r *Report) error {
	page := struct {
		*Report
		Style, Sheet template.CSS
		Script       template.JS
		CSP          string
	}{Report: r, Style: template.CSS(p.style), Sheet: r.Album.sheet()} //nolint:gosec // our own style sheet, embedded
	styles := []string{p.style}
	if page.Sheet != "" {
		styles = append(styles, string(page.Sheet))
	}
	var scripts []string
	if len(r.Atlas.Latents) > 0 || len(r.Index) > 0 {
		page.Script = template.JS(p.script) //nolint:gosec // our own script, embedded
		scripts = append(scripts, p.script)
	}
	page.CSP = policy(styles, scripts)
	if err := p.t.Execute(w, page); err != nil {
		return fmt.Errorf("web: write the page: %w", err)
	}
	return nil
}

// slug makes an id for a link target: letters and digits, runs of anything else
// become one dash. Two words may share a slug, so callers add a number.
func slug(word string) string {
	var b strings.Builder
	dash := false
	for _, r := range strings.ToLower(word) {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r > 127 {
			if dash && b.Len() > 0 {
				b.WriteByte('-')
			}
			dash = false
			b.WriteRune(r)
			continue
		}
		dash = true
	}
	return b.String()
}
