package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"golang.org/x/term"

	"github.com/saedb/saedb/clip"
	"github.com/saedb/saedb/clip/setup"
)

// app is what a command may touch of the world outside: three streams, the
// environment, the clock, and the flags that all commands share.
type app struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	getenv         func(string) string
	encoder        func(encoderFlags) (clip.Encoder, error) // instead of those that are installed; nil outside tests
	sources        []setup.Source                           // instead of those that setup knows; nil outside tests
	now            func() time.Time

	inTerminal  bool // stdin is a terminal
	terminal    bool // stdout is a terminal
	errTerminal bool // stderr is a terminal
	width       int  // columns of the terminal on stdout; 0: no limit

	flags      sharedFlags
	command    string // as it is called, without saectl
	jsonErrors bool   // --json or --format json* stands on the command line
	format     format // what flags mean; set by resolve before a command runs
}

// sharedFlags is what was typed; resolve says what it means.
type sharedFlags struct {
	db, format        string
	json, zero, quiet bool
}

// osApp is the app of a real process.
func osApp() *app {
	a := &app{
		stdin:       os.Stdin,
		stdout:      os.Stdout,
		stderr:      os.Stderr,
		getenv:      os.Getenv,
		now:         time.Now,
		inTerminal:  term.IsTerminal(int(os.Stdin.Fd())),
		terminal:    term.IsTerminal(int(os.Stdout.Fd())),
		errTerminal: term.IsTerminal(int(os.Stderr.Fd())),
	}
	if w, _, err := term.GetSize(int(os.Stdout.Fd())); a.terminal && err == nil {
		a.width = w
	}
	return a
}

// format is how rows are written.
type format string

const (
	formatTable format = "table"
	formatJSON  format = "json"  // one document: an array of rows, or one object
	formatJSONL format = "jsonl" // one row a line
	formatCSV   format = "csv"
	formatTSV   format = "tsv"
	formatPaths format = "paths" // one path a line
)

var formats = []format{formatTable, formatJSON, formatJSONL, formatCSV, formatTSV, formatPaths}

// resolve turns the shared flags into the output format.
func (a *app) resolve() error {
	f := format(a.flags.format)
	switch {
	case a.flags.json && f != "" && f != formatJSON:
		return fmt.Errorf("--json and --format %s contradict each other: give one of them", f)
	case a.flags.json:
		f = formatJSON
	case f == "" && a.flags.zero:
		f = formatPaths
	case f == "" && a.terminal:
		f = formatTable
	case f == "":
		f = formatJSONL
	case !slices.Contains(formats, f):
		return hint(fmt.Errorf("unknown format %q", string(f)), "formats are table, json, jsonl, csv, tsv and paths")
	}
	if a.flags.zero && f != formatPaths {
		return errors.New("-0 goes with --format paths only")
	}
	a.format = f
	return nil
}

// chosen reports whether the user asked for a format, as opposed to getting the
// default one.
func (a *app) chosen() bool { return a.flags.json || a.flags.format != "" }

// note writes a remark for people to stderr, unless --quiet.
func (a *app) note(text string, args ...any) {
	if !a.flags.quiet {
		fmt.Fprintf(a.stderr, text+"\n", args...)
	}
}

// wantsJSON reports whether errors are to be JSON. It reads the raw arguments,
// because a command line that cannot be parsed is an error as well.
func wantsJSON(args []string) bool {
	for i, arg := range args {
		value, isFormat := strings.CutPrefix(arg, "--format=")
		if arg == "--format" && i+1 < len(args) {
			value, isFormat = args[i+1], true
		}
		if arg == "--json" || arg == "--json=true" || isFormat && strings.HasPrefix(value, "json") {
			return true
		}
		if arg == "--" {
			return false
		}
	}
	return false
}
