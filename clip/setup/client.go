package setup

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/saedb/saedb/clip"
)

// Client is a package client of this machine that carries ONNX Runtime. Where it fetches from, and how, is its configuration.
type Client struct {
	Name    string // "pip" or "npm"
	Package string // what it is asked for
	About   string // how much it fetches, for people
	command []string
	fetch   []string          // arguments that put the package into the working directory
	pattern string            // of the file that comes
	pins    map[string]string // sha256 of the library by GOOS/GOARCH; nil: the client's own check is all
}

// Licence is that of ONNX Runtime.
const Licence = "MIT"

// Clients are those that setup knows, the one that fetches least first.
func Clients() []Client {
	python := "python3"
	if runtime.GOOS == "windows" {
		python = "python"
	}
	wheel := "onnxruntime>=" + clip.MinRuntime
	return []Client{
		{
			Name: "pip", Package: wheel, About: "15 to 40 MB", command: []string{python, "-m", "pip"}, pattern: "*.whl",
			fetch: []string{"download", "--disable-pip-version-check", "--no-input", "--progress-bar=off", "--no-deps", "--only-binary=:all:", "--dest=.", wheel},
		},
		{
			Name: "npm", Package: "onnxruntime-node@1.27.0", About: "101 MB", command: []string{"npm"}, pattern: "*.tgz",
			fetch: []string{"pack", "--ignore-scripts", "--loglevel=error", "onnxruntime-node@1.27.0"},
			pins: map[string]string{
				"linux/amd64":   "d8aff4aa8abee8fb2abb2f2f2459ffc94461e781e41b9f7c072829dd0d470221",
				"linux/arm64":   "c36bc200e7e6c093b8abb0b34590fbdd8c52fd3fb5e33795b9523ffdde2fce0f",
				"darwin/arm64":  "89f692a3a1a224e4ad0b796b0e7c0bd81113b0741bfe84211eceef14d05a9e59",
				"windows/amd64": "273f9ef9cf755c6a0f342226a80448156c10ceb74db2ae8c8370dc98e75af0eb",
				"windows/arm64": "908ce63e73f375e90daabe24c52486b42392c19df3d63973a26f871cfeab5453",
			},
		},
	}
}

// Version runs the client and returns what it says of itself. The error is an ErrClient.
func (c Client) Version(ctx context.Context) (string, error) {
	out, err := c.run(ctx, "", "--version")
	return strings.TrimSpace(out), err
}

// Fetch has the client put its package into a folder, and returns the archive's path.
func (c Client) Fetch(ctx context.Context, dir string) (string, error) {
	if _, err := c.run(ctx, dir, c.fetch...); err != nil {
		return "", err
	}
	found, _ := filepath.Glob(filepath.Join(dir, c.pattern))
	if len(found) != 1 {
		return "", fmt.Errorf("%w: %s fetched %d archives of %s", ErrClient, c.Name, len(found), c.Package)
	}
	return found[0], nil
}

func (c Client) run(ctx context.Context, dir string, args ...string) (string, error) {
	words := append(append([]string{}, c.command...), args...)
	cmd := exec.CommandContext(ctx, words[0], words[1:]...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "LC_ALL=C")
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	if ctx.Err() != nil {
		return "", ctx.Err()
	}
	if err != nil {
		return "", fmt.Errorf("%w: %s: %w%s", ErrClient, strings.Join(words[:len(c.command)+1], " "), err, complaint(stderr.String()))
	}
	return stdout.String(), nil
}

// complaint finds in what a client wrote the lines that say what went wrong: those that speak of errors, else the last.
func complaint(stderr string) string {
	var told []string
	last := ""
	for line := range strings.Lines(stderr) {
		line = strings.TrimSpace(line)
		if line == "" {
			continue
		}
		last = line
		if strings.Contains(strings.ToLower(line), "error") && len(told) < 4 {
			told = append(told, line)
		}
	}
	if len(told) == 0 && last != "" {
		told = []string{last}
	}
	if len(told) == 0 {
		return ""
	}
	return ":\n    " + strings.Join(told, "\n    ")
}
