package setup

import (
	"context"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"
)

// The cache holds each repository in models--OWNER--NAME: blobs/ETAG are the contents, refs/REVISION holds the commit a
// branch stood at, and snapshots/COMMIT/PATH are links to blobs. Locks are in .locks beside the repositories.

func (h *Hub) repo(f File) string {
	return filepath.Join(h.Cache, "models--"+strings.ReplaceAll(f.Repo, "/", "--"))
}

func (h *Hub) snapshot(f File, commit string) string {
	return filepath.Join(h.repo(f), "snapshots", commit, filepath.FromSlash(f.Path))
}

// Cached returns where f lies in the cache. A file whose digest is known is taken from whatever revision has it, and read to
// make sure of it; one whose digest is not known is taken from the revision's own snapshot.
func (h *Hub) Cached(f File) (string, bool) {
	commit := f.Revision
	if ref, err := os.ReadFile(filepath.Join(h.repo(f), "refs", f.Revision)); err == nil {
		commit = strings.TrimSpace(string(ref))
	}
	if name := h.snapshot(f, commit); isFile(name) && (f.SHA256 == "" || isDigest(name, f.SHA256)) {
		return name, true
	}
	if f.SHA256 == "" {
		return "", false
	}
	others, _ := filepath.Glob(h.snapshot(f, "*"))
	for _, name := range others {
		if isDigest(name, f.SHA256) {
			return name, true
		}
	}
	return "", false
}

// Fetch returns the path of f in the cache, where it is put if it is not there. Whatever Fetch returns has the digest it should have.
func (h *Hub) Fetch(ctx context.Context, f File) (string, error) {
	if name, ok := h.Cached(f); ok {
		return name, nil
	}
	if h.Offline {
		return "", fmt.Errorf("%w: HF_HUB_OFFLINE is set, and %s is not in %s", ErrOffline, f, h.Cache)
	}
	var r remote
	err := h.again(ctx, func() (_ bool, err error) {
		r, err = h.look(ctx, f)
		return false, err
	})
	if err != nil {
		return "", err
	}
	if f.SHA256 != "" && len(r.etag) == len(f.SHA256) && !strings.EqualFold(r.etag, f.SHA256) {
		return "", fmt.Errorf("%w: %s: %s has one with sha256 %s, want %s: it is another file", ErrDigest, f, h.Endpoint, r.etag, f.SHA256)
	}
	blob := filepath.Join(h.repo(f), "blobs", r.etag)
	locks := filepath.Join(h.Cache, ".locks", filepath.Base(h.repo(f)))
	for _, dir := range []string{filepath.Dir(blob), locks} {
		if err := os.MkdirAll(dir, 0o777); err != nil {
			return "", diskFull(err)
		}
	}
	unlock, err := waitLock(ctx, filepath.Join(locks, r.etag+".lock"))
	if err != nil {
		return "", err
	}
	defer unlock()
	if err := h.fillBlob(ctx, f, r, blob); err != nil {
		return "", err
	}
	return h.link(f, r, blob)
}

// fillBlob makes blob the content of f, unless it is that already.
func (h *Hub) fillBlob(ctx context.Context, f File, r remote, blob string) error {
	if isFile(blob) && checkDigest(blob, r, f) == nil {
		return nil
	}
	part := blob + ".incomplete"
	if err := h.download(ctx, f, r, part); err != nil {
		return diskFull(err)
	}
	if err := checkDigest(part, r, f); err != nil {
		os.Remove(part) // it will not get better
		return err
	}
	return os.Rename(part, blob)
}

// link gives blob its name in the snapshot, and the revision its commit.
func (h *Hub) link(f File, r remote, blob string) (string, error) {
	name := h.snapshot(f, r.commit)
	if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
		return "", diskFull(err)
	}
	if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	target, err := filepath.Rel(filepath.Dir(name), blob)
	if err != nil {
		return "", err
	}
	if isWindows || os.Symlink(target, name) != nil { // links are for administrators there, and not on every file system
		if err := copyFile(name, blob, nil); err != nil {
			return "", err
		}
	}
	if f.Revision == r.commit {
		return name, nil
	}
	ref := filepath.Join(h.repo(f), "refs", f.Revision)
	if err := os.MkdirAll(filepath.Dir(ref), 0o777); err != nil {
		return "", diskFull(err)
	}
	return name, diskFull(os.WriteFile(ref, []byte(r.commit), 0o666))
}

// waitLock waits for the lock of a file: whoever holds it fetches the same bytes.
func waitLock(ctx context.Context, path string) (unlock func(), err error) {
	for {
		unlock, ok, err := tryLock(path)
		if ok || err != nil {
			return unlock, err
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// checkDigest compares a file with the digest that is demanded of it, and with the one in its ETag.
func checkDigest(path string, r remote, f File) error {
	got, err := digest(path, sha256.New())
	if err != nil {
		return err
	}
	want := f.SHA256
	if want == "" && len(r.etag) == hex.EncodedLen(sha256.Size) {
		want = r.etag
	}
	if want == "" && commitForm.MatchString(r.etag) { // git's hash of a file: sha1 of its length and content
		want = r.etag
		h := sha1.New()
		fmt.Fprintf(h, "blob %d\x00", r.size)
		if got, err = digest(path, h); err != nil {
			return err
		}
	}
	if want != "" && !strings.EqualFold(got, want) {
		return fmt.Errorf("%w: %s came with %s, want %s", ErrDigest, f, got, want)
	}
	return nil
}

func digest(path string, h hash.Hash) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

func isDigest(path, want string) bool {
	got, err := digest(path, sha256.New())
	return err == nil && strings.EqualFold(got, want)
}

func isFile(path string) bool {
	st, err := os.Stat(path)
	return err == nil && st.Mode().IsRegular()
}

// copyFile makes to a copy of from, on disk when it returns. tell, if there is one, is told of every piece.
func copyFile(to, from string, tell func(n int)) (err error) {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	return writeFile(to, in, tell)
}

// writeFile writes all of r to a new file, on disk when it returns.
func writeFile(to string, r io.Reader, tell func(n int)) (err error) {
	out, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o666)
	if err != nil {
		return err
	}
	defer func() {
		if cerr := out.Close(); err == nil {
			err = cerr
		}
		err = diskFull(err)
	}()
	var w io.Writer = out
	if tell != nil {
		w = &told{out, tell}
	}
	if _, err := io.Copy(w, r); err != nil {
		return err
	}
	return out.Sync()
}

// localPath is a slash path from a description or an archive as a path below dir, if it stays there.
func localPath(dir, slash string) (string, bool) {
	clean := path.Clean(slash)
	return filepath.Join(dir, filepath.FromSlash(clean)), filepath.IsLocal(filepath.FromSlash(clean))
}
