package db

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/saedb/saedb/internal/kv"
)

// A backup is a tar archive of the files that a checkpoint of the store has, compressed with zstd, and then sumsFile: a line for
// each, its SHA-256 in hexadecimal, two spaces and its name, as sha256sum writes and reads them. `zstd -d | tar x` opens one without
// saedb. As a folder a backup is the same files, not compressed.
const sumsFile = "SHA256SUMS"

// ErrBackup marks what is no backup, or one that was damaged or cut short.
var ErrBackup = errors.New("not a whole, unharmed backup")

// Backup writes the database to w as one compressed stream: all that was acknowledged when it was called. Others may write
// meanwhile; what they write is not in it. One backup at a time. Restore reads it.
func (d *DB) Backup(ctx context.Context, w io.Writer) (err error) {
	c, err := d.store.Checkpoint()
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("backup: another one is being made: wait for it to end")
	}
	if err != nil {
		return fmt.Errorf("backup: %w", err)
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	z, err := zstd.NewWriter(w)
	if err != nil {
		return fmt.Errorf("backup: %w", err)
	}
	t := tar.NewWriter(z)
	if err := writeArchive(ctx, t, c); err != nil {
		return fmt.Errorf("backup: %w", errors.Join(err, z.Close()))
	}
	if err := errors.Join(t.Close(), z.Close()); err != nil {
		return fmt.Errorf("backup: %w", err)
	}
	return nil
}

// writeArchive writes the files of a checkpoint and their sums.
func writeArchive(ctx context.Context, t *tar.Writer, c *kv.Checkpoint) error {
	sums, err := copyFiles(ctx, c, func(name string, size int64) (io.Writer, error) { return t, t.WriteHeader(header(name, size)) })
	if err != nil {
		return err
	}
	if err := t.WriteHeader(header(sumsFile, int64(len(sums)))); err != nil {
		return err
	}
	_, err = t.Write(sums)
	return err
}

// copyFiles copies each file of a checkpoint to where to says, and returns the lines of their sums.
func copyFiles(ctx context.Context, c *kv.Checkpoint, to func(name string, size int64) (io.Writer, error)) ([]byte, error) {
	names, err := c.Files()
	if err != nil {
		return nil, err
	}
	var sums bytes.Buffer
	for _, name := range names {
		sum, err := copyFile(ctx, c, name, to)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		fmt.Fprintf(&sums, "%x  %s\n", sum, name)
	}
	return sums.Bytes(), nil
}

func copyFile(ctx context.Context, c *kv.Checkpoint, name string, to func(name string, size int64) (io.Writer, error)) ([]byte, error) {
	f, size, err := c.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	w, err := to(name, size)
	if err != nil {
		return nil, err
	}
	sum := sha256.New()
	if _, err := io.Copy(io.MultiWriter(w, sum), reader{ctx, f}); err != nil {
		return nil, err
	}
	return sum.Sum(nil), nil
}

func header(name string, size int64) *tar.Header {
	return &tar.Header{Typeflag: tar.TypeReg, Name: name, Size: size, Mode: 0o644, ModTime: time.Unix(0, 0), Format: tar.FormatPAX}
}

// reader is r until ctx ends.
type reader struct {
	ctx context.Context
	r   io.Reader
}

func (r reader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, context.Cause(r.ctx)
	}
	return r.r.Read(p)
}

// BackupTo makes a backup in the folder dir, which must not exist: files are hard links where the disk is the same, so that it
// costs next to nothing until the database changes. RestoreFrom reads it. Opening it as a database is possible, and for reading does no harm.
func (d *DB) BackupTo(ctx context.Context, dir string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	c, err := d.store.CheckpointTo(dir)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("backup: %s exists: name a folder that does not", dir)
	}
	if err != nil {
		return fmt.Errorf("backup: %w", err)
	}
	sums, err := copyFiles(ctx, c, func(string, int64) (io.Writer, error) { return io.Discard, nil })
	if err == nil {
		err = c.Add(sumsFile, sums)
	}
	if err != nil {
		return fmt.Errorf("backup: %w", errors.Join(err, c.Close()))
	}
	return nil
}

// parseSums reads the sums of the files of a backup. A name that no store has a file of is an error: a backup never brings
// anything else into a folder.
func parseSums(text []byte) (map[string]string, error) {
	sums := map[string]string{}
	for line := range strings.Lines(string(text)) {
		sum, name, ok := strings.Cut(strings.TrimSuffix(line, "\n"), "  ")
		if raw, err := hex.DecodeString(sum); !ok || err != nil || len(raw) != sha256.Size {
			return nil, fmt.Errorf("%w: %s has the line %q", ErrBackup, sumsFile, line)
		}
		if !kv.IsFile(name) {
			return nil, fmt.Errorf("%w: %s names %q, which is no file of a database", ErrBackup, sumsFile, name)
		}
		if _, twice := sums[name]; twice {
			return nil, fmt.Errorf("%w: %s names %s twice", ErrBackup, sumsFile, name)
		}
		sums[name] = sum
	}
	if len(sums) == 0 {
		return nil, fmt.Errorf("%w: %s is empty", ErrBackup, sumsFile)
	}
	return sums, nil
}
