// Package lint holds the tests that keep the house in order: which room may import which, and what a library may not do. It has no code of
// its own.
package lint
