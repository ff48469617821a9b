package remote_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"maps"
	"math"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/saedb/saedb/db"
	"github.com/saedb/saedb/db/remote"
	"github.com/saedb/saedb/index"
	"github.com/saedb/saedb/internal/dbtest"
	"github.com/saedb/saedb/query"
	"github.com/saedb/saedb/query/build"
	"github.com/saedb/saedb/query/syntax"
	"github.com/saedb/saedb/sae/concept"
)

// library returns a database with everything that a query can ask for.
func library(t *testing.T) *db.DB {
	t.Helper()
	ctx := t.Context()
	d := dbtest.MustOpen(t)
	items := dbtest.Items(40, 8, 1)
	maps.Copy(items[3].Meta, map[string]any{
		"path": "über <b>&.jpg", "width": int64(640), "half": 0.5, "whole": 5.0, "large": 1e21, "on": true,
		"at": time.Date(2021, 5, 1, 10, 0, 0, 500, time.UTC), "text": "2021-05-01",
	})
	items[3].Thumb = []byte{1, 2, 3}
	items[5].Meta = nil
	_, err := d.Put(ctx, items...)
	dbtest.Must(t, err)
	dbtest.Must(t, d.AddModel(ctx, "sae1", dbtest.Model(8, 16, 3, 1)))
	dbtest.Must(t, d.Activate(ctx, "sae1"))
	dbtest.Must(t, d.SetNames(ctx, "", dbtest.Names(16)))
	dbtest.Must(t, d.SetVocab(ctx, &concept.Vocab{Words: []string{"north", "word0001"}, D: 8, Vectors: []float32{
		1, 0, 0, 0, 0, 0, 0, 0,
		0, 1, 0, 0, 0, 0, 0, 0,
	}}))
	clusters := &db.Clusters{Over: "vectors", K: 1, List: []db.Cluster{{ID: 0, Size: 2, Name: "pair", Within: 0.5, Concepts: []db.ConceptShare{{Word: "word0001", Share: 0.5}}}}}
	dbtest.Must(t, d.SetClusters(ctx, clusters, func(yield func(string, int) bool) {
		_ = yield(items[0].ID, 0) && yield(items[1].ID, 0)
	}))
	return d
}

// serve makes a handler reachable until the test ends.
func serve(t *testing.T, h http.Handler) (address string) {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL
}

func dial(t *testing.T, address, token string) *remote.Client {
	t.Helper()
	c, err := remote.Dial(t.Context(), address, token)
	dbtest.Must(t, err)
	t.Cleanup(c.Close)
	return c
}

// answer is what a query says: rows, notes, the error.
type answer struct {
	rows  []query.Row
	notes []string
	err   error
}

func read(rows iter.Seq2[query.Row, error]) (a answer) {
	for row, err := range rows {
		if err != nil {
			a.err = err
			continue
		}
		a.rows = append(a.rows, row)
	}
	return a
}

func local(t *testing.T, d *db.DB, text string, p query.Params) answer {
	var notes []string
	a := read(d.Query(t.Context(), text, p, query.OnNote(func(s string) { notes = append(notes, s) })))
	a.notes = notes
	return a
}

func distant(t *testing.T, c *remote.Client, text string, p query.Params) answer {
	var notes []string
	a := read(c.Query(t.Context(), text, p, func(s string) { notes = append(notes, s) }))
	a.notes = notes
	return a
}

// asTree is distant for the tree of a text.
func asTree(t *testing.T, c *remote.Client, text string, p query.Params) answer {
	t.Helper()
	q, err := syntax.Parse(text)
	dbtest.Must(t, err)
	return read(c.QueryTree(t.Context(), q, p, nil))
}

// plainJSON is rows as a script sees them.
func plainJSON(t *testing.T, rows []query.Row) string {
	t.Helper()
	data, err := json.MarshalIndent(rows, "", " ")
	dbtest.Must(t, err)
	return string(data)
}

// TestTheSameAnswers asks here and there.
func TestTheSameAnswers(t *testing.T) {
	d := library(t)
	c := dial(t, serve(t, remote.Handler(d, remote.Options{})), "")
	kinds := map[query.Kind]bool{}
	noted := 0
	for _, q := range []struct {
		text   string
		params query.Params
	}{
		{"all with meta, vector, codes", nil},
		{"concept = word0001 with why, meta", nil},
		{"concept = $c and not concept = word0002", query.Params{"c": "word0001"}},
		{"latent = $l top 3", query.Params{"l": 4}},
		{"near image $id in dense include self", query.Params{"id": "i0003"}},
		{"near vector $v in dense top 3", query.Params{"v": []float32{0.1, 1e-7, 3, 4, 5, 6, 7, -8.25}}},
		{"near vector $v in latent top 3", query.Params{"v": []float32{0.1, 0.2, 3, 4, 5, 6, 7, -8.25}}},
		{`near text "north" in dense top 3`, nil},
		{"explain image i0003", nil},
		{"explain image i0003 with common", nil},
		{"explain image i0003 vs image i0003", nil},
		{"concepts", nil},
		{"latents", nil},
		{"fields", nil},
		{"clusters", nil},
		{"count", nil},
		{"count by cluster", nil},
		{"count by meta.year", nil},
		{"count by meta.at", nil},
		{"count by meta.on", nil},
		{"count by meta.half", nil},
		{"count concept = word0001 by concept", nil},
		{"describe image i0003", nil},
		{"describe concept word0001", nil},
		{"plan concept = word0001 and meta.year >= 2010", nil},
		{"meta.year in ($years)", query.Params{"years": []string{"2001", "2002"}}},
		{"meta.at = $at", query.Params{"at": time.Date(2021, 5, 1, 10, 0, 0, 500, time.UTC)}},
		{"meta.on = $on and meta.half < $x and meta.whole = $five", query.Params{"on": true, "x": float32(0.75), "five": 5.0}},
		{"meta.year = 1800", nil},
	} {
		want, got := local(t, d, q.text, q.params), distant(t, c, q.text, q.params)
		if want.err != nil || got.err != nil {
			t.Errorf("%s: %v here, %v there", q.text, want.err, got.err)
			continue
		}
		if w, g := plainJSON(t, want.rows), plainJSON(t, got.rows); w != g {
			t.Errorf("%s:\nhere %s\nthere %s", q.text, w, g)
		}
		if !slices.Equal(want.notes, got.notes) {
			t.Errorf("%s: notes %q here, %q there", q.text, want.notes, got.notes)
		}
		if g := plainJSON(t, asTree(t, c, q.text, q.params).rows); g != plainJSON(t, want.rows) {
			t.Errorf("%s as a tree:\nhere %s\nthere %s", q.text, plainJSON(t, want.rows), g)
		}
		noted += len(got.notes)
		for i := range want.rows {
			kinds[want.rows[i].Kind] = true
			if want.rows[i].Kind != got.rows[i].Kind || reflect.TypeOf(want.rows[i].Value) != reflect.TypeOf(got.rows[i].Value) {
				t.Errorf("%s: row %+v here, %+v there", q.text, want.rows[i], got.rows[i])
			}
		}
	}
	if len(kinds) != 9 || noted == 0 {
		t.Errorf("the queries have rows of kinds %v and %d notes: want all nine, and some", slices.Sorted(maps.Keys(kinds)), noted)
	}
}

// TestTheSameErrors asks what cannot be answered, here and there.
func TestTheSameErrors(t *testing.T) {
	full, empty := library(t), dbtest.MustOpen(t)
	for _, q := range []struct {
		d      *db.DB
		text   string
		params query.Params
		kind   error // nil: none
	}{
		{full, "", nil, nil},
		{full, "concept = word0001 and\n  meta.yaer = 3", nil, nil},
		{full, "concept = \"wörd0001\" and", nil, nil},
		{full, "concept = wrd0001", nil, nil},
		{full, "near image nobody", nil, db.ErrNotFound},
		{full, `near text "a red barn"`, nil, db.ErrNoEmbedder},
		{full, `near file "/etc/passwd"`, nil, db.ErrNoEmbedder},
		{full, `near url "http://127.0.0.1/"`, nil, db.ErrNoEmbedder},
		{full, `near vector "v.npy" in dense`, nil, db.ErrNoEmbedder},
		{full, `explain mean(image i0001, file "x.jpg")`, nil, db.ErrNoEmbedder},
		{full, "count" + strings.Repeat(" ", 65_536), nil, nil},
		{full, strings.Repeat("not ", 65) + "meta.on", nil, nil},
		{full, "id in (a" + strings.Repeat(", a", 256) + ")", nil, nil},
		{full, "all top 10001", nil, nil},
		{full, "all offset 10001", nil, nil},
		{full, "concept = $c", nil, nil},
		{full, "concept = $c", query.Params{"c": true}, nil},
		{full, "concept = $c", query.Params{"c": 5.0}, nil},
		{full, "meta.year = $y", query.Params{"y": []string{}}, nil},
		{full, `concepts like text "sea"`, nil, query.ErrNoEncoder},
		{empty, "concept = dog", nil, db.ErrNoModel},
		{empty, "clusters", nil, db.ErrNoClusters},
	} {
		c := dial(t, serve(t, remote.Handler(q.d, remote.Options{})), "")
		here, there := local(t, q.d, q.text, q.params).err, distant(t, c, q.text, q.params).err
		want, ok1 := errors.AsType[*query.Error](here)
		got, ok2 := errors.AsType[*query.Error](there)
		if !ok1 || !ok2 {
			t.Errorf("%q: %#v here, %#v there: want a *query.Error", q.text, here, there)
			continue
		}
		if want.Error() != got.Error() || want.Render() != got.Render() || want.Offset != got.Offset || want.Hint != got.Hint {
			t.Errorf("%q:\nhere  %s\nthere %s", q.text, want.Render(), got.Render())
		}
		if q.kind != nil && (!errors.Is(here, q.kind) || !errors.Is(there, q.kind)) {
			t.Errorf("%q: want %q here and there", q.text, q.kind)
		}
	}
}

// TestTheSameErrorsOfTrees asks with trees, here and there.
func TestTheSameErrorsOfTrees(t *testing.T) {
	d := library(t)
	c := dial(t, serve(t, remote.Handler(d, remote.Options{})), "")
	for _, q := range []struct {
		tree *syntax.Query
		says string
	}{
		{build.Find(build.Concept("wrd0001")).Tree(), "query:1:11: unknown concept"},
		{build.Find(build.Eq("a b", 1)).Tree(), `query:1:1: /find/where/field: "a b" is no name of a field`},
		{&syntax.Query{}, "query:1:1: the query is empty"},
		{build.Near(build.File("/etc/passwd")).Tree(), "query:1:6: "},
	} {
		here, there := read(d.QueryTree(t.Context(), q.tree, nil)).err, read(c.QueryTree(t.Context(), q.tree, nil, nil)).err
		if here == nil || there == nil || here.Error() != there.Error() || !strings.HasPrefix(here.Error(), q.says) {
			t.Errorf("%v here, %v there, want %s", here, there, q.says)
		}
		if _, ok := errors.AsType[*query.Error](there); !ok {
			t.Errorf("%v is no *query.Error", there)
		}
	}
}

// TestTheSameErrorWithoutAPlace: it is no *query.Error here and there.
func TestTheSameErrorWithoutAPlace(t *testing.T) {
	d := library(t)
	c := dial(t, serve(t, remote.Handler(d, remote.Options{})), "")
	p := query.Params{"v": []float32{1, 2}}
	here, there := local(t, d, "near vector $v in dense", p).err, distant(t, c, "near vector $v in dense", p).err
	if !errors.Is(here, index.ErrDim) || !errors.Is(there, index.ErrDim) || here.Error() != there.Error() {
		t.Errorf("%v here, %v there", here, there)
	}
}

func TestItems(t *testing.T) {
	d := library(t)
	c := dial(t, serve(t, remote.Handler(d, remote.Options{})), "")
	for _, id := range []string{"i0000", "i0003", "i0005"} {
		want, err := d.Get(t.Context(), id)
		dbtest.Must(t, err)
		got, err := c.Get(t.Context(), id)
		dbtest.Must(t, err)
		if !want.Added.Equal(got.Added) {
			t.Errorf("%s was added %v here, %v there", id, want.Added, got.Added)
		}
		got.Added = want.Added // times are equal, their locations need not be
		if len(want.Meta) == 0 && len(got.Meta) == 0 {
			got.Meta = want.Meta
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s:\nhere  %#v\nthere %#v", id, want, got)
		}
	}
	for _, id := range []string{"gone", "", "a b&id=i0000", "ü\x00/../%2f"} {
		_, here := d.Get(t.Context(), id)
		if _, there := c.Get(t.Context(), id); !errors.Is(there, db.ErrNotFound) || there.Error() != here.Error() {
			t.Errorf("%q: %v here, %v there", id, here, there)
		}
	}
}

func TestStatsAndFingerprint(t *testing.T) {
	for name, d := range map[string]*db.DB{"full": library(t), "empty": dbtest.MustOpen(t)} {
		c := dial(t, serve(t, remote.Handler(d, remote.Options{})), "")
		want, err := d.Stats(t.Context())
		dbtest.Must(t, err)
		got, err := c.Stats(t.Context())
		dbtest.Must(t, err)
		for i := range want.Models {
			if !want.Models[i].Added.Equal(got.Models[i].Added) {
				t.Errorf("%s: %v here, %v there", name, want.Models[i].Added, got.Models[i].Added)
			}
			got.Models[i].Added = want.Models[i].Added
		}
		want.Bytes, got.Bytes = 0, 0 // the store writes when it likes
		if fmt.Sprintf("%+v", got) != fmt.Sprintf("%+v", want) {
			t.Errorf("%s:\nhere  %+v\nthere %+v", name, want, got)
		}
		here, err := d.Fingerprint(t.Context())
		dbtest.Must(t, err)
		if there, err := c.Fingerprint(t.Context()); err != nil || there != here {
			t.Errorf("%s: fingerprint %s here, %s, %v there", name, here, there, err)
		}
	}
}

// TestRefusals sends what no client of ours sends.
func TestRefusals(t *testing.T) {
	address := serve(t, remote.Handler(library(t), remote.Options{Token: "secret", Hosts: []string{"pictures.example"}, MaxBody: 1000}))
	const ask = `{"query":"count"}`
	for _, c := range []struct {
		name, method, path, body string
		header                   map[string]string
		status                   int
		says                     string
	}{
		{"all is well", "POST", "/v1/query", ask, nil, 200, `"count":40`},
		{"a known name", "POST", "/v1/query", ask, map[string]string{"Host": "Pictures.example:80"}, 200, `"count":40`},
		{"localhost", "GET", "/v1/stats", "", map[string]string{"Host": "localhost"}, 200, `"items":40`},
		{"an address", "GET", "/v1/stats", "", map[string]string{"Host": "[::1]:7878"}, 200, `"items":40`},
		{"a name of somebody else's", "GET", "/v1/stats", "", map[string]string{"Host": "evil.example"}, 403, "does not go by that name"},
		{"a name that begins like ours", "GET", "/v1/stats", "", map[string]string{"Host": "localhost.evil.example:7878"}, 403, "evil"},
		{"a name that begins like an address", "GET", "/v1/stats", "", map[string]string{"Host": "127.0.0.1.evil.example"}, 403, "evil"},
		{"no token is needed for health, but a name is", "GET", "/v1/healthz", "", map[string]string{"Host": "evil.example"}, 403, "evil"},
		{"a page of another site", "GET", "/v1/stats", "", map[string]string{"Sec-Fetch-Site": "cross-site"}, 403, "another site"},
		{"the address bar", "GET", "/v1/stats", "", map[string]string{"Sec-Fetch-Site": "none"}, 200, `"items":40`},
		{"no token", "GET", "/v1/fingerprint", "", map[string]string{"Authorization": ""}, 401, "token"},
		{"another token", "GET", "/v1/items?id=i0000", "", map[string]string{"Authorization": "Bearer secret2"}, 401, "token"},
		{"a token without its scheme", "POST", "/v1/query", ask, map[string]string{"Authorization": "secret"}, 401, "token"},
		{"health", "GET", "/v1/healthz", "", map[string]string{"Authorization": ""}, 200, `"status":"ok"`},
		{"what a form can send", "POST", "/v1/query", ask, map[string]string{"Content-Type": "text/plain"}, 400, "Content-Type: application/json"},
		{"a preflight", "OPTIONS", "/v1/query", "", map[string]string{"Origin": "http://evil.example"}, 404, "there is no OPTIONS"},
		{"too much", "POST", "/v1/query", `{"query":"` + strings.Repeat("x", 1000) + `"}`, nil, 413, "more than 1000 bytes"},
		{"not JSON", "POST", "/v1/query", "count", nil, 400, "want {"},
		{"cut short", "POST", "/v1/query", `{"query":"count"`, nil, 400, "unexpected EOF"},
		{"more than one", "POST", "/v1/query", ask + ask, nil, 400, "more than one"},
		{"a wrong name", "POST", "/v1/query", `{"querry":"count"}`, nil, 400, "querry"},
		{"a parameter of no type", "POST", "/v1/query", `{"query":"count","params":{"x":{"y":1}}}`, nil, 400, `parameter \"x\"`},
		{"a mixed list", "POST", "/v1/query", `{"query":"count","params":{"x":[1,"y"]}}`, nil, 400, "element 1"},
		{"a number out of range", "POST", "/v1/query", `{"query":"count","params":{"x":[1e99]}}`, nil, 400, "out of range"},
		{"a tree", "POST", "/v1/query", `{"query":{"count":{"where":{"field":"meta.year",">=":2010}}}}`, nil, 200, `"count":20`},
		{"a tree with a parameter", "POST", "/v1/query", `{"query":{"find":{"where":{"field":"id","=":{"param":"id"}}}},"params":{"id":"i0003"}}`, nil, 200, `"id":"i0003"`},
		{"a malformed tree", "POST", "/v1/query", `{"query":{"count":{"were":{}}}}`, nil, 400, `{"error":"/count/were: unknown key \"were\"","offset":17,"hint":"did you mean where?"}`},
		{"a tree of what is not there", "POST", "/v1/query", `{"query":{"count":{"where":{"field":"meta.yaer"}}}}`, nil, 400, `"offset":12,"hint":"did you mean meta.year, meta.at or meta.half?","text":"count where meta.yaer"`},
		{"a file in a tree", "POST", "/v1/query", `{"query":{"find":{"near":{"file":"/etc/passwd"}}}}`, nil, 409, "cannot be read here"},
		{"a list", "POST", "/v1/query", `{"query":["count"]}`, nil, 400, "cannot unmarshal array"},
		{"a malformed query", "POST", "/v1/query", `{"query":"count by"}`, nil, 400, `"offset":8`},
		{"a file", "POST", "/v1/query", `{"query":"near file \"/etc/passwd\""}`, nil, 409, "cannot be read here"},
		{"no id", "GET", "/v1/items", "", nil, 400, "want one id"},
		{"two ids", "GET", "/v1/items?id=a&id=b", "", nil, 400, "want one id"},
		{"another id", "GET", "/v1/items?id=gone", "", nil, 404, `"kind":"not found"`},
		{"another way", "GET", "/v1/query", "", nil, 404, "there is no GET"},
		{"another place", "GET", "/", "", nil, 404, "/v1/healthz"},
	} {
		req, err := http.NewRequestWithContext(t.Context(), c.method, address+c.path, strings.NewReader(c.body))
		dbtest.Must(t, err)
		req.Header.Set("Authorization", "Bearer secret")
		req.Header.Set("Content-Type", "application/json; charset=utf-8")
		for name, value := range c.header {
			req.Header.Set(name, value)
		}
		if host := c.header["Host"]; host != "" {
			req.Host = host
		}
		resp, err := http.DefaultClient.Do(req)
		dbtest.Must(t, err)
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		dbtest.Must(t, err)
		if resp.StatusCode != c.status || !strings.Contains(string(body), c.says) {
			t.Errorf("%s: %s %s, want %d with %q", c.name, resp.Status, body, c.status, c.says)
		}
		for name := range resp.Header {
			if strings.HasPrefix(name, "Access-Control-") {
				t.Errorf("%s: the answer has a header %s", c.name, name)
			}
		}
	}
}

func TestTokens(t *testing.T) {
	address := serve(t, remote.Handler(library(t), remote.Options{Token: "secret"}))
	if n, err := dial(t, address, "secret").Fingerprint(t.Context()); err != nil || n == "" {
		t.Errorf("with the token: %v", err)
	}
	for _, token := range []string{"", "Secret", "secret2"} {
		c := dial(t, address, token)
		if err := read(c.Query(t.Context(), "count", nil, nil)).err; !errors.Is(err, remote.ErrToken) {
			t.Errorf("token %q: %v", token, err)
		}
	}
}

// TestNoServer dials what is not one.
func TestNoServer(t *testing.T) {
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	moved := serve(t, http.RedirectHandler(serve(t, remote.Handler(library(t), remote.Options{})), http.StatusFound))
	later := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"api":"v9"}`) })
	for name, address := range map[string]string{
		"nobody": gone.URL, "another server": serve(t, http.NotFoundHandler()), "a redirect": moved, "a later version": serve(t, later),
	} {
		if _, err := remote.Dial(t.Context(), address, "secret"); !errors.Is(err, remote.ErrNoServer) || !strings.Contains(err.Error(), address) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, address := range []string{"", "pictures.saedb", "http://", "ftp://127.0.0.1", "http://a:b@127.0.0.1", "http://127.0.0.1?x=1", "http://[::1"} {
		if _, err := remote.Dial(t.Context(), address, ""); err == nil || errors.Is(err, remote.ErrNoServer) {
			t.Errorf("%q: %v: want an error about the URL", address, err)
		}
	}
}

// TestBrokenAnswers reads from servers that do not end an answer as they should.
func TestBrokenAnswers(t *testing.T) {
	const row = `{"rank":1,"count":3}` + "\n"
	for _, c := range []struct{ name, sends, says string }{
		{"an error after rows", row + `{"error":"the disk is on fire","kind":"corrupt"}` + "\n", "the disk is on fire"},
		{"cut between lines", row + "CUT", "broke off"},
		{"cut in a line", row + `{"rank":2,"co` + "CUT", "broke off"},
		{"a line of something else", row + `{"hello":1}` + "\n", "neither a row nor a message"},
		{"no JSON", row + "hello\n", "broke off"},
	} {
		c2 := dial(t, serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodGet {
				fmt.Fprint(w, `{"api":"v1","status":"ok"}`)
				return
			}
			text, cut := strings.CutSuffix(c.sends, "CUT")
			fmt.Fprint(w, text)
			if cut {
				_ = http.NewResponseController(w).Flush()
				panic(http.ErrAbortHandler)
			}
		})), "")
		a := distant(t, c2, "count", nil)
		if len(a.rows) != 1 || a.err == nil || !strings.Contains(a.err.Error(), c.says) {
			t.Errorf("%s: %d rows, %v", c.name, len(a.rows), a.err)
		}
		if c.name == "an error after rows" && !errors.Is(a.err, db.ErrCorrupt) {
			t.Errorf("%s: %v is not db.ErrCorrupt", c.name, a.err)
		}
	}
}

// TestLeavingEarly leaves answers behind. Close would wait for ever for a query that went on.
func TestLeavingEarly(t *testing.T) {
	d := dbtest.MustOpen(t)
	_, err := d.Put(t.Context(), dbtest.Items(3000, 64, 1)...)
	dbtest.Must(t, err)
	c := dial(t, serve(t, remote.Handler(d, remote.Options{})), "")
	for range c.Query(t.Context(), "all with vector", nil, nil) {
		break
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	n := 0
	for _, err := range c.Query(ctx, "all with vector", nil, nil) {
		if err != nil {
			if !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
			break
		}
		if n++; n == 10 {
			cancel()
		}
	}
	if n == 3000 {
		t.Error("a cancelled query went on to its end")
	}
	dbtest.Must(t, d.Close())
	if _, err := c.Stats(t.Context()); !errors.Is(err, db.ErrClosed) {
		t.Errorf("of a closed database: %v", err)
	}
	if _, err := remote.Dial(t.Context(), c.URL(), ""); !errors.Is(err, db.ErrClosed) {
		t.Errorf("dialling a closed database: %v", err)
	}
}

func TestTimeLimit(t *testing.T) {
	c := dial(t, serve(t, remote.Handler(library(t), remote.Options{Timeout: time.Nanosecond})), "")
	if _, err := c.Fingerprint(t.Context()); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "longer than 1ns") {
		t.Error(err)
	}
	if err := read(c.Query(t.Context(), "near image i0001", nil, nil)).err; !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
}

func TestParamsThatJSONCannotSay(t *testing.T) {
	c := dial(t, serve(t, remote.Handler(library(t), remote.Options{})), "")
	for name, v := range map[string]any{"nan": math.NaN(), "inf": float32(math.Inf(1)), "function": func() {}, "vector": []float32{float32(math.NaN())}} {
		if err := read(c.Query(t.Context(), "latent = $x", query.Params{"x": v}, nil)).err; err == nil || !strings.Contains(err.Error(), "cannot be sent") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestIDsSurviveURLs puts ids that a URL could misread.
func TestIDsSurviveURLs(t *testing.T) {
	d := dbtest.MustOpen(t)
	c := dial(t, serve(t, remote.Handler(d, remote.Options{})), "")
	for _, id := range []string{"a b", "a+b", "50%", "a&id=b", "ü/ö.jpg", "#?;", "\t\n", url.QueryEscape("a/b")} {
		_, err := d.Put(t.Context(), db.Item{ID: id, Vec: []float32{1, 2}})
		dbtest.Must(t, err)
		if it, err := c.Get(t.Context(), id); err != nil || it.ID != id {
			t.Errorf("%q: %q, %v", id, it.ID, err)
		}
	}
}
