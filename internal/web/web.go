// Package web holds the HTML pages of saedb: the report that `saectl gallery`
// writes, and the pieces a server can show again.
//
// A Report is plain data, filled by the caller; Pages turns it into one
// self-contained document: style inline, pictures as data URIs, no script, no
// remote address, and a content security policy that says so. Everything that
// comes from a database (ids, words, captions) is escaped by html/template.
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

//go:embed page/report.html page/style.css
var files embed.FS

// Pages is the parsed set of pages.
type Pages struct {
	t     *template.Template
	style string
	csp   string
}

// New parses the pages that are built into the program.
func New() (*Pages, error) {
	css, err := files.ReadFile("page/style.css")
	if err != nil {
		return nil, fmt.Errorf("web: read the style sheet: %w", err)
	}
	style := strings.TrimSpace(string(css))
	t, err := template.New("report.html").Funcs(template.FuncMap{
		"slug": slug,
	}).ParseFS(files, "page/report.html")
	if err != nil {
		return nil, fmt.Errorf("web: parse the report: %w", err)
	}
	return &Pages{t: t, style: style, csp: policy(style)}, nil
}

// policy allows the one style sheet by its hash, pictures from data URIs, and
// nothing else: the page cannot load, run or send anything.
func policy(style string) string {
	sum := sha256.Sum256([]byte(style))
	return "default-src 'none'; img-src data:; style-src 'sha256-" +
		base64.StdEncoding.EncodeToString(sum[:]) + "'; base-uri 'none'; form-action 'none'"
}

// Report writes r as one HTML document.
func (p *Pages) Report(w io.Writer, r *Report) error {
	err := p.t.Execute(w, struct {
		*Report
		Style template.CSS
		CSP   string
	}{r, template.CSS(p.style), p.csp}) //nolint:gosec // our own style sheet, embedded
	if err != nil {
		return fmt.Errorf("web: write the report: %w", err)
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
