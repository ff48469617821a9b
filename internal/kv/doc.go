// Package kv is the room that speaks Pebble: it knows keys, values, batches and snapshots, and nothing of pictures.
//
// Three types matter. A [Store] is one open Pebble database in one folder; a [Batch] collects changes and commits
// them together or not at all; a [Snapshot] reads one unchanging state. Keys are built by the Key… functions
// (key.go), values by the Append… functions and read back by the Decode… functions beside them; db/FORMAT.md shows
// every one of them as bytes. A decoder never panics: bytes it cannot read satisfy errors.Is(err, ErrCorrupt).
//
// Pebble ends the process when it can no longer write its log. A Store does not: it marks itself failed, refuses
// every later write to the folder (fence.go) and answers every later call with ErrFailed (guard.go).
//
// Goroutines: a Store and a Snapshot may be used by many at once, a Batch and an iteration by one.
package kv
