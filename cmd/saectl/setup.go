package main

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/saedb/saedb/clip"
	"github.com/saedb/saedb/clip/setup"
)

// setupOptions are the flags of setup.
type setupOptions struct {
	encoder   encoderFlags
	from      []string
	client    string
	reinstall bool
	yes       bool
}

func newSetupCmd(a *app) *cobra.Command {
	var o setupOptions
	cmd := &cobra.Command{
		Use:   "setup",
		Short: "Fetch or find ONNX Runtime and the CLIP model",
		Long: fmt.Sprintf(`setup brings what turns pictures and texts into vectors: ONNX Runtime %s or
newer, and OpenAI CLIP ViT-B/32 (or --model %s%s, a quarter of
the size). What is on this machine already is used. Otherwise pip or npm, as they
are configured here, bring ONNX Runtime, and the model comes from the Hugging Face
hub, into the cache that its Python library uses too. Before anything is fetched,
setup says what, from where, how large, under which licence, and asks.

An interrupted download continues where it stopped. Files are checked by their
SHA-256, and at the end both parts are tried.

Without a network: --from names what you brought along, once for each. That is a
library, wheel, npm package or release archive of ONNX Runtime, or a folder with
one; and a folder with the model's files, as the hub has them, or with a
model.json.

Environment: SAEDB_DATA (where things are installed), HF_ENDPOINT, HF_HOME,
HF_HUB_CACHE, HF_TOKEN, HF_HUB_OFFLINE, HTTPS_PROXY; the configuration of pip and npm.`, clip.MinRuntime, clip.DefaultModel, setup.Quantized),
		Example: `  saectl setup
  saectl setup --yes --model clip-vit-base-patch32-quantized
  saectl setup --from onnxruntime-linux-x64-1.27.0.tgz --from ./clip-vit-base-patch32`,
		Args: wantArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if !a.chosen() {
				a.format = formatTable // it is for eyes unless asked otherwise
			}
			return runSetup(cmd.Context(), a, o)
		},
	}
	o.encoder.add(cmd.Flags())
	cmd.Flags().StringArrayVar(&o.from, "from", nil, "install from this file or folder instead of fetching; may be given again")
	cmd.Flags().StringVar(&o.client, "client", "", "package client that fetches ONNX Runtime: pip or npm (default: the first that works)")
	cmd.Flags().BoolVar(&o.reinstall, "reinstall", false, "fetch or copy even what is there")
	cmd.Flags().BoolVarP(&o.yes, "yes", "y", false, "do not ask")
	return cmd
}

// component is ONNX Runtime or the model: what is known of it, and how to get it.
type component struct {
	Name    string `json:"part"`
	State   string `json:"state"` // "there", or what is to be done and then was: "copy", "fetch"
	Version string `json:"version,omitempty"`
	Path    string `json:"path,omitempty"` // once it is there
	From    string `json:"from,omitempty"`
	Size    string `json:"size,omitempty"`
	Licence string `json:"licence,omitempty"`
	Into    string `json:"into,omitempty"`

	install func(ctx context.Context, p *component) (*setup.Change, error) // sets Path and Version; nil: nothing to do
}

// installer is setup at work.
type installer struct {
	a      *app
	o      setupOptions
	home   setup.Home
	hub    *setup.Hub
	source setup.Source
}

func runSetup(ctx context.Context, a *app, o setupOptions) error {
	in, err := newInstaller(a, o)
	if err != nil {
		return err
	}
	library, model, err := in.plan(ctx)
	if err != nil {
		return explainSetup(err)
	}
	if err := in.ask(library, model); err != nil {
		return err
	}
	if err := in.work(ctx, library, model); err != nil {
		return explainSetup(err)
	}
	text := "\nReady. Next:\n  saectl index ~/Pictures\n"
	if !clip.CanEncode {
		text = "\nInstalled and compared with its checksums, but not tried: this saectl was built without cgo and cannot encode.\n"
	}
	return a.printObject([]*component{library, model}, library.line()+"\n"+model.line()+"\n"+text)
}

func newInstaller(a *app, o setupOptions) (*installer, error) {
	data, err := clip.DataDir(a.getenv)
	if err != nil {
		return nil, err
	}
	in := &installer{a: a, o: o, home: setup.Home{Dir: data}}
	if in.hub, err = setup.HubFromEnv(a.getenv); err != nil {
		return nil, err
	}
	if o.client != "" && !slices.ContainsFunc(setup.Clients(), func(c setup.Client) bool { return c.Name == o.client }) {
		return nil, hint(fmt.Errorf("--client %s: there is no such package client", o.client), "pip and npm carry ONNX Runtime")
	}
	return in, nil
}

// plan finds out what is there and what is to be done.
func (in *installer) plan(ctx context.Context) (library, model *component, err error) {
	var libraries, models []string
	if in.source, err = in.findSource(); err != nil {
		return nil, nil, err
	}
	for _, from := range in.o.from {
		st, err := os.Stat(from)
		if err != nil {
			return nil, nil, fmt.Errorf("--from: %w", err)
		}
		isModel := false
		if st.IsDir() {
			if _, _, isModel, err = setup.ModelIn(from, in.source); err != nil {
				return nil, nil, err
			}
		}
		if isModel {
			models = append(models, from)
		} else {
			libraries = append(libraries, from)
		}
	}
	for _, twice := range [][]string{libraries, models} {
		if len(twice) > 1 {
			return nil, nil, hint(fmt.Errorf("--from %s and --from %s are for the same part", twice[0], twice[1]), "name one file or folder for ONNX Runtime and one folder for the model")
		}
	}
	if library, err = in.planLibrary(ctx, libraries); err != nil {
		return nil, nil, err
	}
	model, err = in.planModel(models)
	return library, model, err
}

// findSource is the model that --model names: one that setup knows. Any other must be there already, or come from a folder.
func (in *installer) findSource() (setup.Source, error) {
	sources := in.a.sources
	if sources == nil {
		sources = setup.Sources()
	}
	name := cmp.Or(in.o.encoder.model, in.a.getenv("SAEDB_MODEL"))
	if name == "" {
		return sources[0], nil
	}
	var names []string
	for _, s := range sources {
		if s.Name() == name {
			return s, nil
		}
		names = append(names, s.Name())
	}
	if _, err := clip.FindModel(name, in.a.getenv); err != nil && len(in.o.from) == 0 {
		return setup.Source{}, hint(err, "setup can fetch %s", strings.Join(names, " and "))
	}
	return setup.Source{Model: clip.Description{Name: name}}, nil
}

func (in *installer) planLibrary(ctx context.Context, from []string) (*component, error) {
	p := &component{Name: "ONNX Runtime", Licence: setup.Licence, Into: filepath.Join(in.home.Dir, "onnxruntime")}
	if len(from) > 0 {
		p.State, p.From = "copy", from[0]
		p.install = func(ctx context.Context, p *component) (c *setup.Change, err error) {
			var l setup.Library
			p.Path, l, c, err = in.home.InstallLibrary(from[0])
			p.Version = l.Version
			return c, err
		}
		return p, nil
	}
	path, l, err := setup.FindLibrary(in.o.encoder.library, in.a.getenv)
	if err == nil && !in.o.reinstall {
		p.State, p.Path, p.Version, p.Into = "there", path, l.Version, ""
		return p, nil
	}
	named := cmp.Or(in.o.encoder.library, in.a.getenv("SAEDB_ORT_LIB"), in.a.getenv("ORT_DYLIB_PATH"))
	if err != nil && named != "" {
		return nil, hint(err, "name another library, or none to have one fetched")
	}
	if err != nil && !errors.Is(err, clip.ErrNoRuntime) {
		in.a.note("%v: it is left alone", err)
	}
	clients, said, err := in.clients(ctx)
	if err != nil {
		return nil, err
	}
	p.State, p.From, p.Size = "fetch", clients[0].Package+" with "+said, clients[0].About
	p.install = func(ctx context.Context, p *component) (*setup.Change, error) {
		return in.fetchLibrary(ctx, p, clients)
	}
	return p, nil
}

// clients are the package clients that work here, and what the first says of itself.
func (in *installer) clients(ctx context.Context) (able []setup.Client, said string, err error) {
	var faults []error
	for _, c := range setup.Clients() {
		if in.o.client != "" && c.Name != in.o.client {
			continue
		}
		v, err := c.Version(ctx)
		if err != nil {
			faults = append(faults, err)
			continue
		}
		if able = append(able, c); said == "" {
			said = clientVersion(c, v)
		}
	}
	if len(able) == 0 {
		return nil, "", hint(fmt.Errorf("ONNX Runtime is not here, and nothing to fetch it with: %w", errors.Join(faults...)),
			"install pip or npm; or bring a library or an archive of ONNX Runtime %s or newer and name it with --from FILE", clip.MinRuntime)
	}
	return able, said, nil
}

// clientVersion is "pip 24.0" or "npm 10.2.4" out of what the client says.
func clientVersion(c setup.Client, said string) string {
	for _, word := range strings.Fields(said) {
		if word[0] >= '0' && word[0] <= '9' {
			return c.Name + " " + word
		}
	}
	return c.Name
}

// fetchLibrary tries one client after the other.
func (in *installer) fetchLibrary(ctx context.Context, p *component, clients []setup.Client) (*setup.Change, error) {
	var faults []error
	for _, c := range clients {
		in.a.note("fetching %s with %s", c.Package, c.Name)
		path, l, change, err := in.home.FetchLibrary(ctx, c)
		if err == nil {
			p.Path, p.Version, p.From = path, l.Version, c.Package+" with "+c.Name
			return change, nil
		}
		if faults = append(faults, err); !errors.Is(err, setup.ErrClient) && !errors.Is(err, setup.ErrLibrary) {
			break
		}
	}
	return nil, errors.Join(faults...)
}

func (in *installer) planModel(from []string) (*component, error) {
	s := in.source
	p := &component{Name: cmp.Or(s.About, s.Name()), Licence: s.Model.Licence, Into: filepath.Join(in.home.Dir, "models")}
	if len(from) > 0 {
		name, size, _, err := setup.ModelIn(from[0], s)
		if err != nil {
			return nil, err
		}
		if name != s.Name() {
			p.Name, p.Licence = name, "" // the folder's own model
		}
		p.State, p.From, p.Size = "copy", from[0], megabytes(size)
		p.install = func(ctx context.Context, p *component) (c *setup.Change, err error) {
			bar := in.a.progress("MB of "+p.Name, int(size/1e6))
			defer bar.end()
			copied := 0
			p.Path, c, err = in.home.InstallModel(from[0], s, func(n int) { copied += n; bar.update(copied/1e6, "") })
			return c, err
		}
		return p, nil
	}
	dir, err := clip.FindModel(s.Name(), in.a.getenv)
	if err == nil && (!in.o.reinstall || s.Repo == "") {
		var d *clip.Description
		if d, err = whole(dir); err == nil {
			p.Name, p.State, p.Path, p.Into, p.Licence = cmp.Or(s.About, d.Name), "there", dir, "", d.Licence
			return p, nil
		}
		if s.Repo == "" {
			return nil, err
		}
		in.a.note("%v", err)
	}
	if s.Repo == "" {
		return nil, hint(fmt.Errorf("none of the folders given with --from holds a model, and %q is not installed", s.Name()), "name a folder with a model.json")
	}
	p.State, p.Size, p.Into = "fetch", megabytes(s.Size()), in.hub.Cache
	p.From = fmt.Sprintf("%s/%s at %.8s", in.hub.Endpoint, s.Repo, s.Vision.Revision)
	p.install = func(ctx context.Context, p *component) (c *setup.Change, err error) {
		p.Path, c, err = in.fetchModel(ctx)
		return c, err
	}
	return p, nil
}

// whole reads an installed model's files and says what is wrong with them.
func whole(dir string) (*clip.Description, error) {
	d, err := clip.ReadDescription(dir)
	if err == nil {
		_, err = d.Identity()
	}
	return d, err
}

func (in *installer) fetchModel(ctx context.Context) (string, *setup.Change, error) {
	var bar *progress
	file := ""
	in.hub.Progress = func(path string, done, total int64) {
		if path != file {
			if bar != nil {
				bar.end()
			}
			file, bar = path, in.a.progress("MB of "+path, int(total/1e6))
		}
		bar.update(int(done/1e6), "")
	}
	dir, c, err := in.home.FetchModel(ctx, in.hub, in.source)
	if bar != nil {
		bar.end()
	}
	return dir, c, err
}

// ask shows what is to be done and, where something is to be fetched, asks whether it shall.
func (in *installer) ask(parts ...*component) error {
	fetches := false
	for _, p := range parts {
		if p.State != "there" {
			in.a.note("%s", p.line())
		}
		fetches = fetches || p.State == "fetch"
	}
	if !fetches || in.o.yes {
		return nil
	}
	if !in.a.inTerminal {
		return hint(errors.New("nobody is there to be asked whether to fetch this"), "saectl setup --yes fetches without asking")
	}
	fmt.Fprint(in.a.stderr, "Fetch this? [y/N] ")
	answer, err := bufio.NewReader(in.a.stdin).ReadString('\n')
	if err != nil && answer == "" {
		return fmt.Errorf("reading the answer: %w", err)
	}
	switch strings.ToLower(strings.TrimSpace(answer)) {
	case "y", "yes":
		return nil
	}
	return errNothing
}

// line is the part for eyes.
func (p *component) line() string {
	about := p.Name
	if p.Version != "" {
		about += " " + p.Version
	}
	if p.Path != "" {
		return about + ": " + p.Path
	}
	about += fmt.Sprintf(": to %s from %s", p.State, p.From)
	for _, detail := range []string{p.Size, prefixed("licence ", p.Licence), prefixed("into ", p.Into)} {
		if detail != "" {
			about += ", " + detail
		}
	}
	return about
}

func prefixed(prefix, text string) string {
	if text == "" {
		return ""
	}
	return prefix + text
}

func megabytes(n int64) string { return thousands(int((n+999_999)/1_000_000)) + " MB" }

// work installs both parts and tries them. A part that does not work is taken back.
func (in *installer) work(ctx context.Context, library, model *component) error {
	unlock, err := in.home.Lock()
	if err != nil {
		return err
	}
	defer unlock()
	err = in.put(ctx, library, func() error { return clip.SelfTest(ctx, library.Path) })
	if err != nil {
		return err
	}
	return in.put(ctx, model, func() error { return tryModel(ctx, model.Path, library.Path) })
}

// put installs one part, unless it is there, and keeps it if it passes the test.
func (in *installer) put(ctx context.Context, p *component, test func() error) error {
	var change *setup.Change
	if p.install != nil {
		var err error
		if change, err = p.install(ctx, p); err != nil {
			return err
		}
	}
	if err := test(); err != nil && !errors.Is(err, clip.ErrNoCgo) {
		return fmt.Errorf("%s does not work: %w", p.Name, errors.Join(err, change.Undo()))
	}
	if p.install != nil {
		in.a.note("%s", p.line())
	}
	return change.Keep()
}

// tryModel encodes a picture and a text, and looks at the vectors: they must be numbers, and differ for what differs.
func tryModel(ctx context.Context, dir, library string) (err error) {
	e, err := clip.Open(dir, &clip.Options{Library: library})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, e.Close()) }()
	side := e.Identity().Side
	pictures := make([]float32, 2*3*side*side)
	for i := range len(pictures) / 2 {
		pictures[i] = float32(i%side) / float32(side)                      // bright on the right
		pictures[i+len(pictures)/2] = float32(i/side%side) / float32(side) // bright at the bottom
	}
	for what, encode := range map[string]func() ([]float32, error){
		"pictures": func() ([]float32, error) { return e.Pictures(ctx, pictures) },
		"texts":    func() ([]float32, error) { return e.Texts(ctx, []string{"a red barn", "the sea"}) },
	} {
		v, err := encode()
		if err != nil {
			return err
		}
		if first, second := v[:len(v)/2], v[len(v)/2:]; !usable(first) || !usable(second) || slices.Equal(first, second) {
			return fmt.Errorf("%w: %s: it makes no usable vectors of two %s", clip.ErrModel, dir, what)
		}
	}
	return nil
}

// usable reports whether a vector has a direction.
func usable(v []float32) bool {
	var sum float64
	for _, x := range v {
		sum += float64(x) * float64(x)
	}
	return sum > 0 && sum <= 1e30 // neither is true of NaN
}

// explainSetup adds what to do about it.
func explainSetup(err error) error {
	var h *hinted
	switch {
	case errors.As(err, &h):
		return err
	case errors.Is(err, setup.ErrDigest):
		return hint(err, "run saectl setup again; if it stays so, what answers there is not the original")
	case errors.Is(err, setup.ErrTruncated):
		return hint(err, "what came is kept: the same command continues")
	case errors.Is(err, setup.ErrOffline):
		return hint(err, "unset HF_HUB_OFFLINE, or bring the model's files and name their folder with --from DIR")
	case errors.Is(err, setup.ErrDenied):
		return hint(err, "set HF_TOKEN to a token that may read it")
	case errors.Is(err, setup.ErrUnreachable), errors.Is(err, setup.ErrNotThere):
		return hint(err, "check the network, HTTPS_PROXY and HF_ENDPOINT; without a network bring the model's files and name their folder with --from DIR")
	case errors.Is(err, setup.ErrClient):
		return hint(err, "mend the package client's configuration, or bring ONNX Runtime and name its file with --from FILE")
	case errors.Is(err, setup.ErrBusy):
		return hint(err, "wait for it or end it")
	case errors.Is(err, setup.ErrDiskFull):
		return hint(err, "make room, or set SAEDB_DATA and HF_HOME to folders on another disk")
	case errors.Is(err, setup.ErrLibrary), errors.Is(err, clip.ErrNoRuntime):
		return hint(err, "saectl setup --reinstall fetches ONNX Runtime; --from FILE takes %s or newer for this machine", clip.MinRuntime)
	}
	return err
}
