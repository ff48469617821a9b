package main

import (
	"fmt"
	"strings"
	"sync"
	"time"
)

const (
	// A terminal line is redrawn often enough to look alive and seldom enough
	// to cost nothing.
	progressRedraw = 100 * time.Millisecond
	// A log gets a line only from work that takes long.
	progressLine = 15 * time.Second
)

// progress shows how far long work has come: one line that redraws itself on a
// terminal, a plain line now and then elsewhere, nothing with --quiet. Its
// methods may be called from any goroutine.
type progress struct {
	a     *app
	what  string
	total int // 0: unknown

	mu      sync.Mutex
	start   time.Time
	shown   time.Time
	done    int
	detail  string
	drawn   int // width of the line on the terminal
	silent  bool
	stopped bool
}

// progress starts the display of work on total things ("rows", "steps").
func (a *app) progress(what string, total int) *progress {
	now := a.now()
	return &progress{a: a, what: what, total: total, start: now, shown: now, silent: a.flags.quiet}
}

// expect says how much work there is, for work that finds out on the way.
func (p *progress) expect(total int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.total = total
}

// update says that done things are finished; detail ("loss 0.012") is shown behind.
func (p *progress) update(done int, detail string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.done, p.detail = done, detail
	now := p.a.now()
	every := progressLine
	if p.a.errTerminal {
		every = progressRedraw
	}
	if p.silent || p.stopped || now.Sub(p.shown) < every {
		return
	}
	p.shown = now
	p.draw(p.text(now))
}

// end removes the line from a terminal. It may be called twice.
func (p *progress) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stopped {
		return
	}
	p.stopped = true
	if p.drawn > 0 {
		fmt.Fprintf(p.a.stderr, "\r%s\r", strings.Repeat(" ", p.drawn))
	}
}

func (p *progress) draw(text string) {
	if !p.a.errTerminal {
		fmt.Fprintln(p.a.stderr, text)
		return
	}
	text = cut(printable(text), max(p.a.width-1, 0))
	fmt.Fprintf(p.a.stderr, "\r%-*s", p.drawn, text)
	p.drawn = max(p.drawn, len([]rune(text)))
}

// text is "4,096 of 10,549 rows (39%), 51,200/s, 1s left, loss 0.012".
func (p *progress) text(now time.Time) string {
	var b strings.Builder
	b.WriteString(thousands(p.done))
	if p.total > 0 {
		fmt.Fprintf(&b, " of %s", thousands(p.total))
	}
	fmt.Fprintf(&b, " %s", p.what)
	if p.total > 0 {
		fmt.Fprintf(&b, " (%d%%)", 100*p.done/p.total)
	}
	if rate := float64(p.done) / now.Sub(p.start).Seconds(); rate > 0 {
		fmt.Fprintf(&b, ", %s/s", thousands(int(rate+0.5)))
		if left := p.total - p.done; left > 0 {
			fmt.Fprintf(&b, ", %s left", (time.Duration(float64(left)/rate*float64(time.Second)) + time.Second).Truncate(time.Second))
		}
	}
	if p.detail != "" {
		fmt.Fprintf(&b, ", %s", p.detail)
	}
	return b.String()
}

// thousands writes n with a comma every three digits.
func thousands(n int) string {
	s := fmt.Sprint(n)
	start := 0
	if n < 0 {
		start = 1
	}
	for i := len(s) - 3; i > start; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
