package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/saedb/saedb/internal/vec"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	os.Exit(run(ctx, os.Stdout, os.Stderr, os.Args[1:]))
}

// run serves until ctx ends and returns the exit status.
func run(ctx context.Context, stdout, stderr io.Writer, args []string) int {
	cmd := newCmd(stdout, stderr)
	cmd.SetArgs(args)
	if err := cmd.ExecuteContext(ctx); err != nil {
		fmt.Fprintf(stderr, "saedb: %v\n", err)
		return 2
	}
	return 0
}

func newCmd(stdout, stderr io.Writer) *cobra.Command {
	s := server{stdout: stdout, stderr: stderr}
	cmd := &cobra.Command{
		Use:   "saedb --db DIR",
		Short: "Serve a database for reading over HTTP",
		Long: `Hold a database open and let other processes read it over HTTP, such as
saectl --db http://127.0.0.1:7878. Nothing can be written through it. The URL goes
to stdout as soon as the server answers; SIGINT and SIGTERM end it.

Without a token it listens on a loopback address only. The file of the token
holds one line; saectl takes the token from $SAEDB_TOKEN.`,
		Example: `  saedb --db pictures.saedb
  saedb --db pictures.saedb --listen 192.168.1.5:7878 --token-file token.txt`,
		Args:          cobra.NoArgs,
		SilenceErrors: true,
		SilenceUsage:  true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if _, err := vec.Path(); err != nil {
				return err
			}
			return s.serve(cmd.Context())
		},
	}
	cmd.SetOut(stdout)
	cmd.SetErr(stderr)
	flags := cmd.Flags()
	flags.StringVar(&s.dir, "db", "", "database folder (default $SAEDB_DIR)")
	flags.StringVar(&s.listen, "listen", "127.0.0.1:7878", "address and port; port 0: any that is free")
	flags.StringVar(&s.tokenFile, "token-file", "", "file with the token that requests must bring")
	flags.StringSliceVar(&s.options.Hosts, "host", nil, "name that clients may call the server by, besides localhost and its addresses")
	flags.DurationVar(&s.options.Timeout, "timeout", time.Minute, "longest time for one answer")
	flags.IntVar(&s.options.Concurrent, "concurrent", 32, "answers at a time; more are refused")
	flags.StringVar(&s.files, "files", "", "folder whose vector files (.npy) queries may name; without it they name none")
	flags.BoolVar(&s.readOnly, "read-only", false, "open the store for reading only, without its upkeep in the background")
	return cmd
}
