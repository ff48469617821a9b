package querytest

import (
	"fmt"
	"strings"
)

// Page is the reference page of the language: the pictures that its examples are asked of, and the examples.
type Page struct {
	Pictures *Data
	Queries  []string // those that are shown as texts of the language
}

// ParsePage reads the page. Its last block, of the kind "pictures", is the data; in blocks of the kind "query" a line after > is an example.
func ParsePage(text string) (*Page, error) {
	blocks := strings.Split(text, "```")
	if len(blocks)%2 == 0 || len(blocks) < 3 {
		return nil, fmt.Errorf("a block is not closed, or there is none")
	}
	data, isPictures := strings.CutPrefix(blocks[len(blocks)-2], "pictures\n")
	if !isPictures {
		return nil, fmt.Errorf("the last block describes no pictures")
	}
	p := &Page{}
	var err error
	if p.Pictures, err = ParseData(data); err != nil {
		return nil, err
	}
	for i := 1; i < len(blocks); i += 2 {
		body, isQuery := strings.CutPrefix(blocks[i], "query\n")
		for line := range strings.Lines(body) {
			if text, isExample := strings.CutPrefix(line, "> "); isQuery && isExample {
				p.Queries = append(p.Queries, strings.TrimSuffix(text, "\n"))
			}
		}
	}
	return p, nil
}
