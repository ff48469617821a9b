package main

import (
	"errors"
	"fmt"
	"path/filepath"

	"github.com/spf13/pflag"

	"github.com/saedb/saedb/clip"
	"github.com/saedb/saedb/db"
)

// encoderFlags choose the model that makes vectors of pictures and texts.
type encoderFlags struct {
	model   string
	library string
}

func (f *encoderFlags) add(flags *pflag.FlagSet) {
	flags.StringVar(&f.model, "model", "", "encoder: a folder with a model.json, or an installed name (default $SAEDB_MODEL, else "+clip.DefaultModel+")")
	flags.StringVar(&f.library, "ort-lib", "", "file of ONNX Runtime's library (default $SAEDB_ORT_LIB, $ORT_DYLIB_PATH, the data folder, the system)")
}

// openEncoder opens the encoder that the flags choose. The caller closes it.
func (a *app) openEncoder(f encoderFlags, threads int) (clip.Encoder, error) {
	if a.encoder != nil {
		return a.encoder(f)
	}
	dir, err := clip.FindModel(f.model, a.getenv)
	if err != nil {
		return nil, hint(err, "run saectl setup, or name a model's folder with --model DIR")
	}
	var library string
	if clip.CanEncode {
		if library, err = clip.FindRuntime(f.library, a.getenv); err != nil {
			return nil, hint(err, "run saectl setup, or name the library of ONNX Runtime %s or newer with --ort-lib FILE or $SAEDB_ORT_LIB", clip.MinRuntime)
		}
	}
	e, err := clip.Open(dir, &clip.Options{Library: library, Threads: threads, Digests: a.digests()})
	return e, explainOpen(err)
}

// digests is the file in the data folder that spares reading the weights to the end each time; "" where there is no data folder.
func (a *app) digests() string {
	data, err := clip.DataDir(a.getenv)
	if err != nil {
		return ""
	}
	return filepath.Join(data, "digests.json")
}

// explainOpen adds to an encoder's error what to do about it.
func explainOpen(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, clip.ErrNoRuntime):
		return hint(err, "run saectl setup, or name the library of ONNX Runtime %s or newer with --ort-lib FILE or $SAEDB_ORT_LIB", clip.MinRuntime)
	}
	return fmt.Errorf("opening the encoder: %w", err)
}

// spaceOf is an encoder's identity as the database keeps it.
func spaceOf(id clip.Identity) db.Space {
	return db.Space{Encoder: id.Name, WeightsSHA256: id.WeightsSHA256, Preprocess: id.Preprocess, Dim: id.Dim}
}
