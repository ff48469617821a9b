package clip

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"time"
)

// settled is how old a file must be before its digest is remembered: a younger one might change again within the resolution of its time.
const settled = 2 * time.Second

// digests are the SHA-256 of files by their absolute path. A file whose size or time has changed since is read again.
type digests struct {
	Files   map[string]digest `json:"files"`
	changed bool
}

type digest struct {
	Size     int64     `json:"size"`
	Modified time.Time `json:"modified"`
	SHA256   string    `json:"sha256"`
}

// recall reads what was remembered in a file. What cannot be read is forgotten: it costs time, not truth.
func recall(memory string) *digests {
	d := &digests{}
	if data, err := os.ReadFile(memory); err != nil || json.Unmarshal(data, d) != nil || d.Files == nil {
		d = &digests{Files: map[string]digest{}}
	}
	return d
}

// of returns the digest of a file.
func (d *digests) of(path string) (digest, error) {
	f, err := os.Open(path)
	if err != nil {
		return digest{}, err
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return digest{}, err
	}
	if path, err = filepath.Abs(path); err != nil {
		return digest{}, err
	}
	if known := d.Files[path]; known.Size == st.Size() && known.Modified.Equal(st.ModTime()) && len(known.SHA256) == 2*sha256.Size {
		return known, nil
	}
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return digest{}, err
	}
	got := digest{Size: st.Size(), Modified: st.ModTime(), SHA256: hex.EncodeToString(h.Sum(nil))}
	if time.Since(got.Modified) > settled {
		d.Files[path], d.changed = got, true
	}
	return got, nil
}

// keep writes what is new to the file, whole or not at all. A folder that cannot be written to is no fault: the next Open reads again.
func (d *digests) keep(memory string) {
	if memory == "" || !d.changed {
		return
	}
	data, err := json.MarshalIndent(d, "", " ")
	if err != nil || os.MkdirAll(filepath.Dir(memory), 0o777) != nil {
		return
	}
	f, err := os.CreateTemp(filepath.Dir(memory), "."+filepath.Base(memory)+".*")
	if err != nil {
		return
	}
	_, err = f.Write(append(data, '\n'))
	if f.Close() != nil || err != nil || os.Rename(f.Name(), memory) != nil {
		os.Remove(f.Name())
	}
}
