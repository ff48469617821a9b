package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/saedb/saedb/clip"
	"github.com/saedb/saedb/clip/setup"
	"github.com/saedb/saedb/db"
	"github.com/saedb/saedb/sae/cuda"
)

// finding is one thing that doctor looked at.
type finding struct {
	Part  string `json:"part"`
	State string `json:"state"` // "ok", "missing" or "broken"
	About string `json:"about"`
	Cure  string `json:"cure,omitempty"`
}

const (
	isOK      = "ok"
	isMissing = "missing"
	isBroken  = "broken"
)

func newDoctorCmd(a *app) *cobra.Command {
	var o encoderFlags
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Say what is present, what is missing, what to do",
		Long: `doctor looks at what encoding needs (this program, ONNX Runtime, the model), tries
it, looks at the GPU that may train, and at the database, if there is one, and
whether its vectors are this model's. It changes nothing. Exit status: 0 all is well, 1 something is missing,
2 something is broken.`,
		Args: wantArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runDoctor(cmd.Context(), a, o)
		},
	}
	o.add(cmd.Flags())
	return cmd
}

func runDoctor(ctx context.Context, a *app, o encoderFlags) error {
	x := &examination{a: a, flags: o}
	x.program()
	x.runtime(ctx)
	x.model(ctx)
	x.sources(ctx)
	x.gpu()
	x.database(ctx)

	p := a.printer(column{Name: "part"}, column{Name: "state"}, column{Name: "about"})
	missing, broken := 0, 0
	for _, f := range x.findings {
		about := f.About
		if f.Cure != "" {
			about += "; " + f.Cure
		}
		if err := p.print(line{JSON: f, Cells: []string{f.Part, f.State, about}}); err != nil {
			return err
		}
		switch f.State {
		case isMissing:
			missing++
		case isBroken:
			broken++
		}
	}
	if err := p.close(); err != nil {
		return err
	}
	switch {
	case broken > 0:
		return hint(fmt.Errorf("%d of %d parts broken", broken, len(x.findings)), "the list above says what to do")
	case missing > 0:
		return errNothing
	}
	return nil
}

// examination collects findings.
type examination struct {
	a        *app
	flags    encoderFlags
	findings []finding

	library string // that works; empty: none
	space   db.Space
}

func (x *examination) found(part, about string, args ...any) {
	x.findings = append(x.findings, finding{Part: part, State: isOK, About: fmt.Sprintf(about, args...)})
}

// fault notes what err says, and what to do about it.
func (x *examination) fault(part, state string, err error) {
	r := explainError(err)
	x.findings = append(x.findings, finding{Part: part, State: state, About: r.Error, Cure: r.Hint})
}

func (x *examination) program() {
	if !clip.CanEncode {
		x.fault("saectl", isMissing, hint(fmt.Errorf("%s, built without cgo: all but encoding works", binaryVersion()), "build it with CGO_ENABLED=1 and a C compiler"))
		return
	}
	x.found("saectl", "%s, can encode", binaryVersion())
}

func (x *examination) runtime(ctx context.Context) {
	const part = "ONNX Runtime"
	path, l, err := setup.FindLibrary(x.flags.library, x.a.getenv)
	if errors.Is(err, clip.ErrNoRuntime) {
		x.fault(part, isMissing, hint(err, "saectl setup brings it"))
		return
	}
	if err == nil {
		err = clip.SelfTest(ctx, path)
	}
	version, tried := l.Version, "not tried"
	if err == nil {
		x.library, tried = path, "passes the self-test"
		version, err = clip.CheckRuntime(path)
	}
	if err != nil && !errors.Is(err, clip.ErrNoCgo) {
		x.fault(part, isBroken, explainSetup(err))
		return
	}
	from := ""
	if o, ok := setup.ReadOrigin(path); ok {
		from = ", from " + o.From
	}
	x.found(part, "%s at %s%s, %s", version, path, from, tried)
}

func (x *examination) model(ctx context.Context) {
	const part = "model"
	dir, err := clip.FindModel(x.flags.model, x.a.getenv)
	if err != nil {
		x.fault(part, isMissing, hint(err, "saectl setup brings %s; --model DIR names a folder", clip.DefaultModel))
		return
	}
	d, err := clip.ReadDescription(dir)
	var id clip.Identity
	if err == nil {
		id, err = d.Identity()
	}
	if err != nil {
		x.fault(part, isBroken, hint(err, "saectl setup --reinstall fetches it again"))
		return
	}
	x.space = spaceOf(id)
	about := fmt.Sprintf("%s at %s, %d numbers a vector", d.Name, dir, id.Dim)
	for _, more := range []string{prefixed("licence ", d.Licence), prefixed("from ", d.Source)} {
		if more != "" {
			about += ", " + more
		}
	}
	if x.library == "" {
		x.found(part, "%s, not tried", about)
		return
	}
	start := x.a.now()
	if err := tryModel(ctx, dir, x.library); err != nil {
		x.fault(part, isBroken, hint(err, "saectl setup --reinstall fetches it again"))
		return
	}
	x.found(part, "%s; loaded and tried in %s", about, x.a.now().Sub(start).Round(10*time.Millisecond))
}

// sources are where setup would fetch from: worth knowing when something is missing.
func (x *examination) sources(ctx context.Context) {
	if !x.lacking() {
		return
	}
	var able []string
	for _, c := range setup.Clients() {
		if v, err := c.Version(ctx); err == nil {
			able = append(able, clientVersion(c, v))
		}
	}
	if len(able) == 0 {
		x.fault("package clients", isMissing, hint(errors.New("neither pip nor npm works here"), "install one, or give setup ONNX Runtime with --from FILE"))
	} else {
		x.found("package clients", "%s", strings.Join(able, ", "))
	}
	hub, err := setup.HubFromEnv(x.a.getenv)
	switch {
	case err != nil:
		x.fault("hub", isBroken, err)
	case hub.Offline:
		x.found("hub", "%s, but HF_HUB_OFFLINE is set; cache %s", hub.Endpoint, hub.Cache)
	default:
		x.found("hub", "%s, cache %s", hub.Endpoint, hub.Cache)
	}
}

func (x *examination) lacking() bool {
	for _, f := range x.findings {
		if f.State != isOK {
			return true
		}
	}
	return false
}

// gpu looks at the device that may train, and tries it. None is no fault: the CPU does the same.
func (x *examination) gpu() {
	const part = "GPU"
	o := cuda.Options{Driver: x.a.getenv(cudaEnv)}
	d, err := cuda.Probe(o)
	if errors.Is(err, cuda.ErrAbsent) {
		x.found(part, "training and encoding run on the CPU: %v", err)
		return
	}
	if err == nil {
		err = errors.Join(cuda.SelfTest(o), cuda.SelfTestEncode(o))
	}
	if err != nil {
		x.fault(part, isBroken, hint(err, "training and encoding work with --backend cpu"))
		return
	}
	x.found(part, "%s; passes the self-test; %s", d, cuda.Proof())
}

// database looks at the database, if one is there; none is no fault.
func (x *examination) database(ctx context.Context) {
	const part = "database"
	dir, err := x.a.dbDir(true)
	if err != nil {
		x.fault(part, isBroken, err)
		return
	}
	if _, err := os.Stat(dir); errors.Is(err, os.ErrNotExist) {
		x.found(part, "none here yet")
		return
	}
	var st db.Stats
	err = x.a.withDB(ctx, db.Options{ReadOnly: true}, func(d *db.DB) (err error) {
		st, err = d.Stats(ctx)
		return err
	})
	if err != nil {
		x.fault(part, isBroken, err)
		return
	}
	about := fmt.Sprintf("%s: %s pictures of %s", dir, thousands(st.Items), st.Space)
	if x.space.Dim > 0 && st.Items > 0 && st.Space != x.space {
		about += fmt.Sprintf("; the model above is %s: texts and new pictures need the database's own with --model", x.space)
	}
	x.found(part, "%s", about)
}
