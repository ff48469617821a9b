package main

import (
	"context"
	"os"
)

func main() {
	os.Exit(run(context.Background(), osApp(), os.Args[1:]))
}

// run executes one command line and returns its exit status.
func run(ctx context.Context, a *app, args []string) int {
	ctx, stop := a.interruptible(ctx)
	defer stop()

	a.jsonErrors = wantsJSON(args)
	root := newRootCmd(a)
	root.SetArgs(args)
	return a.status(root.ExecuteContext(ctx))
}
