package setup

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// publicHub is where HF_ENDPOINT points when it is not set.
const publicHub = "https://huggingface.co"

// Hub fetches files of models from a hub that speaks Hugging Face's protocol, into the cache that its Python library
// uses too. Its methods may be called from any number of goroutines and processes.
type Hub struct {
	Endpoint string // address of the hub, without a slash at the end
	Cache    string // folder of the cache
	Token    string // sent to the endpoint and to nobody else; empty: none
	Offline  bool   // nothing is fetched

	Progress func(path string, done, total int64) // told of bytes as they come; may be nil

	transport http.RoundTripper                          // nil: the usual one, which honours HTTPS_PROXY
	pause     func(ctx context.Context, d time.Duration) // between tries; nil: sleeps
	idle      time.Duration                              // without a byte for so long, a connection counts as lost; 0: a minute
}

// File is a file of a model on the hub.
type File struct {
	Repo, Revision, Path string
	SHA256               string // what it must be; empty: what the hub says
	Size                 int64  // for people; 0: unknown
}

func (f File) String() string { return f.Repo + "/" + f.Path }

// HubFromEnv returns the hub and the cache that the environment names: HF_ENDPOINT, HF_HUB_CACHE, HF_HOME,
// XDG_CACHE_HOME, HF_TOKEN, HF_TOKEN_PATH, HF_HUB_OFFLINE.
func HubFromEnv(getenv func(string) string) (*Hub, error) {
	home := getenv("HF_HOME")
	if home == "" {
		cache := getenv("XDG_CACHE_HOME")
		if cache == "" {
			user, err := os.UserHomeDir()
			if err != nil {
				return nil, fmt.Errorf("no folder for the hub's cache: set HF_HOME to one: %w", err)
			}
			cache = filepath.Join(user, ".cache")
		}
		home = filepath.Join(cache, "huggingface")
	}
	h := &Hub{
		Endpoint: strings.TrimRight(cmp.Or(getenv("HF_ENDPOINT"), publicHub), "/"),
		Cache:    cmp.Or(getenv("HF_HUB_CACHE"), filepath.Join(home, "hub")),
		Token:    strings.TrimSpace(getenv("HF_TOKEN")),
	}
	switch strings.ToUpper(getenv("HF_HUB_OFFLINE")) {
	case "1", "ON", "YES", "TRUE":
		h.Offline = true
	}
	if u, err := url.Parse(h.Endpoint); err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		return nil, fmt.Errorf("HF_ENDPOINT is %q: want an address such as %s", h.Endpoint, publicHub)
	}
	if h.Token == "" {
		data, err := os.ReadFile(cmp.Or(getenv("HF_TOKEN_PATH"), filepath.Join(home, "token")))
		if err == nil { // none is the usual case, and one that cannot be read is no token
			h.Token = strings.TrimSpace(string(data))
		}
	}
	return h, nil
}

// Address is where f is fetched from.
func (h *Hub) Address(f File) string {
	return h.Endpoint + "/" + f.Repo + "/resolve/" + url.PathEscape(f.Revision) + "/" + f.Path
}

// remote is what the hub says of a file.
type remote struct {
	etag   string // the name of its blob: sha256 of large files, git's hash of others
	commit string
	size   int64
}

var (
	etagForm   = regexp.MustCompile(`^[0-9A-Za-z_-]{8,128}$`) // it becomes a file's name
	commitForm = regexp.MustCompile(`^[0-9a-f]{40}$`)
)

// look asks the hub for a file's digest and size, without its content.
func (h *Hub) look(ctx context.Context, f File) (remote, error) {
	resp, err := h.send(ctx, http.MethodHead, f, 0)
	if err != nil {
		return remote{}, err
	}
	resp.Body.Close()
	if resp.StatusCode >= 400 {
		return remote{}, h.refused(f, resp)
	}
	head := resp.Header
	etag := strings.Trim(strings.TrimPrefix(cmp.Or(head.Get("X-Linked-Etag"), head.Get("Etag")), "W/"), `"`)
	if !etagForm.MatchString(etag) {
		return remote{}, fmt.Errorf("%w: %s answers for %s as no model hub would: its ETag is %q", ErrUnreachable, h.Endpoint, f, etag)
	}
	r := remote{etag: etag, commit: cmp.Or(head.Get("X-Repo-Commit"), f.Revision), size: resp.ContentLength}
	if !commitForm.MatchString(r.commit) {
		return remote{}, fmt.Errorf("%w: %s answers for %s as no model hub would: its commit is %q", ErrUnreachable, h.Endpoint, f, r.commit)
	}
	if linked := head.Get("X-Linked-Size"); linked != "" {
		if r.size, err = strconv.ParseInt(linked, 10, 64); err != nil {
			r.size = -1
		}
	}
	if r.size < 0 {
		return remote{}, fmt.Errorf("%w: %s does not say how large %s is", ErrUnreachable, h.Endpoint, f)
	}
	return r, nil
}

// send asks for f from a byte on. HEAD stays with the hub, which knows the file's digest; GET follows to where the bytes lie.
func (h *Hub) send(ctx context.Context, method string, f File, from int64) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, h.Address(f), nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("User-Agent", "saedb")
	req.Header.Set("Accept-Encoding", "identity") // sizes and ranges are of the file, not of a compressed one
	if h.Token != "" {
		req.Header.Set("Authorization", "Bearer "+h.Token)
	}
	if from > 0 {
		req.Header.Set("Range", fmt.Sprintf("bytes=%d-", from))
	}
	client := &http.Client{Transport: h.transport, CheckRedirect: func(next *http.Request, via []*http.Request) error {
		first := via[0].URL
		elsewhere := next.URL.Host != first.Host || next.URL.Scheme != first.Scheme
		switch {
		case method == http.MethodHead && elsewhere:
			return http.ErrUseLastResponse
		case len(via) >= 10:
			return errors.New("redirected ten times")
		case first.Scheme == "https" && next.URL.Scheme != "https":
			return fmt.Errorf("redirected to %s without encryption", next.URL.Host)
		case elsewhere:
			next.Header.Del("Authorization")
		}
		return nil
	}}
	resp, err := client.Do(req)
	if err != nil {
		return nil, h.unreachable(ctx, f, err)
	}
	return resp, nil
}

// unreachable is the error of a request that got no answer. The address stays out of it: where a redirect went may be secret.
func (h *Hub) unreachable(ctx context.Context, f File, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	host := h.Endpoint
	var at *url.Error
	if errors.As(err, &at) {
		if u, bad := url.Parse(at.URL); bad == nil && u.Host != "" {
			host = u.Scheme + "://" + u.Host
		}
		err = at.Err
	}
	return &lost{fmt.Errorf("%s: %s %w: %w", f, host, ErrUnreachable, err)}
}

// refused is the error of an answer that is none.
func (h *Hub) refused(f File, resp *http.Response) error {
	said := resp.Status
	if message := resp.Header.Get("X-Error-Message"); message != "" {
		said += ", " + message[:min(len(message), 200)]
	}
	host := resp.Request.URL.Host
	switch code := resp.StatusCode; {
	case code == http.StatusUnauthorized, code == http.StatusForbidden:
		return fmt.Errorf("%w: %s: %s answers %s", ErrDenied, f, host, said)
	case code == http.StatusNotFound, code == http.StatusGone:
		return fmt.Errorf("%w: %s at revision %s: %s answers %s", ErrNotThere, f, f.Revision, host, said)
	case code == http.StatusTooManyRequests, code >= 500:
		return &lost{fmt.Errorf("%s: %s %w: it answers %s", f, host, ErrUnreachable, said)}
	}
	return fmt.Errorf("%s: %s %w: it answers %s", f, host, ErrUnreachable, said)
}

// lost marks what another try may mend.
type lost struct{ error }

func (l *lost) Unwrap() error { return l.error }

// mayPass reports whether another try may mend err. An unknown name and an unknown certificate will be so in the next seconds too.
func mayPass(err error) bool {
	var l *lost
	var dns *net.DNSError
	var cert *tls.CertificateVerificationError
	return errors.As(err, &l) && !(errors.As(err, &dns) && dns.IsNotFound) && !errors.As(err, &cert)
}

// tries is how often a download that brings nothing more is begun; each waits twice as long as the one before.
const tries = 4

// again calls once until it succeeds, fails for good, or has failed so often without progress. once says whether it made any.
func (h *Hub) again(ctx context.Context, once func() (progress bool, err error)) error {
	for failed := 1; ; failed++ {
		progress, err := once()
		if progress {
			failed = 1
		}
		if err == nil || !mayPass(err) || failed == tries || ctx.Err() != nil {
			return err
		}
		wait := time.Second << (failed - 1)
		if h.pause != nil {
			h.pause(ctx, wait)
			continue
		}
		select {
		case <-ctx.Done():
		case <-time.After(wait):
		}
	}
}

// download brings the rest of f into part, which holds its first bytes or is not there, and leaves it whole and on disk.
func (h *Hub) download(ctx context.Context, f File, r remote, part string) error {
	return h.again(ctx, func() (bool, error) {
		before := sizeOf(part)
		err := h.continuePart(ctx, f, r, part)
		return sizeOf(part) > before, err
	})
}

func sizeOf(path string) int64 {
	st, err := os.Stat(path)
	if err != nil {
		return 0
	}
	return st.Size()
}

// continuePart is one try of download.
func (h *Hub) continuePart(ctx context.Context, f File, r remote, part string) (err error) {
	out, err := os.OpenFile(part, os.O_CREATE|os.O_WRONLY, 0o666)
	if err != nil {
		return err
	}
	defer func() {
		if cerr := out.Close(); err == nil {
			err = cerr
		}
	}()
	have, err := out.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	if have > r.size {
		have = 0 // of another file, or damaged
	}
	if have < r.size {
		if err := h.receive(ctx, f, r, out, have); err != nil {
			return err
		}
	}
	return out.Sync()
}

// receive writes f's bytes from have on to out.
func (h *Hub) receive(ctx context.Context, f File, r remote, out *os.File, have int64) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	idle := cmp.Or(h.idle, time.Minute)
	watch := time.AfterFunc(idle, func() {
		cancel(&lost{fmt.Errorf("%s: %s %w: not a byte came for %v", f, h.Endpoint, ErrUnreachable, idle)})
	})
	defer watch.Stop()

	resp, err := h.send(ctx, http.MethodGet, f, have)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	switch resp.StatusCode {
	case http.StatusOK:
		have = 0 // all of it, although we asked for the rest
	case http.StatusPartialContent:
		if want := fmt.Sprintf("bytes %d-", have); !strings.HasPrefix(resp.Header.Get("Content-Range"), want) {
			return fmt.Errorf("%s: %w: asked for %s, it sends %q", f, ErrUnreachable, want, resp.Header.Get("Content-Range"))
		}
	default:
		return h.refused(f, resp)
	}
	if err := out.Truncate(have); err != nil {
		return err
	}
	if _, err := out.Seek(have, io.SeekStart); err != nil {
		return err
	}
	tell := func(n int) {
		watch.Reset(idle)
		have += int64(n)
		if h.Progress != nil {
			h.Progress(f.Path, have, r.size)
		}
	}
	_, err = io.Copy(&told{out, tell}, io.LimitReader(resp.Body, r.size-have))
	var writing *os.PathError
	switch {
	case errors.As(err, &writing):
		return diskFull(err)
	case context.Cause(ctx) != nil:
		return context.Cause(ctx)
	case have < r.size:
		return &lost{fmt.Errorf("%w: %s: %d of %d bytes came%s", ErrTruncated, f, have, r.size, because(err))}
	}
	return err
}

func because(err error) string {
	if err == nil || errors.Is(err, io.ErrUnexpectedEOF) {
		return ""
	}
	return ": " + err.Error()
}

// told is a writer that tells how much it wrote.
type told struct {
	w    io.Writer
	tell func(n int)
}

func (t *told) Write(p []byte) (int, error) {
	n, err := t.w.Write(p)
	t.tell(n)
	return n, err
}
