//go:build cgo

package clip

import (
	"fmt"
	"strings"
	"sync"

	ort "github.com/yalue/onnxruntime_go"
)

// library is the process's ONNX Runtime: C code that can be loaded once, from one file.
var library struct {
	sync.Mutex
	path string
}

// CheckRuntime loads the library, if it is not loaded yet, and returns its version. What cannot be used is an ErrNoRuntime.
func CheckRuntime(path string) (version string, err error) {
	library.Lock()
	defer library.Unlock()
	switch library.path {
	case path:
		return ort.GetVersion(), nil
	case "":
	default:
		return "", fmt.Errorf("%w: this process already uses %s; start another for %s", ErrNoRuntime, library.path, path)
	}
	hold(path)
	ort.SetSharedLibraryPath(path)
	if err := ort.InitializeEnvironment(ort.WithLogLevelFatal()); err != nil {
		if strings.HasSuffix(err.Error(), "API base: 2") { // it has no table for the version asked for
			return "", fmt.Errorf("%w: %s is ONNX Runtime %s; saedb needs %s or newer", ErrNoRuntime, path, ort.GetVersion(), MinRuntime)
		}
		return "", fmt.Errorf("%w: %s: %w", ErrNoRuntime, path, err)
	}
	library.path = path
	return ort.GetVersion(), nil
}
