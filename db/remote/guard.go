package remote

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// errHost and errSite refuse browsers that were led here by the page of somebody else.
var (
	errHost = errors.New("this server does not go by that name")
	errSite = errors.New("a web page of another site asked")
)

// slack is how long after its time an answer may take to say so.
const slack = 5 * time.Second

// guarded lets through to next what may ask at all, one of a limited number at a time, for a limited time.
func (h *handler) guarded(next func(http.ResponseWriter, *http.Request)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if !h.admits(r.Header.Get("Authorization")) {
			w.Header().Set("WWW-Authenticate", "Bearer")
			fail(w, ErrToken)
			return
		}
		select {
		case h.turns <- struct{}{}:
			defer func() { <-h.turns }()
		default:
			w.Header().Set("Retry-After", "1")
			fail(w, fmt.Errorf("%w: it answers %d requests at a time; try again", ErrBusy, cap(h.turns)))
			return
		}
		ctx, cancel := context.WithTimeout(r.Context(), h.o.Timeout)
		defer cancel()
		// Nobody keeps a turn by reading slowly. Where there is no deadline to set, the server has none to give.
		_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(h.o.Timeout + slack))
		r.Body = http.MaxBytesReader(w, r.Body, h.o.MaxBody)
		next(w, r.WithContext(ctx))
	}
}

// screened refuses what no client of this API sends, whatever it asks for. A page that had its own name point to this
// machine sends that name as Host; a page of another site that asks directly is marked as such by the browser. No answer
// carries a CORS header, so that no page can read one.
func (h *handler) screened(next http.Handler) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		site := r.Header.Get("Sec-Fetch-Site")
		switch {
		case !isOurs(r.Host, h.o.Hosts):
			refuse(w, http.StatusForbidden, message{Error: errHost.Error() + ": " + printable(r.Host), Hint: "ask by address or as localhost, or start the server with --host NAME"})
		case site != "" && site != "none" && site != "same-origin":
			refuse(w, http.StatusForbidden, message{Error: errSite.Error()})
		default:
			next.ServeHTTP(w, r)
		}
	}
}

// isOurs reports whether a Host header names this server: by an address, which no other name can be made to look like, as
// localhost, or by one of the given names.
func isOurs(host string, names []string) bool {
	name := host
	if bare, _, err := net.SplitHostPort(host); err == nil {
		name = bare
	}
	name = strings.TrimSuffix(strings.TrimPrefix(name, "["), "]")
	if _, err := netip.ParseAddr(name); err == nil {
		return true
	}
	same := func(known string) bool { return strings.EqualFold(name, known) }
	return same("localhost") || slices.ContainsFunc(names, same)
}

// admits compares what came with the token in a time that says nothing about either.
func (h *handler) admits(authorization string) bool {
	if h.o.Token == "" {
		return true
	}
	want, got := sha256.Sum256([]byte("Bearer "+h.o.Token)), sha256.Sum256([]byte(authorization))
	return subtle.ConstantTimeCompare(want[:], got[:]) == 1
}

// printable is a text of the asker's as it may stand in a message.
func printable(s string) string {
	return fmt.Sprintf("%.100q", s)
}
