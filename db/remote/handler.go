package remote

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"time"

	"github.com/saedb/saedb/db"
	"github.com/saedb/saedb/query"
)

// Options say whom Handler serves, and how much. The zero value serves everybody who reaches it, within the limits.
type Options struct {
	Token      string        // that every request must bring, as "Authorization: Bearer TOKEN"; empty: none
	Hosts      []string      // names that the server goes by, besides localhost and its addresses
	Timeout    time.Duration // of one answer; 0: a minute
	Concurrent int           // answers at a time, more are refused; 0: 32
	MaxBody    int64         // bytes of a request; 0: 2 MiB, which a query and a vector of 65,536 numbers fit in
	Load       query.Loader  // reads what queries name outside the database, for anybody who may ask; nil: they name nothing
}

// handler serves one database.
type handler struct {
	d     *db.DB
	o     Options
	turns chan struct{} // holds a token for every answer at work
}

// Handler serves d for reading; the package's page says how. It is done with d when the requests it was given are.
func Handler(d *db.DB, o Options) http.Handler {
	if o.Timeout == 0 {
		o.Timeout = time.Minute
	}
	if o.Concurrent == 0 {
		o.Concurrent = 32
	}
	if o.MaxBody == 0 {
		o.MaxBody = 2 << 20
	}
	h := &handler{d: d, o: o, turns: make(chan struct{}, o.Concurrent)}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/query", h.guarded(h.query))
	mux.HandleFunc("GET /v1/items", h.guarded(h.item))
	mux.HandleFunc("GET /v1/stats", h.guarded(h.stats))
	mux.HandleFunc("GET /v1/fingerprint", h.guarded(h.fingerprint))
	mux.HandleFunc("GET /v1/healthz", h.health)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		refuse(w, http.StatusNotFound, message{
			Error: "there is no " + r.Method + " " + printable(r.URL.Path),
			Hint:  "there are POST /v1/query and GET /v1/items?id=…, /v1/stats, /v1/fingerprint, /v1/healthz",
		})
	})
	return h.screened(mux)
}

// query answers a query with one line for each row.
func (h *handler) query(w http.ResponseWriter, r *http.Request) {
	q, err := readQuestion(r)
	if err != nil {
		fail(w, err)
		return
	}
	out := &lines{w: w}
	if q.Query.tree != nil {
		out.text = q.Query.text
	}
	with := []query.Option{query.OnNote(func(text string) { out.write(message{Note: text}) })}
	if h.o.Load != nil {
		with = append(with, query.WithLoader(h.o.Load))
	}
	for row, err := range h.d.Query(r.Context(), q.Query.text, q.Params, with...) {
		if err != nil {
			out.fail(h.explain(r, err))
			return
		}
		if !out.write(row) {
			return // whoever asked has left
		}
	}
	out.start()
}

// readQuestion reads the body of a query. What is wrong with it is errAsked, but for its size.
func readQuestion(r *http.Request) (question, error) {
	if kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); kind != "application/json" {
		return question{}, fmt.Errorf("%w: want Content-Type: application/json", errAsked) // a web page cannot send this unasked
	}
	var q question
	dec := json.NewDecoder(r.Body)
	dec.UseNumber()
	dec.DisallowUnknownFields()
	err := dec.Decode(&q)
	if err == nil {
		if _, err = dec.Token(); errors.Is(err, io.EOF) {
			err = nil
		} else if err == nil {
			err = errors.New("more than one object")
		}
	}
	if errors.As(err, new(*http.MaxBytesError)) {
		return question{}, err
	}
	if bad, isQuery := errors.AsType[*query.Error](err); isQuery {
		return question{}, bad
	}
	if err != nil {
		return question{}, fmt.Errorf(`%w: want {"query":"…","params":{…}}: %w`, errAsked, err)
	}
	for name, v := range q.Params {
		if q.Params[name], err = fromWire(v); err != nil {
			return question{}, fmt.Errorf("%w: parameter %s: %w", errAsked, printable(name), err)
		}
	}
	return q, nil
}

func (h *handler) item(w http.ResponseWriter, r *http.Request) {
	ids := r.URL.Query()["id"]
	if len(ids) != 1 {
		fail(w, fmt.Errorf("%w: want one id: GET /v1/items?id=ID", errAsked))
		return
	}
	it, err := h.d.Get(r.Context(), ids[0])
	h.reply(w, r, itemOf(it), err)
}

func (h *handler) stats(w http.ResponseWriter, r *http.Request) {
	st, err := h.d.Stats(r.Context())
	h.reply(w, r, statsOf(st), err)
}

func (h *handler) fingerprint(w http.ResponseWriter, r *http.Request) {
	sum, err := h.d.Fingerprint(r.Context())
	h.reply(w, r, fingerprint{sum}, err)
}

// health reads a little from the database, which a closed or failed one cannot.
func (h *handler) health(w http.ResponseWriter, r *http.Request) {
	_, err := h.d.Space(r.Context())
	h.reply(w, r, health{apiVersion, "ok"}, err)
}

// reply sends v or, if there is one, the error instead.
func (h *handler) reply(w http.ResponseWriter, r *http.Request, v any, err error) {
	var body []byte
	if err == nil {
		body, err = encode(v)
	}
	if err != nil {
		fail(w, h.explain(r, err))
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(body) // whoever asked may have left
}

// explain says of a broken-off answer who broke it off.
func (h *handler) explain(r *http.Request, err error) error {
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("the answer took longer than %v: %w", h.o.Timeout, err)
	case errors.Is(err, context.Canceled):
		return fmt.Errorf("the server is shutting down: %w", db.ErrClosed)
	}
	return err
}

// lines is an answer of rows: its status goes out with the first of them.
type lines struct {
	w       http.ResponseWriter
	text    string // of a query that came as a tree
	started bool
}

func (l *lines) start() {
	if !l.started {
		l.started = true
		l.w.Header().Set("Content-Type", "application/x-ndjson")
		l.w.WriteHeader(http.StatusOK)
	}
}

// write sends one line. It reports whether anybody is there to read on.
func (l *lines) write(v any) bool {
	line, err := encode(v)
	if err != nil {
		l.fail(err)
		return false
	}
	l.start()
	_, err = l.w.Write(line)
	return err == nil
}

// fail ends the answer: with a status if nothing was sent, else with a last line.
func (l *lines) fail(err error) {
	m, status := messageOf(err)
	if m.Offset != nil {
		m.Text = l.text
	}
	if !l.started {
		refuse(l.w, status, m)
		return
	}
	line, _ := encode(m) // texts and a number, which always encode
	_, _ = l.w.Write(line)
}

// fail sends an error as the whole answer.
func fail(w http.ResponseWriter, err error) {
	m, status := messageOf(err)
	if tooLarge, ok := errors.AsType[*http.MaxBytesError](err); ok {
		m, status = message{Error: fmt.Sprintf("the request has more than %d bytes", tooLarge.Limit)}, http.StatusRequestEntityTooLarge
	}
	refuse(w, status, m)
}

func refuse(w http.ResponseWriter, status int, m message) {
	body, _ := encode(m) // texts and a number, which always encode
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(body)
}

// encode is v and a newline, with <, > and & as they are.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, fmt.Errorf("as JSON: %w", err)
	}
	return b.Bytes(), nil
}
