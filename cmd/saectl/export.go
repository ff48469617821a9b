package main

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/saedb/saedb/db"
	"github.com/saedb/saedb/internal/npy"
	"github.com/saedb/saedb/sae"
	"github.com/saedb/saedb/sae/concept"
)

// exportFlags are the files to write; empty: not wanted.
type exportFlags struct {
	vectors, ids, codes, names, saelens, sparsify, saeFile string

	sae   string // autoencoder; empty: the active one
	force bool
}

func newExportCmd(a *app) *cobra.Command {
	var f exportFlags
	cmd := &cobra.Command{
		Use:   "export",
		Short: "Write vectors, ids, codes, names or the autoencoder to files",
		Long: `Write parts of the database to files. Vectors, ids and codes have their rows in
one order and are of one moment. Vectors are of norm 1, as stored. A file
appears under its name when it is complete; one that exists is refused without
--force.`,
		Example: `  saectl export --vectors v.npy --ids ids.txt --codes codes.npz
  saectl export --saelens sae/ --names names.csv`,
		Args: wantArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runExport(cmd.Context(), a, f)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&f.vectors, "vectors", "", "write the vectors, float32, to this .npy file")
	flags.StringVar(&f.ids, "ids", "", "write the ids, one a line, to this file")
	flags.StringVar(&f.codes, "codes", "", "write the codes to this .npz file, as scipy.sparse.load_npz reads it")
	flags.StringVar(&f.names, "names", "", "write the names of the latents to this CSV file")
	flags.StringVar(&f.saelens, "saelens", "", "write the autoencoder into this folder as SAELens reads it")
	flags.StringVar(&f.sparsify, "sparsify", "", "write the autoencoder into this folder as sparsify reads it")
	flags.StringVar(&f.saeFile, "sae-file", "", "write the autoencoder to this file in saedb's own format")
	flags.StringVar(&f.sae, "sae", "", "name of the autoencoder (default: the active one)")
	flags.BoolVar(&f.force, "force", false, "replace files that exist")
	return cmd
}

// exportFile is one file of an export.
type exportFile struct {
	path  string
	write func(io.Writer) error
}

func runExport(ctx context.Context, a *app, f exportFlags) error {
	if f == (exportFlags{sae: f.sae, force: f.force}) {
		return hint(errors.New("nothing to export"), "say what: --vectors, --ids, --codes, --names, --saelens, --sparsify or --sae-file")
	}
	if f.saelens != "" && f.sparsify != "" && filepath.Clean(f.saelens) == filepath.Clean(f.sparsify) {
		return hint(fmt.Errorf("--saelens and --sparsify both write a cfg.json into %s", f.saelens), "give each a folder of its own")
	}
	return a.withDB(ctx, db.Options{ReadOnly: true}, func(d *db.DB) error {
		s, err := d.Snapshot()
		if err != nil {
			return err
		}
		defer s.Close()
		parts, err := exportParts(ctx, d, s, f)
		if err != nil {
			return err
		}
		for _, p := range parts {
			if err := checkFree(p.path, f.force); err != nil {
				return err
			}
		}
		for _, p := range parts {
			if err := writeWhole(p.path, p.write); err != nil {
				return err
			}
			a.note("wrote %s", p.path)
		}
		return nil
	})
}

// exportParts returns the files that f asks for. What is missing in the
// database is an error here, before the first file is written.
func exportParts(ctx context.Context, d *db.DB, s *db.Snapshot, f exportFlags) ([]exportFile, error) {
	var parts []exportFile
	add := func(path string, write func(io.Writer) error) {
		if path != "" {
			parts = append(parts, exportFile{path, write})
		}
	}
	if f.vectors != "" && s.Len() == 0 {
		return nil, errors.New("the database holds no vectors yet: import some first")
	}
	add(f.vectors, func(w io.Writer) error { return exportVectors(ctx, w, s) })
	add(f.ids, func(w io.Writer) error { return exportIDs(ctx, w, s) })
	if f.codes != "" || f.saelens != "" || f.sparsify != "" || f.saeFile != "" {
		m, err := s.Model(ctx, f.sae)
		if err != nil {
			return nil, err
		}
		add(f.codes, func(w io.Writer) error { return exportCodes(ctx, w, s, f.sae, m.M) })
		add(f.saeFile, func(w io.Writer) error {
			_, err := m.WriteTo(w)
			return err
		})
		for _, form := range []struct {
			dir   string
			write modelFolder
		}{{f.saelens, sae.WriteSAELens}, {f.sparsify, sae.WriteSparsify}} {
			if form.dir == "" {
				continue
			}
			folder, err := folderParts(m, form.dir, form.write)
			if err != nil {
				return nil, err
			}
			parts = append(parts, folder...)
		}
	}
	if f.names != "" {
		names, err := d.EditedNames(ctx, f.sae)
		if err != nil {
			return nil, err
		}
		add(f.names, func(w io.Writer) error { return exportNames(w, names) })
	}
	return parts, nil
}

func exportVectors(ctx context.Context, w io.Writer, s *db.Snapshot) error {
	out, err := npy.NewWriter(w, s.Len(), s.Dim())
	if err != nil {
		return err
	}
	for x, err := range s.Vectors(ctx) {
		if err != nil {
			return err
		}
		if err := out.WriteRow(x); err != nil {
			return err
		}
	}
	return out.Close()
}

func exportIDs(ctx context.Context, w io.Writer, s *db.Snapshot) error {
	for it, err := range s.All(ctx) {
		if err != nil {
			return err
		}
		if strings.ContainsAny(it.ID, "\r\n") {
			return fmt.Errorf("id %q holds a line break, so it cannot stand in a file of one id a line", it.ID)
		}
		if _, err := io.WriteString(w, it.ID+"\n"); err != nil {
			return err
		}
	}
	return nil
}

// exportCodes writes a row for every item; one that the autoencoder has not
// encoded has an empty row.
func exportCodes(ctx context.Context, w io.Writer, s *db.Snapshot, model string, latents int) error {
	m := &npy.CSR{Cols: latents, Indptr: []int64{0}}
	next, stop := iter.Pull2(s.Codes(ctx, model))
	defer stop()
	c, err, more := next()
	for it, itemErr := range s.All(ctx) {
		if err := errors.Join(itemErr, err); err != nil {
			return err
		}
		if more && c.ID == it.ID { // both come in one order
			for i, latent := range c.Code.Latents {
				m.Indices = append(m.Indices, int32(latent))
				m.Data = append(m.Data, c.Code.Acts[i])
			}
			c, err, more = next()
		}
		m.Indptr = append(m.Indptr, int64(len(m.Indices)))
		m.Rows++
	}
	if err != nil {
		return err
	}
	return npy.WriteCSR(w, m)
}

func exportNames(w io.Writer, names *concept.Names) error {
	out := csv.NewWriter(w)
	rows := [][]string{{"latent", "name", "score", "margin", "z", "dead", "runners_up", "confidence", "common", "twins"}}
	for latent, n := range names.Latents {
		others := make([]string, len(n.RunnersUp))
		for i, c := range n.RunnersUp {
			others[i] = c.Word
		}
		rows = append(rows, []string{
			strconv.Itoa(latent), n.Word, digits(n.Score), digits(n.Margin), digits(n.Z),
			strconv.FormatBool(n.Dead), strings.Join(others, "; "),
			digits(n.Confidence()), strconv.FormatBool(n.Common), strings.Trim(fmt.Sprint(names.Twin(uint32(latent))), "[]"),
		})
	}
	return out.WriteAll(rows)
}

// digits writes a float32 in the fewest digits that read back as the same.
func digits(x float32) string { return strconv.FormatFloat(float64(x), 'g', -1, 32) }

// modelFolder writes an autoencoder as the files of a folder, each into what create returns for its name.
type modelFolder func(m *sae.Model, create func(name string) (io.WriteCloser, error)) error

// folderParts returns the files of the folder that write makes; the folder is made if missing.
func folderParts(m *sae.Model, dir string, write modelFolder) ([]exportFile, error) {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return nil, err
	}
	var parts []exportFile
	err := write(m, func(name string) (io.WriteCloser, error) {
		data := &memoryFile{}
		parts = append(parts, exportFile{filepath.Join(dir, name), data.copyTo})
		return data, nil
	})
	return parts, err
}

// memoryFile takes what is written into it; an autoencoder fits into memory.
type memoryFile struct{ data []byte }

func (f *memoryFile) Write(p []byte) (int, error) {
	f.data = append(f.data, p...)
	return len(p), nil
}

func (f *memoryFile) Close() error { return nil }

func (f *memoryFile) copyTo(w io.Writer) error {
	_, err := w.Write(f.data)
	return err
}
