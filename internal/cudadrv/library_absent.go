//go:build !linux || !(amd64 || arm64) || nogpu

package cudadrv

import "errors"

// soNames is one name, so that the error of load is seen.
var soNames = []string{"the CUDA driver"}

// errBuild is the only answer of a build that cannot load a driver.
var errBuild = errors.New("this build cannot use GPUs: that takes Linux on amd64 or arm64, and a build without -tags nogpu")

func load(string) (uintptr, error)            { return 0, errBuild }
func symbol(uintptr, string) (uintptr, error) { return 0, errBuild }

//go:uintptrescapes
func invoke(uintptr, ...uintptr) int32 { return codeNotInitialised }
