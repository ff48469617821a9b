package remote

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/url"
	"strings"

	"github.com/saedb/saedb/db"
	"github.com/saedb/saedb/query"
	"github.com/saedb/saedb/query/syntax"
)

// ErrNoServer says that no saedb server answers at a URL.
var ErrNoServer = errors.New("no saedb server")

// Client reads the database of a server. Its methods may be called by many goroutines at once; errors are those of
// package db, and ErrNoServer, ErrToken, ErrBusy.
type Client struct {
	base  string // without a slash at the end
	token string
	http  *http.Client
}

// IsURL reports whether s, where a database may be named, is the URL of a server rather than a folder.
func IsURL(s string) bool {
	return strings.HasPrefix(s, "http://") || strings.HasPrefix(s, "https://")
}

// Dial finds the server at a URL such as http://127.0.0.1:7878. token is what it asks for, empty where it asks for none;
// over http:// everybody on the way can read it. Close the client after use.
func Dial(ctx context.Context, address, token string) (*Client, error) {
	u, err := url.Parse(address)
	if err != nil || !IsURL(address) || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return nil, fmt.Errorf("%q is not the URL of a server: want http://HOST:PORT", address)
	}
	c := &Client{base: strings.TrimRight(address, "/"), token: token, http: &http.Client{
		// A redirect would carry the token somewhere else.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
	var up health
	if err := c.get(ctx, "healthz", &up); err != nil {
		return nil, err
	}
	if up.API != apiVersion {
		return nil, fmt.Errorf("%w at %s: it speaks version %q, this program %q", ErrNoServer, c.base, up.API, apiVersion)
	}
	return c, nil
}

// URL returns where the server is.
func (c *Client) URL() string { return c.base }

// Close gives back the connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Query is db.DB.Query on the server's side, one snapshot throughout. note is told what the asker should know; it may be
// nil. What is wrong with the text is a *query.Error. Leaving the loop ends the query.
func (c *Client) Query(ctx context.Context, text string, params query.Params, note func(string)) iter.Seq2[query.Row, error] {
	return func(yield func(query.Row, error) bool) {
		if err := c.ask(ctx, asked{text: text}, params, note, func(row query.Row) bool { return yield(row, nil) }); err != nil {
			yield(query.Row{}, err)
		}
	}
}

// QueryTree is Query for a tree.
func (c *Client) QueryTree(ctx context.Context, q *syntax.Query, params query.Params, note func(string)) iter.Seq2[query.Row, error] {
	return func(yield func(query.Row, error) bool) {
		text, err := query.TreeText(q)
		if err == nil {
			err = c.ask(ctx, asked{text, q}, params, note, func(row query.Row) bool { return yield(row, nil) })
		}
		if err != nil {
			yield(query.Row{}, err)
		}
	}
}

// ask hands on row by row until yield returns false. It returns an error only while yield returns true.
func (c *Client) ask(ctx context.Context, a asked, params query.Params, note func(string), yield func(query.Row) bool) error {
	text := a.text
	q := question{Query: a, Params: make(map[string]any, len(params))}
	for name, v := range params {
		q.Params[name] = toWire(v)
	}
	body, err := json.Marshal(q)
	if err != nil {
		return fmt.Errorf("query: a parameter cannot be sent: %w", err)
	}
	answer, err := c.do(ctx, http.MethodPost, "query", body, text)
	if err != nil {
		return err
	}
	defer answer.Close()
	for dec := json.NewDecoder(answer); ; {
		var line json.RawMessage
		err := dec.Decode(&line)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return c.broken(ctx, err)
		}
		if !bytes.HasPrefix(line, []byte(`{"rank":`)) {
			var m message
			if err := json.Unmarshal(line, &m); err != nil || m.Error == "" && m.Note == "" {
				return c.broken(ctx, errors.New("a line is neither a row nor a message"))
			}
			if m.Error != "" {
				return m.err(text)
			}
			if note != nil {
				note(m.Note)
			}
			continue
		}
		var row query.Row
		if err := json.Unmarshal(line, &row); err != nil {
			return c.broken(ctx, err)
		}
		if !yield(row) {
			return nil
		}
	}
}

// Get returns the item with this id, or db.ErrNotFound. JSON does not say everything about its metadata: a text that is a
// full RFC 3339 time comes back as a time, as it does from ParseMeta.
func (c *Client) Get(ctx context.Context, id string) (db.Item, error) {
	var it item
	if err := c.get(ctx, "items?id="+url.QueryEscape(id), &it); err != nil {
		return db.Item{}, err
	}
	return it.item()
}

// Stats describes the database.
func (c *Client) Stats(ctx context.Context) (db.Stats, error) {
	var st stats
	err := c.get(ctx, "stats", &st)
	return st.stats(), err
}

// Fingerprint is db.DB.Fingerprint.
func (c *Client) Fingerprint(ctx context.Context) (string, error) {
	var f fingerprint
	err := c.get(ctx, "fingerprint", &f)
	return f.Sum, err
}

// get reads one JSON object into v.
func (c *Client) get(ctx context.Context, path string, v any) error {
	answer, err := c.do(ctx, http.MethodGet, path, nil, "")
	if err != nil {
		return err
	}
	defer answer.Close()
	dec := json.NewDecoder(answer)
	dec.UseNumber()
	if err := dec.Decode(v); err != nil {
		return c.broken(ctx, err)
	}
	return nil
}

// do sends a request and returns the body of the answer, or the error that the answer is; text is the query it is about.
func (c *Client) do(ctx context.Context, method, path string, body []byte, text string) (io.ReadCloser, error) {
	req, err := http.NewRequestWithContext(ctx, method, c.base+"/"+apiVersion+"/"+path, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("asking %s: %w", c.base, err)
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if failed, ok := errors.AsType[*url.Error](err); ok {
			err = failed.Err // the URL is said already
		}
		return nil, fmt.Errorf("%w answers at %s: %w", ErrNoServer, c.base, err)
	}
	if resp.StatusCode == http.StatusOK {
		return resp.Body, nil
	}
	defer resp.Body.Close()
	var m message
	if err := json.NewDecoder(io.LimitReader(resp.Body, 1<<20)).Decode(&m); err != nil || m.Error == "" {
		return nil, fmt.Errorf("%w at %s: something else answers there: %s", ErrNoServer, c.base, resp.Status)
	}
	return nil, m.err(text)
}

// broken is the error of an answer that cannot be read to its end.
func (c *Client) broken(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return fmt.Errorf("the answer of %s broke off or is not saedb's: %w", c.base, err)
}
