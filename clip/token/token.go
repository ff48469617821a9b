// Package token cuts texts into the numbers that a text encoder reads.
package token

// Tokenizer cuts texts. It may be used from any number of goroutines.
type Tokenizer interface {
	// Encode returns the ids of a text with its start and end token, at most max of them: what is too long loses its
	// tail and keeps the end token.
	Encode(text string, max int) []int64
}
