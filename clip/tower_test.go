//go:build cgo

package clip

import (
	"testing"

	ort "github.com/yalue/onnxruntime_go"
)

// TestLoadingDoesNotWaitForRuns asks for a loaded tower while somebody runs it. If it waited, goroutines would take turns, and here nothing
// would ever go on.
func TestLoadingDoesNotWaitForRuns(t *testing.T) {
	loaded := &tower{session: new(ort.DynamicAdvancedSession)}
	loaded.mu.RLock() // as run does
	defer loaded.mu.RUnlock()
	if err := loaded.load(nil); err != nil {
		t.Error(err)
	}
}
