package setup

import (
	"archive/tar"
	"archive/zip"
	"bufio"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

// largest is more than any library weighs.
const largest = 2 << 30

// errFound ends a walk through an archive.
var errFound = errors.New("found")

// extractLibrary puts the library for this machine into the folder into, out of a library file, a wheel or zip, a tgz, or
// a folder with one of them.
func extractLibrary(from, into string) (Library, error) {
	file := from
	if st, err := os.Stat(from); err != nil {
		return Library{}, err
	} else if st.IsDir() {
		found := libraryIn(from)
		if found == "" {
			return Library{}, fmt.Errorf("%w: %s holds no %s and no archive of ONNX Runtime", ErrFolder, from, libraryName(runtime.GOOS))
		}
		file = found
	}
	f, err := os.Open(file)
	if err != nil {
		return Library{}, err
	}
	defer f.Close()
	magic := make([]byte, 4)
	if _, err := io.ReadFull(f, magic); err != nil {
		return Library{}, fmt.Errorf("%w: %s is neither a library nor an archive: it has not even 4 bytes", ErrLibrary, file)
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return Library{}, err
	}
	to := filepath.Join(into, libraryName(runtime.GOOS))
	switch {
	case string(magic) == "PK\x03\x04":
		return pick(file, to, func(visit visitor) error { return walkZip(f, visit) })
	case magic[0] == 0x1f && magic[1] == 0x8b:
		return pick(file, to, func(visit visitor) error { return walkTar(f, visit) })
	}
	l, err := ReadLibrary(file)
	if err == nil {
		err = named(file, l.fits())
	}
	if err == nil {
		err = copyFile(to, file, nil)
	}
	return l, err
}

func named(file string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", file, err)
}

// libraryIn returns the library, else the archive, that a folder holds: in it, or where releases and packages keep theirs.
func libraryIn(dir string) string {
	isArchive := func(name string) bool {
		ext := path.Ext(name)
		return strings.HasPrefix(name, "onnxruntime") && (ext == ".whl" || ext == ".tgz" || ext == ".zip" || strings.HasSuffix(name, ".tar.gz"))
	}
	isLibrary := func(name string) bool { return isLibraryName(name, runtime.GOOS) }
	for _, wanted := range []func(string) bool{isLibrary, isArchive} {
		for _, sub := range []string{".", "lib", "capi", filepath.Join("onnxruntime", "capi")} {
			entries, _ := os.ReadDir(filepath.Join(dir, sub)) // sorted; the last is the newest
			for _, e := range slices.Backward(entries) {
				if name := filepath.Join(dir, sub, e.Name()); wanted(e.Name()) && isFile(name) {
					return name
				}
			}
		}
	}
	return ""
}

// visitor is called with each regular file of an archive. r is good until it returns.
type visitor func(name string, r io.Reader) error

func walkZip(f *os.File, visit visitor) error {
	st, err := f.Stat()
	if err != nil {
		return err
	}
	z, err := zip.NewReader(f, st.Size())
	if err != nil {
		return err
	}
	for _, entry := range z.File {
		if !entry.Mode().IsRegular() {
			continue
		}
		r, err := entry.Open()
		if err != nil {
			return err
		}
		err = visit(entry.Name, r)
		r.Close()
		if err != nil {
			return err
		}
	}
	return nil
}

func walkTar(f *os.File, visit visitor) error {
	z, err := gzip.NewReader(bufio.NewReaderSize(f, 1<<20))
	if err != nil {
		return err
	}
	t := tar.NewReader(z)
	for {
		entry, err := t.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if entry.Typeflag != tar.TypeReg {
			continue
		}
		if err := visit(entry.Name, t); err != nil {
			return err
		}
	}
}

// pick writes the one library of an archive that fits this machine to a file. Packages hold those of several machines.
func pick(archive, to string, walk func(visitor) error) (found Library, err error) {
	var others []string
	var unfit error
	err = walk(func(name string, r io.Reader) error {
		base := path.Base(name)
		if !isLibraryName(base, runtime.GOOS) {
			if slices.ContainsFunc([]string{"linux", "darwin", "windows"}, func(goos string) bool { return isLibraryName(base, goos) }) {
				others = append(others, base)
			}
			return nil
		}
		if err := writeFile(to, &atMost{r, largest}, nil); err != nil {
			return err
		}
		l, err := ReadLibrary(to)
		if err == nil {
			err = l.fits()
		}
		if err != nil {
			unfit = fmt.Errorf("%s in %s: %w", name, archive, err)
			return os.Remove(to)
		}
		found = l
		if found.Version == "" {
			found.Version = versionIn(name + " " + filepath.Base(archive))
		}
		return errFound
	})
	switch {
	case errors.Is(err, errFound):
		return found, nil
	case errors.Is(err, ErrDiskFull):
		return found, err
	case err != nil:
		return found, fmt.Errorf("%w: %s is damaged or cut short: %w", ErrLibrary, archive, err)
	case unfit != nil:
		return found, unfit
	case len(others) > 0:
		return found, fmt.Errorf("%w: %s holds %s, which are for other systems than %s", ErrLibrary, archive, strings.Join(others, ", "), runtime.GOOS)
	}
	return found, fmt.Errorf("%w: %s holds no %s", ErrLibrary, archive, libraryName(runtime.GOOS))
}
