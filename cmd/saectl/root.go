package main

import (
	"strings"

	"github.com/spf13/cobra"
)

// newRootCmd is the whole command tree over a. Every tree has its own flags, so
// tests may build as many as they like.
func newRootCmd(a *app) *cobra.Command {
	root := &cobra.Command{
		Use:   "saectl",
		Short: "Store picture vectors, train a sparse autoencoder on them, query by concept",
		Long: `saectl keeps CLIP vectors and their sparse codes in an embedded database,
trains the sparse autoencoder that makes those codes, names its latents, and
answers queries such as

    saectl query 'concept = seascape top 10'

The database is --db DIR, else $SAEDB_DIR, else the nearest .saedb folder in
this directory or above it. Where a saedb server has it open, query, explain,
concepts, near, get and stats read through the server: --db http://HOST:PORT, with
its token, if it wants one, in $SAEDB_TOKEN. Rows are a table on a terminal and
JSON lines elsewhere. Exit status: 0 found or done, 1 nothing found, 2 error.`,
		SilenceErrors: true, // run renders errors, once
		SilenceUsage:  true,
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error {
			a.command = strings.TrimPrefix(cmd.CommandPath(), "saectl ")
			return a.resolve()
		},
	}
	root.SetIn(a.stdin)
	root.SetOut(a.stdout)
	root.SetErr(a.stderr)
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return hint(err, "%s --help lists the flags", cmd.CommandPath())
	})

	flags := root.PersistentFlags()
	flags.StringVar(&a.flags.db, "db", "", "database folder, or the URL of a saedb server (default $SAEDB_DIR, else the nearest .saedb upwards)")
	flags.StringVar(&a.flags.format, "format", "", "table, json, jsonl, csv, tsv or paths (default table on a terminal, else jsonl)")
	flags.BoolVar(&a.flags.json, "json", false, "short for --format json")
	flags.BoolVarP(&a.flags.zero, "null", "0", false, "with --format paths: end each path with a NUL byte")
	flags.BoolVarP(&a.flags.quiet, "quiet", "q", false, "no progress and no notes")

	root.AddCommand(
		newSetupCmd(a),
		newDoctorCmd(a),
		newIndexCmd(a),
		newImportCmd(a),
		newEncodeCmd(a),
		newGetCmd(a),
		newRmCmd(a),
		newDemoCmd(a),
		newTrainCmd(a),
		newNameCmd(a),
		newClusterCmd(a),
		newModelsCmd(a),
		newQueryCmd(a),
		newExplainCmd(a),
		newConceptsCmd(a),
		newNearCmd(a),
		newEvalCmd(a),
		newGalleryCmd(a),
		newPlotCmd(a),
		newStatsCmd(a),
		newCheckCmd(a),
		newBackupCmd(a),
		newRestoreCmd(a),
		newCompactCmd(a),
		newUpgradeCmd(a),
		newExportCmd(a),
		newBenchCmd(a),
		newVersionCmd(a),
		newManCmd(a),
		newCompletionCmd(a),
	)
	a.addCompletions(root)
	return root
}

// wantArgs makes a demand on positional arguments say how the command is called.
func wantArgs(demand cobra.PositionalArgs) cobra.PositionalArgs {
	return func(cmd *cobra.Command, given []string) error {
		return hint(demand(cmd, given), "usage: %s", cmd.UseLine())
	}
}
