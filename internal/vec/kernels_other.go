//go:build !amd64 && !arm64

package vec

// assembled returns the kernels in assembly that this processor can run.
func assembled() []kernels { return nil }
