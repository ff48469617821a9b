package main

import (
	"bufio"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/saedb/saedb/internal/npy"
	"github.com/saedb/saedb/internal/vec"
)

func newBenchCmd(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "bench",
		Short: "Measure training, encoding and search on your own data",
		Long: `bench measures one part at a time on files of yours and prints one JSON object,
or one for each setting. "cpu" is the time of all threads of this process, "wall"
that of the clock; both in milliseconds per step, batch or query, as the median
and the best of the measured ones.`,
	}
	cmd.AddCommand(newBenchTrainCmd(a), newBenchEncodeCmd(a), newBenchDenseCmd(a), newBenchSparseCmd(a), newBenchDataCmd(a))
	return cmd
}

// require marks flags that must be given. A name that is no flag of cmd is a
// mistake in the program.
func require(cmd *cobra.Command, names ...string) {
	for _, name := range names {
		if err := cmd.MarkFlagRequired(name); err != nil {
			panic(err)
		}
	}
}

// printBench writes the object of a measurement: JSON unless a table was asked for.
func (a *app) printBench(v any) error {
	if a.format != formatJSON {
		a.format = formatJSONL
	}
	return a.printObject(v, "")
}

// stopwatch measures laps by the clock and by the processors.
type stopwatch struct {
	wall time.Time
	cpu  time.Duration
}

func startWatch() stopwatch { return stopwatch{wall: time.Now(), cpu: cpuTime()} }

// stop returns what has passed since the start.
func (s stopwatch) stop() lap {
	return lap{Wall: time.Since(s.wall), CPU: cpuTime() - s.cpu}
}

// lap is one measurement.
type lap struct{ Wall, CPU time.Duration }

// laps is a series of measurements of the same work.
type laps []lap

// wall and cpu summarise the series, each lap divided by the n things it did.
func (l laps) wall(n int) spread { return l.spread(n, func(p lap) time.Duration { return p.Wall }) }
func (l laps) cpu(n int) spread  { return l.spread(n, func(p lap) time.Duration { return p.CPU }) }

// spread is the summary of a series in milliseconds.
type spread struct {
	Median float64 `json:"median"`
	Best   float64 `json:"best"`
}

func (l laps) spread(n int, of func(lap) time.Duration) spread {
	if len(l) == 0 {
		return spread{}
	}
	ms := make([]float64, len(l))
	for i, p := range l {
		ms[i] = of(p).Seconds() * 1000 / float64(n)
	}
	slices.Sort(ms)
	mid := ms[len(ms)/2]
	if len(ms)%2 == 0 {
		mid = (ms[len(ms)/2-1] + mid) / 2
	}
	return spread{Median: mid, Best: ms[0]}
}

// machine describes what a measurement ran on.
type machine struct {
	OS    string `json:"os"`
	Arch  string `json:"arch"`
	CPU   string `json:"cpu,omitempty"`
	Cores int    `json:"cores"`
	Go    string `json:"go"`

	Kernels string `json:"kernels"` // see vec.Path
}

func thisMachine() machine {
	path, _ := vec.Path() // the root command has told of an error
	return machine{OS: runtime.GOOS, Arch: runtime.GOARCH, CPU: cpuModel(), Cores: runtime.NumCPU(), Go: runtime.Version(), Kernels: path}
}

// cpuModel is the processor's name where the system tells it in a file.
func cpuModel() string {
	f, err := os.Open("/proc/cpuinfo")
	if err != nil {
		return ""
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		if name, value, ok := strings.Cut(s.Text(), ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// readUnit reads a file of vectors and divides each row by its norm, as the
// database does. Rows without a direction are an error: a measurement on other
// rows than asked for would mislead.
func readUnit(path string) (*npy.Matrix, error) {
	m, err := npy.ReadFile(path)
	if err != nil {
		return nil, err
	}
	for i := range m.Rows {
		if err := normalise(m.Row(i)); err != nil {
			return nil, hint(rowError(path, i, err), "remove the row, or measure on another file")
		}
	}
	return m, nil
}
