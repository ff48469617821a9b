// Package syntax turns the text of a query into a tree and back. It knows words
// and places, and no meaning: whether a concept exists, or a threshold makes
// sense where it stands, is the business of package query.
//
// Parse reads a text, Query is the tree, and String writes any tree in its
// canonical form, which parses to the same tree again. grammar.txt lists the
// productions; the parser has a function for each, of the same name.
//
// Trees are plain data: nothing in this package keeps state, and a tree may be
// read by many goroutines at once.
package syntax
