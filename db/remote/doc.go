// Package remote reads a database through the process that has it open. Pebble locks a folder for one process; Handler
// is what that process serves over HTTP, and Dial is a client with the reading calls of package db.
//
// Everything is JSON and below /v1:
//
//	POST /v1/query        {"query":"concept = $c top 10","params":{"c":"dog"}}: one row a line, as saectl query --format jsonl
//	GET  /v1/items?id=ID  one item with its vector and its metadata
//	GET  /v1/stats        what the database holds
//	GET  /v1/fingerprint  {"fingerprint":"…"}
//	GET  /v1/healthz      {"api":"v1","status":"ok"}; needs no token
//
// An error is {"error":"…","offset":12,"hint":"…","kind":"…"}: the body of an answer whose status is not 200 or, where rows
// had been sent already, the last line. The offset is a byte of the query's text; the kind is one of a fixed list, by which
// errors.Is finds on this side what it would find on the other. A line {"note":"…"} says what the asker should know.
//
// A parameter is a text, a number, true or false, a list of texts, or a list of numbers, which is a vector. A query cannot
// name files and URLs: the server would read them. Nothing can be written.
package remote
