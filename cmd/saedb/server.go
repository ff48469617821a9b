package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"time"

	"github.com/saedb/saedb/db"
	"github.com/saedb/saedb/db/remote"
)

// server is one run of the command.
type server struct {
	stdout, stderr         io.Writer
	dir, listen, tokenFile string
	files                  string
	readOnly               bool
	options                remote.Options
}

// patience is how long answers in flight may take to end when the server does.
const patience = 10 * time.Second

// serve answers requests until ctx ends.
func (s *server) serve(ctx context.Context) (err error) {
	if err := s.prepare(); err != nil {
		return err
	}
	log := slog.New(slog.NewTextHandler(s.stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	d, err := db.Open(ctx, s.dir, &db.Options{ReadOnly: s.readOnly, Logger: log})
	if err != nil {
		return err
	}
	defer func() {
		if cerr := d.Close(); err == nil && cerr != nil {
			err = fmt.Errorf("closing the database: %w", cerr)
		}
	}()
	if s.files != "" {
		root, err := os.OpenRoot(s.files)
		if err != nil {
			return fmt.Errorf("--files %s: %w", s.files, err)
		}
		defer root.Close()
		s.options.Load = files{root}.load
	}
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", s.listen)
	if err != nil {
		return fmt.Errorf("%w: choose another address with --listen", err)
	}
	answers, end := context.WithCancel(context.WithoutCancel(ctx))
	defer end()
	web := &http.Server{
		Handler:           remote.Handler(d, s.options),
		BaseContext:       func(net.Listener) context.Context { return answers },
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       30 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
	url := urlOf(l.Addr())
	d.Announce(url)
	fmt.Fprintf(s.stderr, "saedb: serving %s; Ctrl-C ends it\n", s.dir)
	fmt.Fprintln(s.stdout, url)

	failed := make(chan error, 1)
	go func() { failed <- web.Serve(l) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	return shutDown(web, end)
}

// shutDown lets answers in flight end, breaks off those that do not, and waits until no handler is left, so that the
// database may be closed.
func shutDown(web *http.Server, end context.CancelFunc) error {
	for _, broken := range []bool{false, true} {
		if broken {
			end()
		}
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		err := web.Shutdown(ctx)
		cancel()
		if !errors.Is(err, context.DeadlineExceeded) {
			return err
		}
	}
	return web.Close()
}

// prepare checks the settings and reads the token.
func (s *server) prepare() error {
	s.dir = cmp.Or(s.dir, os.Getenv("SAEDB_DIR"))
	if s.dir == "" {
		return errors.New("no database: name its folder with --db or $SAEDB_DIR")
	}
	if remote.IsURL(s.dir) {
		return fmt.Errorf("%s is a server already: name a folder with --db", s.dir)
	}
	if s.options.Timeout <= 0 || s.options.Concurrent <= 0 {
		return errors.New("--timeout and --concurrent are greater than zero")
	}
	if s.tokenFile != "" {
		text, err := os.ReadFile(s.tokenFile)
		if err != nil {
			return fmt.Errorf("reading the token: %w", err)
		}
		s.options.Token = strings.TrimSpace(string(text))
		if s.options.Token == "" || strings.ContainsFunc(s.options.Token, func(r rune) bool { return r <= ' ' || r > '~' }) {
			return fmt.Errorf("%s: a token is one line of printable ASCII without spaces", s.tokenFile)
		}
	}
	host, _, err := net.SplitHostPort(s.listen)
	if err != nil {
		return fmt.Errorf("--listen %s: want ADDRESS:PORT: %w", s.listen, err)
	}
	if s.options.Token == "" && !isLoopback(host) {
		return fmt.Errorf("--listen %s: everybody on the network could read the database: give a token with --token-file, or listen on 127.0.0.1", s.listen)
	}
	return nil
}

// isLoopback reports whether only this machine reaches what listens there.
func isLoopback(host string) bool {
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && addr.IsLoopback()
}

// urlOf is where this machine reaches a listener: over the loopback interface if it listens everywhere.
func urlOf(a net.Addr) string {
	at, err := netip.ParseAddrPort(a.String())
	if err == nil && at.Addr().IsUnspecified() {
		return fmt.Sprintf("http://127.0.0.1:%d", at.Port())
	}
	return "http://" + a.String()
}
