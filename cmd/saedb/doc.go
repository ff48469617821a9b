// Command saedb holds a database open and lets other processes read it over HTTP: saectl --db http://…, the Go client
// db/remote, and whatever speaks JSON. Nothing can be written through it.
//
//	saedb --db pictures.saedb
//	saectl --db http://127.0.0.1:7878 query 'concept = dog top 10'
//	curl http://127.0.0.1:7878/v1/query -H 'Content-Type: application/json' -d '{"query":"concept = dog top 10"}'
//
// Package db/remote documents the requests and holds their handler; this room opens the database, listens, and ends on a
// signal. It prints the server's URL on stdout as soon as it answers, and everything else on stderr.
//
// Out of the box it listens on the loopback interface only and asks for no token: whoever may run programs on the machine
// may read. Any other address needs --token-file; put a proxy that speaks TLS before it, or a tunnel, because the
// token and the answers go over the wire as they are.
package main
