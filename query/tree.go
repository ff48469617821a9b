package query

import (
	"github.com/saedb/saedb/query/syntax"
)

// TreeText returns the canonical text of a tree, for Compile: the places of its errors are in that text. A tree that is no query is an *Error
// without a text; its message begins with the place in the tree, as a JSON pointer.
func TreeText(q *syntax.Query) (string, error) {
	text, err := q.Text()
	if err != nil {
		return "", fromSyntax("", err)
	}
	return text, nil
}

// ParseText is syntax.Parse, with an *Error.
func ParseText(text string) (*syntax.Query, error) {
	q, err := syntax.Parse(text)
	if err != nil {
		return nil, fromSyntax(text, err)
	}
	return q, nil
}

// ParseTree reads the JSON form of a query. What is wrong with it is an *Error whose place is in data.
func ParseTree(data []byte) (*syntax.Query, error) {
	var q syntax.Query
	if err := q.UnmarshalJSON(data); err != nil {
		return nil, fromSyntax(string(data), err)
	}
	return &q, nil
}
