package db

import (
	"archive/tar"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/klauspost/compress/zstd"

	"github.com/saedb/saedb/internal/kv"
)

// maxWindow bounds what the decompression of a backup may ask for; Backup writes windows of 8 MB at most.
const maxWindow = 64 << 20

// Restore makes the database in dir, which must be missing or empty, of what Backup wrote. It appears there only when every byte was
// read, agrees with its sum and opens as a database: till then it is beside, under a name that begins with a point, and an error
// leaves nothing. Errors: ErrBackup; fs.ErrExist where dir holds anything.
func Restore(ctx context.Context, dir string, r io.Reader) error {
	return restore(ctx, dir, func(to *restoring) error { return to.readArchive(reader{ctx, r}) })
}

// RestoreFrom is Restore from a folder that BackupTo made.
func RestoreFrom(ctx context.Context, dir, from string) error {
	return restore(ctx, dir, func(to *restoring) error { return to.readFolder(ctx, from) })
}

func restore(ctx context.Context, dir string, read func(*restoring) error) (err error) {
	if err := checkEmpty(dir); err != nil {
		return fmt.Errorf("restore: %w", err)
	}
	dir, err = filepath.Abs(dir)
	if err != nil {
		return fmt.Errorf("restore: %w", err)
	}
	parent := filepath.Dir(dir)
	if err := os.MkdirAll(parent, 0o755); err != nil {
		return fmt.Errorf("restore: %w", err)
	}
	temp, err := os.MkdirTemp(parent, "."+filepath.Base(dir)+".restore-*")
	if err != nil {
		return fmt.Errorf("restore: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("restore: %w", err), os.RemoveAll(temp))
		}
	}()
	to := &restoring{dir: temp, sums: map[string]string{}}
	if err := read(to); err != nil {
		return err
	}
	if err := tryOut(ctx, temp); err != nil {
		return err
	}
	if err := os.Chmod(temp, 0o755); err != nil { // a temporary folder is its owner's alone
		return err
	}
	if err := syncDir(temp); err != nil {
		return err
	}
	if err := os.Remove(dir); err != nil && !errors.Is(err, fs.ErrNotExist) { // it was empty
		return err
	}
	if err := os.Rename(temp, dir); err != nil {
		return err
	}
	return syncDir(parent)
}

// checkEmpty refuses a folder that holds anything, and what is no folder.
func checkEmpty(dir string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if len(entries) > 0 {
		return fmt.Errorf("%s is not empty (%s, …), and nothing is ever restored over what is there: name a new folder: %w", dir, entries[0].Name(), fs.ErrExist)
	}
	return nil
}

// tryOut opens the restored database, for reading.
func tryOut(ctx context.Context, dir string) error {
	d, err := Open(ctx, dir, &Options{ReadOnly: true})
	if err != nil {
		return fmt.Errorf("%w: what it holds does not open: %w", ErrBackup, err)
	}
	return d.Close()
}

// restoring is a restore under way: the files that are there, and their sums.
type restoring struct {
	dir  string
	sums map[string]string
}

// readArchive takes all files from a stream.
func (to *restoring) readArchive(r io.Reader) error {
	z, err := zstd.NewReader(r, zstd.WithDecoderMaxWindow(maxWindow), zstd.WithDecoderConcurrency(1))
	if err != nil {
		return fmt.Errorf("%w: %w", ErrBackup, err)
	}
	defer z.Close()
	t := tar.NewReader(z)
	for {
		h, err := t.Next()
		if err == io.EOF {
			return fmt.Errorf("%w: it ends before %s", ErrBackup, sumsFile)
		}
		if err != nil {
			return archiveError(err)
		}
		if h.Typeflag != tar.TypeReg || h.Name != sumsFile && !kv.IsFile(h.Name) {
			return fmt.Errorf("%w: it holds %q, which is no file of a database", ErrBackup, h.Name)
		}
		if h.Name == sumsFile {
			return to.finishArchive(t, z)
		}
		if err := to.add(h.Name, t); err != nil {
			return archiveError(err)
		}
	}
}

// maxSums bounds the list of sums: a line of a hundred bytes for each of 600,000 files.
const maxSums = 64 << 20

// finishArchive compares the sums and reads the stream to its end.
func (to *restoring) finishArchive(t *tar.Reader, z io.Reader) error {
	text, err := io.ReadAll(io.LimitReader(t, maxSums))
	if err != nil {
		return archiveError(err)
	}
	sums, err := parseSums(text)
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(sums)) {
		if got, ok := to.sums[name]; !ok {
			return fmt.Errorf("%w: %s is missing", ErrBackup, name)
		} else if got != sums[name] {
			return fmt.Errorf("%w: %s does not agree with its SHA-256", ErrBackup, name)
		}
	}
	if len(sums) != len(to.sums) {
		return fmt.Errorf("%w: %d files, and sums of %d", ErrBackup, len(to.sums), len(sums))
	}
	if _, err := t.Next(); err != io.EOF {
		return fmt.Errorf("%w: something follows %s", ErrBackup, sumsFile)
	}
	if _, err := io.Copy(io.Discard, z); err != nil { // the checksum of the stream is at its end
		return archiveError(err)
	}
	return nil
}

// archiveError tells a damaged stream from a disk that cannot be written.
func archiveError(err error) error {
	var disk *fs.PathError
	if errors.As(err, &disk) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return fmt.Errorf("%w: %w", ErrBackup, err)
}

// add writes one file, on disk when it returns.
func (to *restoring) add(name string, r io.Reader) error {
	if _, twice := to.sums[name]; twice {
		return fmt.Errorf("%w: it holds %s twice", ErrBackup, name)
	}
	f, err := os.OpenFile(filepath.Join(to.dir, name), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	sum := sha256.New()
	_, err = io.Copy(io.MultiWriter(f, sum), r)
	if err == nil {
		err = f.Sync()
	}
	to.sums[name] = hexOf(sum)
	return errors.Join(err, f.Close())
}

func hexOf(sum hash.Hash) string { return fmt.Sprintf("%x", sum.Sum(nil)) }

// readFolder takes all files from a folder.
func (to *restoring) readFolder(ctx context.Context, from string) error {
	text, err := os.ReadFile(filepath.Join(from, sumsFile))
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w: %s has no %s; a backup that was made as a folder has one", ErrBackup, from, sumsFile)
	}
	if err != nil {
		return err
	}
	sums, err := parseSums(text)
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(sums)) {
		f, err := os.Open(filepath.Join(from, name))
		if errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("%w: %s is missing", ErrBackup, name)
		}
		if err != nil {
			return err
		}
		err = to.add(name, reader{ctx, f})
		if err := errors.Join(err, f.Close()); err != nil {
			return err
		}
		if to.sums[name] != sums[name] {
			return fmt.Errorf("%w: %s does not agree with its SHA-256", ErrBackup, name)
		}
	}
	return nil
}

// syncDir brings a folder's names to disk. Where folders cannot be synced, as on Windows, names are on disk by themselves.
func syncDir(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	if err := f.Sync(); err != nil && os.PathSeparator == '/' {
		return errors.Join(err, f.Close())
	}
	return f.Close()
}
