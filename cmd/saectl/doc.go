// Command saectl is the command line of saedb. It turns flags into calls of the
// library rooms and their answers into lines; the work itself lives in those rooms.
//
// The contract scripts rely on: data on stdout, progress and notes on stderr;
// exit status 0 found or done, 1 nothing found, 2 error; a reader that closes
// the pipe early is a success; Ctrl-C leaves a database that the same command
// continues, a second Ctrl-C ends the process at once.
//
// # How to add a command
//
//  1. Write foo.go with func newFooCmd(a *app) *cobra.Command: one file per
//     command, its flags in a struct, flags turned into meaning in one step at
//     the top of RunE. Short is a line without a full stop, Long says what is
//     read and what is written, Example can be pasted into a shell.
//  2. List it in newRootCmd (root.go).
//  3. Answer through the app and never through os: many rows with a.printer,
//     one object with a.printObject, remarks with a.note, long work with
//     a.progress, the database with a.withDB, queries with printAnswer;
//     what a server can answer as well, with a.withReader.
//  4. Return errors, never print or exit. hint(err, "…") adds the cure;
//     errNothing means "worked, found nothing" (exit status 1).
//  5. Write testdata/script/foo.txtar, a shell dialogue that shows the command,
//     its output, its exit status and each refusal; and foo_test.go for what a
//     dialogue shows badly.
package main
