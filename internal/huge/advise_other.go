//go:build !linux

package huge

// advise does nothing: other systems decide by themselves.
func advise([]byte) {}
