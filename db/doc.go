// Package db is the door of saedb: an embedded database for pictures and the concepts in them.
//
// Three types matter. A [DB] is one open database in one folder. An [Item] is one picture: its id, its vector and
// what is known about it. A [Snapshot] reads one unchanging state; every reading method of DB takes one for the
// length of the call.
//
// What is acknowledged is on disk: when Put, Delete or a chunk of Ingest returns without an error, it survives a crash
// of the process and of the machine. Each of their batches is atomic: an item, its vector, its metadata, its code and
// its place in the lists of the latents are seen together or not at all.
//
// Goroutines: every method of DB and Snapshot may be called by many at once. Writers take turns; readers never wait
// for them. Slices handed in are not kept, slices handed out belong to the caller unless a method says otherwise.
//
// Errors: those below satisfy errors.Is with the sentinels of errors.go. After ErrFailed (a disk that cannot be
// written) the process lives on, every later call says so again, and opening the folder anew finds everything that
// was acknowledged.
package db
