package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/saedb/saedb/db"
)

// archiveEnding makes a backup's name that of one file.
const archiveEnding = ".tar.zst"

func newBackupCmd(a *app) *cobra.Command {
	var force bool
	cmd := &cobra.Command{
		Use:   "backup FILE.tar.zst|FOLDER|-",
		Short: "Copy the database, as it is now, to one file or to a folder",
		Long: `Copy the database as it is at this moment: to one compressed file, a tar archive
that ends with the SHA-256 of every file in it, to standard output with -, or to a
new folder with the same files and sums. On the same disk the files of a folder are
hard links and take no room until the database changes. saectl restore brings either
back. Vectors, metadata, autoencoders, codes, names and clusters are in it; the logs
of training runs (the folder runs) are not.`,
		Example: `  saectl backup pictures.tar.zst
  saectl backup - | ssh elsewhere 'cat > pictures.tar.zst'`,
		Args: wantArgs(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.withDB(cmd.Context(), db.Options{}, func(d *db.DB) error {
				return runBackup(cmd.Context(), a, d, args[0], force)
			})
		},
	}
	cmd.Flags().BoolVar(&force, "force", false, "replace a file that exists")
	return cmd
}

func runBackup(ctx context.Context, a *app, d *db.DB, to string, force bool) error {
	switch {
	case to == "-":
		return d.Backup(ctx, a.stdout)
	case !strings.HasSuffix(to, archiveEnding):
		if err := d.BackupTo(ctx, to); err != nil {
			return hint(err, "a name that ends with %s makes one file", archiveEnding)
		}
	default:
		if err := checkFree(to, force); err != nil {
			return err
		}
		if err := writeWhole(to, func(w io.Writer) error { return d.Backup(ctx, w) }); err != nil {
			return err
		}
	}
	a.note("wrote %s; saectl restore %s --db NEW brings it back", to, to)
	return nil
}

func newRestoreCmd(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "restore FILE|FOLDER|-",
		Short: "Make a database of a backup",
		Long: `Make the database --db of what saectl backup wrote. Every byte is compared with its
sum while it is read, and the database appears only when all of it is right. Nothing
is restored over a database that exists.`,
		Example: `  saectl restore pictures.tar.zst --db pictures`,
		Args:    wantArgs(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			return runRestore(cmd.Context(), a, args[0])
		},
	}
}

func runRestore(ctx context.Context, a *app, from string) error {
	dir, err := a.dbDir(true)
	if err != nil {
		return err
	}
	err = restoreFrom(ctx, a, dir, from)
	switch {
	case errors.Is(err, fs.ErrExist):
		return hint(err, "--db names the folder to make")
	case errors.Is(err, db.ErrBackup):
		return hint(err, "%s is of no use as it is; nothing was changed", from)
	case err != nil:
		return err
	}
	a.note("restored %s", dir)
	return nil
}

func restoreFrom(ctx context.Context, a *app, dir, from string) error {
	if from == "-" {
		return db.Restore(ctx, dir, a.stdin)
	}
	st, err := os.Stat(from)
	if err != nil {
		return err
	}
	if st.IsDir() {
		return db.RestoreFrom(ctx, dir, from)
	}
	f, err := os.Open(from)
	if err != nil {
		return err
	}
	defer f.Close()
	return db.Restore(ctx, dir, f)
}

// sizes is what compact prints.
type sizes struct {
	Before uint64 `json:"bytes_before"`
	After  uint64 `json:"bytes_after"`
}

func newCompactCmd(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "compact",
		Short: "Give back the room of what was replaced or removed",
		Args:  wantArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.withDB(cmd.Context(), db.Options{}, func(d *db.DB) error {
				before, after, err := d.Compact(cmd.Context())
				if err != nil {
					return err
				}
				if err := a.deriveGraph(cmd.Context(), d); err != nil {
					return err
				}
				return a.printOutcome(sizes{before, after}, fmt.Sprintf("%s bytes in tables, %s before", thousands(int(after)), thousands(int(before))))
			})
		},
	}
}

func newUpgradeCmd(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "upgrade",
		Short: "Bring the database to the newest format",
		Long: `Bring all of the database to the newest format that this program knows. An older one
works without it, and rows take the newest form as they are written; afterwards all
rows have it, check finds rows that went missing by sums that are kept with
them, and latents have statistics that listings read. A program that is older than the database refuses to open it.`,
		Args: wantArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			dir, err := a.dbDir(false)
			if err != nil {
				return err
			}
			from, to, err := db.Upgrade(cmd.Context(), dir)
			if errors.Is(err, db.ErrNoDatabase) {
				return hint(fmt.Errorf("%s: no database here", dir), creators)
			}
			if err != nil {
				return err
			}
			if from == to {
				a.note("%s has format %d, the newest this program knows: nothing to do", dir, to)
				return nil
			}
			a.note("%s had format %d and has format %d", dir, from, to)
			return nil
		},
	}
}
