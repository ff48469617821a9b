package setup

import (
	"bytes"
	"context"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/saedb/saedb/clip/setup/setuptest"
)

const repo = "maker/model"

// weights is a file of 300,000 bytes that no shift of itself equals.
func weights() []byte {
	b := make([]byte, 300_000)
	for i := range b {
		b[i] = byte(i * i >> 7)
	}
	return b
}

func sha256Of(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// newHub starts a stand-in hub with one large file, and a client for it with a cache of its own that does not wait between tries.
func newHub(t *testing.T) (*setuptest.Hub, *Hub, File) {
	t.Helper()
	server := setuptest.New(t, map[string][]byte{repo + "/onnx/vision.onnx": weights()})
	h := &Hub{Endpoint: server.Address, Cache: filepath.Join(t.TempDir(), "hub"), pause: func(context.Context, time.Duration) {}}
	return server, h, File{Repo: repo, Revision: setuptest.Commit, Path: "onnx/vision.onnx", SHA256: sha256Of(weights())}
}

// fetch expects the whole file in the cache.
func fetch(t *testing.T, h *Hub, f File) (path string) {
	t.Helper()
	path, err := h.Fetch(t.Context(), f)
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(path)
	if err != nil || !bytes.Equal(got, weights()) {
		t.Fatalf("%s holds %d bytes (%v), want the hub's %d", path, len(got), err, len(weights()))
	}
	return path
}

func TestFetchPutsTheFileWherePythonLooks(t *testing.T) {
	server, h, f := newHub(t)
	var last, total int64
	h.Progress = func(path string, done, all int64) { last, total = done, all }
	path := fetch(t, h, f)
	repoDir := filepath.Join(h.Cache, "models--maker--model")
	if want := filepath.Join(repoDir, "snapshots", setuptest.Commit, "onnx", "vision.onnx"); path != want {
		t.Errorf("it lies at %s, want %s", path, want)
	}
	if !isFile(filepath.Join(repoDir, "blobs", f.SHA256)) {
		t.Error("no blob of that digest")
	}
	if last != total || total != int64(len(weights())) {
		t.Errorf("progress ended at %d of %d", last, total)
	}
	server.Log()
	fetch(t, h, f)
	if log := server.Log(); len(log) > 0 {
		t.Errorf("fetching it again asked the hub for %q", log)
	}
}

func TestFetchByBranchNotesTheCommit(t *testing.T) {
	_, h, f := newHub(t)
	f.Revision = "main"
	path := fetch(t, h, f)
	if !strings.Contains(path, setuptest.Commit) {
		t.Errorf("it lies at %s, not in the commit's snapshot", path)
	}
	if ref, err := os.ReadFile(filepath.Join(h.Cache, "models--maker--model", "refs", "main")); string(ref) != setuptest.Commit {
		t.Errorf("refs/main is %q, %v", ref, err)
	}
}

// TestBrokenDownloadContinues breaks each connection after 100,000 bytes: three are needed, and nothing comes twice.
func TestBrokenDownloadContinues(t *testing.T) {
	server, h, f := newHub(t)
	server.Break = 100_000
	fetch(t, h, f)
	want := []string{"HEAD onnx/vision.onnx",
		"GET onnx/vision.onnx", "BYTES vision.onnx ", "GET onnx/vision.onnx", "BYTES vision.onnx 100000-", "GET onnx/vision.onnx", "BYTES vision.onnx 200000-"}
	if log := server.Log(); !slices.Equal(log, want) {
		t.Errorf("asked for %q\nwant %q", log, want)
	}
}

func TestKilledDownloadContinues(t *testing.T) {
	server, h, f := newHub(t)
	for name, begun := range map[string][]byte{
		"its first half":  weights()[:150_000],
		"all of it":       weights(),
		"more than it is": append(weights(), 1, 2, 3),
	} {
		blobs := filepath.Join(h.Cache, "models--maker--model", "blobs")
		if err := errors.Join(os.RemoveAll(h.Cache), os.MkdirAll(blobs, 0o777), os.WriteFile(filepath.Join(blobs, f.SHA256+".incomplete"), begun, 0o666)); err != nil {
			t.Fatal(err)
		}
		server.Log()
		fetch(t, h, f)
		if log := server.Log(); name == "its first half" && !slices.Contains(log, "BYTES vision.onnx 150000-") {
			t.Errorf("%s was there, and it asked for %q", name, log)
		}
	}
}

func TestHostWithoutRanges(t *testing.T) {
	server, h, f := newHub(t)
	server.Break, server.NoRange = 200_000, true
	if _, err := h.Fetch(t.Context(), f); !errors.Is(err, ErrTruncated) {
		t.Fatalf("a connection that always breaks: %v", err)
	}
	server.Break = 0
	fetch(t, h, f) // all of it comes again, over what is there
}

// TestWrongBytesAreNotKept has the host send others than the hub promised, on the first try and after half of the right ones.
func TestWrongBytesAreNotKept(t *testing.T) {
	server, h, f := newHub(t)
	server.Corrupt = true
	for _, known := range []string{f.SHA256, ""} {
		f.SHA256 = known
		if _, err := h.Fetch(t.Context(), f); !errors.Is(err, ErrDigest) {
			t.Errorf("digest known %v: %v, want ErrDigest", known != "", err)
		}
	}
	blobs, err := os.ReadDir(filepath.Join(h.Cache, "models--maker--model", "blobs"))
	if err != nil || len(blobs) > 0 {
		t.Errorf("left behind: %v, %v", blobs, err)
	}
	server.Corrupt = false
	fetch(t, h, f)
}

// TestSmallFilesHaveGitsDigest: the hub names files that are not large by what git calls them.
func TestSmallFilesHaveGitsDigest(t *testing.T) {
	server, h, f := newHub(t)
	sum := sha1.Sum(append(fmt.Appendf(nil, "blob %d\x00", len(weights())), weights()...))
	server.SmallEtag, f.SHA256 = hex.EncodeToString(sum[:]), ""
	fetch(t, h, f)
	server.Corrupt, h.Cache = true, t.TempDir()
	if _, err := h.Fetch(t.Context(), f); !errors.Is(err, ErrDigest) {
		t.Errorf("other bytes: %v, want ErrDigest", err)
	}
}

// TestRefusals reads aloud what people see.
func TestRefusals(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*setuptest.Hub, *Hub, *File)
		want   error
		says   string
	}{
		"another file under the name": {func(_ *setuptest.Hub, _ *Hub, f *File) { f.SHA256 = strings.Repeat("0", 64) }, ErrDigest, "it is another file"},
		"a token is wanted":           {func(s *setuptest.Hub, _ *Hub, _ *File) { s.Token = "secret" }, ErrDenied, "Access to this repository is restricted."},
		"no such file":                {func(_ *setuptest.Hub, _ *Hub, f *File) { f.Path = "onnx/audio.onnx" }, ErrNotThere, "Entry not found"},
		"the bytes are gone":          {func(s *setuptest.Hub, _ *Hub, _ *File) { s.Moved = true }, ErrNotThere, "404"},
		"busy for good":               {func(s *setuptest.Hub, _ *Hub, _ *File) { s.Busy = 1000 }, ErrUnreachable, "503"},
		"nobody listens":              {func(_ *setuptest.Hub, h *Hub, _ *File) { h.Endpoint = "http://127.0.0.1:1" }, ErrUnreachable, "http://127.0.0.1:1"},
		"offline":                     {func(_ *setuptest.Hub, h *Hub, _ *File) { h.Offline = true }, ErrOffline, "HF_HUB_OFFLINE"},
		"an Etag that leads astray":   {func(s *setuptest.Hub, _ *Hub, f *File) { s.SmallEtag, f.SHA256 = "../../escape", "" }, ErrUnreachable, "no model hub"},
	} {
		server, h, f := newHub(t)
		c.change(server, h, &f)
		if _, err := h.Fetch(t.Context(), f); !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v\nwant %v, with %q", name, err, c.want, c.says)
		}
	}
}

func TestBusyHubIsAskedAgain(t *testing.T) {
	server, h, f := newHub(t)
	server.Busy = 2
	fetch(t, h, f)
}

// TestTokenStaysWithTheHub: setuptest's other host answers nobody who shows it a token.
func TestTokenStaysWithTheHub(t *testing.T) {
	server, h, f := newHub(t)
	server.Token, h.Token = "secret", "secret"
	fetch(t, h, f)
}

func TestCacheOfAnotherRevisionIsUsed(t *testing.T) {
	server, h, f := newHub(t)
	other := filepath.Join(h.Cache, "models--maker--model", "snapshots", strings.Repeat("f", 40), "onnx", "vision.onnx")
	if err := errors.Join(os.MkdirAll(filepath.Dir(other), 0o777), os.WriteFile(other, weights(), 0o666)); err != nil {
		t.Fatal(err)
	}
	if path := fetch(t, h, f); path != other {
		t.Errorf("it fetched %s instead of using %s", path, other)
	}
	if err := os.WriteFile(other, weights()[1:], 0o666); err != nil {
		t.Fatal(err)
	}
	if path := fetch(t, h, f); path == other || len(server.Log()) == 0 {
		t.Error("a damaged file in the cache was used")
	}
}

// TestManyFetchOneFile: whoever comes second waits for the first.
func TestManyFetchOneFile(t *testing.T) {
	server, h, f := newHub(t)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			if _, err := h.Fetch(context.Background(), f); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	downloads := 0
	for _, asked := range server.Log() {
		if strings.HasPrefix(asked, "BYTES") {
			downloads++
		}
	}
	if downloads != 1 {
		t.Errorf("the file came %d times", downloads)
	}
}

func TestInterruptedFetch(t *testing.T) {
	_, h, f := newHub(t)
	ctx, cancel := context.WithCancel(t.Context())
	h.Progress = func(string, int64, int64) { cancel() }
	if _, err := h.Fetch(ctx, f); !errors.Is(err, context.Canceled) {
		t.Errorf("interrupted: %v", err)
	}
	h.Progress = nil
	fetch(t, h, f)
}

func TestHubFromEnv(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "token"), []byte("from-file\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		env                    map[string]string
		endpoint, cache, token string
		offline                bool
	}{
		{map[string]string{"HF_HOME": dir}, publicHub, filepath.Join(dir, "hub"), "from-file", false},
		{map[string]string{"HF_HOME": dir, "HF_TOKEN": "given", "HF_HUB_CACHE": "/c", "HF_ENDPOINT": "http://mirror:80/x/"}, "http://mirror:80/x", "/c", "given", false},
		{map[string]string{"XDG_CACHE_HOME": dir, "HF_HUB_OFFLINE": "1"}, publicHub, filepath.Join(dir, "huggingface", "hub"), "", true},
		{map[string]string{"XDG_CACHE_HOME": dir, "HF_TOKEN_PATH": filepath.Join(dir, "token"), "HF_HUB_OFFLINE": "0"}, publicHub, filepath.Join(dir, "huggingface", "hub"), "from-file", false},
	} {
		h, err := HubFromEnv(func(name string) string { return c.env[name] })
		if err != nil || h.Endpoint != c.endpoint || h.Cache != c.cache || h.Token != c.token || h.Offline != c.offline {
			t.Errorf("%v: %+v, %v", c.env, h, err)
		}
	}
	if _, err := HubFromEnv(func(name string) string { return map[string]string{"HF_HOME": dir, "HF_ENDPOINT": "mirror"}[name] }); err == nil {
		t.Error(`HF_ENDPOINT "mirror" is no address, and was taken`)
	}
}
