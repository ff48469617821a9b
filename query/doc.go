// Package query gives the query language its meaning. Compile turns a text into
// a Plan: names become latents, values get the types of their fields, and what
// cannot be asked is an Error that shows the place and the cure. Plan.Run asks a
// Source, which is one snapshot of a database, and yields Rows.
//
// The rules every answer keeps:
//
//   - A condition on a concept or a latent gives a score; "not", "!=" and
//     metadata only decide who takes part, before the best rows are chosen.
//   - A picture answers "concept = x" only if the group of latents of x fires
//     in it. Nothing is added to fill up an answer.
//   - Rows come by descending score, and rows of equal score by their ids, byte
//     by byte. The order in which operands were written changes nothing.
//
// A Plan is not changed by Run: it may run many times, on several snapshots, and
// in many goroutines at once.
package query
