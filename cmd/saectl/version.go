package main

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/saedb/saedb/internal/vec"
)

// versionInfo is what is known about the running binary.
type versionInfo struct {
	Version  string `json:"version"`
	Revision string `json:"revision,omitempty"`
	Modified bool   `json:"modified,omitempty"` // built from a changed checkout
	Go       string `json:"go"`
	Platform string `json:"platform"`
	Kernels  string `json:"kernels"` // the instruction set of vector arithmetic: avx512, avx2, or go for none
}

func newVersionCmd(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version of this binary",
		Args:  wantArgs(cobra.NoArgs),
		RunE: func(*cobra.Command, []string) error {
			v := binaryVersion()
			if !a.chosen() {
				a.format = formatTable // a version is for eyes unless asked otherwise
			}
			return a.printObject(v, v.String())
		},
	}
}

// binaryVersion reads what the Go linker recorded.
func binaryVersion() versionInfo {
	v := versionInfo{Version: "(devel)", Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	v.Kernels, _ = vec.Path() // the root command has told of an error
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return v
	}
	if info.Main.Version != "" {
		v.Version = info.Main.Version
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			v.Revision = s.Value
		case "vcs.modified":
			v.Modified = s.Value == "true"
		}
	}
	return v
}

func (v versionInfo) String() string {
	return fmt.Sprintf("saectl %s %s %s, kernels %s", v.Version, v.Go, v.Platform, v.Kernels)
}
