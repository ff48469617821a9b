// Package setuptest has what tests of setup put in the place of the world: a model hub on this machine that can misbehave, and files that look
// like ONNX Runtime.
package setuptest

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

// Commit is the revision that the hub has of every repository.
const Commit = "0123456789abcdef0123456789abcdef01234567"

// Hub serves files the way the public one does: it answers for their digests itself, and sends who wants the bytes to another host.
// Fields may be changed between requests of a test, not while one is under way.
type Hub struct {
	Address string            // of the hub
	Files   map[string][]byte // by "owner/name/path"

	Token     string // that it wants; empty: none
	Break     int    // after so many bytes of a body the connection breaks, each time; 0: never
	NoRange   bool   // the other host sends everything, whatever is asked for
	Busy      int    // so many requests are turned away with 503
	Corrupt   bool   // the other host sends other bytes of the same length
	Moved     bool   // the other host knows nothing
	SmallEtag string // sent instead of the digest: what small files have

	mu  sync.Mutex
	log []string
}

// New starts a hub that ends with the test.
func New(t testing.TB, files map[string][]byte) *Hub {
	t.Helper()
	h := &Hub{Files: files}
	bytesHost := httptest.NewServer(http.HandlerFunc(h.serveBytes))
	t.Cleanup(bytesHost.Close)
	hub := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { h.serveHub(w, r, bytesHost.URL) }))
	t.Cleanup(hub.Close)
	h.Address = hub.URL
	return h
}

// Log returns what was asked for since the last call: "HEAD path", "GET path", "BYTES path from-".
func (h *Hub) Log() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	log := h.log
	h.log = nil
	return log
}

func (h *Hub) note(format string, args ...any) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.log = append(h.log, fmt.Sprintf(format, args...))
}

func (h *Hub) serveHub(w http.ResponseWriter, r *http.Request, bytesHost string) {
	repo, rest, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/resolve/")
	_, path, _ := strings.Cut(rest, "/")
	h.note("%s %s", r.Method, path)
	if h.Busy > 0 {
		h.Busy--
		http.Error(w, "busy", http.StatusServiceUnavailable)
		return
	}
	if h.Token != "" && r.Header.Get("Authorization") != "Bearer "+h.Token {
		w.Header().Set("X-Error-Message", "Access to this repository is restricted.")
		http.Error(w, "no", http.StatusUnauthorized)
		return
	}
	data, ok := h.Files[repo+"/"+path]
	if !ok {
		w.Header().Set("X-Error-Message", "Entry not found")
		http.Error(w, "no", http.StatusNotFound)
		return
	}
	etag := h.SmallEtag
	if etag == "" {
		sum := sha256.Sum256(data)
		etag = hex.EncodeToString(sum[:])
	}
	w.Header().Set("X-Repo-Commit", Commit)
	w.Header().Set("X-Linked-Etag", `"`+etag+`"`)
	w.Header().Set("X-Linked-Size", fmt.Sprint(len(data)))
	w.Header().Set("Location", bytesHost+"/"+repo+"/"+path)
	w.WriteHeader(http.StatusFound)
}

func (h *Hub) serveBytes(w http.ResponseWriter, r *http.Request) {
	name := strings.TrimPrefix(r.URL.Path, "/")
	h.note("BYTES %s %s", name[strings.LastIndexByte(name, '/')+1:], strings.TrimPrefix(r.Header.Get("Range"), "bytes="))
	if r.Header.Get("Authorization") != "" {
		http.Error(w, "the token is the hub's alone", http.StatusTeapot)
		return
	}
	data, ok := h.Files[name]
	if !ok || h.Moved {
		http.NotFound(w, r)
		return
	}
	if h.Corrupt {
		data = bytes.Repeat([]byte{0xee}, len(data))
	}
	if h.NoRange {
		r.Header.Del("Range")
	}
	if h.Break > 0 {
		w = &breaking{ResponseWriter: w, left: h.Break}
	}
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(data))
}

// breaking ends the connection in the middle of a body.
type breaking struct {
	http.ResponseWriter
	left int
}

func (b *breaking) Write(p []byte) (int, error) {
	n := min(len(p), b.left)
	b.left -= n
	if _, err := b.ResponseWriter.Write(p[:n]); err != nil {
		return 0, err
	}
	if n < len(p) {
		b.ResponseWriter.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	}
	return n, nil
}
