package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/saedb/saedb/clip"
	"github.com/saedb/saedb/clip/picture"
	"github.com/saedb/saedb/db"
	"github.com/saedb/saedb/internal/npy"
)

// encodeOptions are the flags of encode.
type encodeOptions struct {
	encoder     encoderFlags
	texts       []string
	out, pixels string
	force       bool
	threads     int
	sae         string // encode the database with it instead
	backend     string
}

func newEncodeCmd(a *app) *cobra.Command {
	var o encodeOptions
	cmd := &cobra.Command{
		Use:   "encode [FILE…] [--text TEXT]…",
		Short: "Print the vectors of pictures and texts",
		Long: `encode makes the vectors of picture files and texts, in the order of the
arguments, files first. They are as the model gives them, not normalised: one
line of numbers each on stdout, or a float32 array (n, d) with --out. With
--pixels the preprocessed pictures (n, 3, side, side) are kept too, so that
another implementation can be compared with each half of the work.

If one file cannot be read nothing is written and the exit status is 2.

With --sae it makes codes instead of vectors: those that the stored vectors of the
database lack by that autoencoder. Interrupted, the same command continues. (The
active autoencoder never lacks any, and models use makes them by itself.)`,
		Example: `  saectl encode a.jpg b.png --out v.npy --pixels p.npy
  saectl encode --sae sae2 --backend cuda
  saectl encode --text "a red barn" --model ./my-clip`,
		RunE: func(cmd *cobra.Command, files []string) error {
			return runEncode(cmd.Context(), a, files, o)
		},
	}
	o.encoder.add(cmd.Flags())
	cmd.Flags().StringArrayVar(&o.texts, "text", nil, "encode this text; may be given again")
	cmd.Flags().StringVar(&o.out, "out", "", "write the vectors to this .npy file")
	cmd.Flags().StringVar(&o.pixels, "pixels", "", "write the preprocessed pictures to this .npy file")
	cmd.Flags().BoolVar(&o.force, "force", false, "replace files that exist")
	cmd.Flags().IntVar(&o.threads, "threads", 0, "threads (default: all cores)")
	cmd.Flags().StringVar(&o.sae, "sae", "", "encode the stored vectors of the database with this autoencoder")
	registerEncodeBackend(cmd.Flags(), &o.backend)
	for _, other := range []string{"text", "out", "pixels", "model"} {
		cmd.MarkFlagsMutuallyExclusive("sae", other)
	}
	return cmd
}

func runEncode(ctx context.Context, a *app, files []string, o encodeOptions) error {
	if o.sae != "" {
		return runEncodeStored(ctx, a, files, o)
	}
	if len(files)+len(o.texts) == 0 {
		return hint(errors.New("nothing to encode"), `name picture files, or texts with --text "a red barn"`)
	}
	if o.pixels != "" && len(files) == 0 {
		return hint(errors.New("--pixels keeps preprocessed pictures, and no picture is named"), "name picture files")
	}
	for _, path := range []string{o.out, o.pixels} {
		if path != "" {
			if err := checkFree(path, o.force); err != nil {
				return err
			}
		}
	}
	e, err := a.openEncoder(o.encoder, o.threads)
	if err != nil {
		return err
	}
	defer e.Close()
	tensors, err := readTensors(e, files)
	if err != nil {
		return err
	}
	vectors, err := e.Pictures(ctx, tensors)
	if err != nil {
		return err
	}
	words, err := e.Texts(ctx, o.texts)
	if err != nil {
		return err
	}
	vectors = append(vectors, words...)

	id := e.Identity()
	if o.pixels != "" {
		write := func(w io.Writer) error { return writePixels(w, tensors, id.Side) }
		if err := writeWhole(o.pixels, write); err != nil {
			return err
		}
	}
	if o.out != "" {
		return writeWhole(o.out, func(w io.Writer) error { return npy.Write(w, len(vectors)/id.Dim, id.Dim, vectors) })
	}
	return printVectors(a.stdout, vectors, id.Dim)
}

// runEncodeStored makes the codes that the database lacks.
func runEncodeStored(ctx context.Context, a *app, files []string, o encodeOptions) error {
	if len(files) > 0 {
		return hint(errors.New("--sae encodes what the database has, and files are named"), "saectl index brings files into the database")
	}
	if err := checkBackend(o.backend); err != nil {
		return err
	}
	n, err := threads(o.threads)
	if err != nil {
		return err
	}
	return a.withDB(ctx, db.Options{}, func(d *db.DB) error {
		if err := encodeStored(ctx, a, d, o.sae, o.backend, n); err != nil {
			return err
		}
		a.note("every item has a code by %s", o.sae)
		return nil
	})
}

// writePixels writes preprocessed pictures as an array (n, 3, side, side).
func writePixels(w io.Writer, tensors []float32, side int) error {
	size := 3 * side * side
	out, err := npy.NewArrayWriter(w, len(tensors)/size, 3, side, side)
	if err != nil {
		return err
	}
	for one := range slices.Chunk(tensors, size) {
		if err := out.WriteRow(one); err != nil {
			return err
		}
	}
	return out.Close()
}

// readTensors decodes every file; the error names all that could not be.
func readTensors(e clip.Encoder, files []string) (tensors []float32, err error) {
	var bad []error
	for _, file := range files {
		p, err := readPicture(file)
		if err != nil {
			bad = append(bad, err)
			continue
		}
		tensors = e.Tensor(tensors, p)
	}
	return tensors, errors.Join(bad...)
}

// readPicture reads and decodes one file.
func readPicture(file string) (*picture.Picture, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	p, err := picture.Decode(data, nil)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return p, nil
}

// printVectors prints a line of numbers for each vector, with as many digits as it takes to read the same float32 back.
func printVectors(w io.Writer, vectors []float32, dim int) error {
	b := bufio.NewWriter(w)
	for i, x := range vectors {
		end := byte(' ')
		if (i+1)%dim == 0 {
			end = '\n'
		}
		b.Write(append(strconv.AppendFloat(b.AvailableBuffer(), float64(x), 'g', -1, 32), end))
	}
	return b.Flush()
}
