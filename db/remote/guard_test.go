package remote

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

// TestBusy asks while every turn is taken, and again after one was given back.
func TestBusy(t *testing.T) {
	h := &handler{o: Options{Timeout: 1, MaxBody: 1}, turns: make(chan struct{}, 2)}
	ask := func() int {
		w := httptest.NewRecorder()
		h.guarded(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) })(w, httptest.NewRequest("GET", "/", nil))
		return w.Code
	}
	if got := ask(); got != http.StatusOK {
		t.Errorf("with two turns free: status %d", got)
	}
	h.turns <- struct{}{}
	h.turns <- struct{}{}
	if got := ask(); got != http.StatusServiceUnavailable {
		t.Errorf("with no turn free: status %d", got)
	}
	<-h.turns
	if got := ask(); got != http.StatusOK || len(h.turns) != 1 {
		t.Errorf("with one turn free: status %d, and then %d taken", got, len(h.turns))
	}
}
