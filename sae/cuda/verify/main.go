// Verify is the proof on a real device: it trains models of many shapes, habits and precisions on the GPU and on the CPU side by side, compares losses and everything
// that they keep, encodes with both, makes sure that no kernel was left out, measures steps by the device's clock, and prints a report to be kept. It needs nothing but a
// driver; all inputs are made from fixed seeds. run.sh beside it also runs NVIDIA's checkers and the rivals, where there are any.
//
//	go build ./sae/cuda/verify && ./verify > report.md
//
// Exit status 1: something differs. The last lines of a report without faults belong into sae/cuda/kernel/VERIFIED.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"

	"github.com/saedb/saedb/sae/cuda"
)

func main() {
	driver := flag.String("driver", "", "the driver's library (default: the system's)")
	device := flag.Int("device", 0, "number of the device")
	steps := flag.Int("steps", 40, "steps to compare of each case")
	timed := flag.Int("time", 20, "epochs of 16 steps to measure of each shape; 0: none")
	dump := flag.String("rivals", "", "write what rivals.py compares its losses with into this folder, and do nothing else; no GPU is needed")
	flag.Parse()
	if *dump != "" {
		if err := writeRivals(*dump); err != nil {
			fmt.Fprintln(os.Stderr, "verify:", err)
			os.Exit(2)
		}
		return
	}
	ok, err := report(os.Stdout, cuda.Options{Driver: *driver, Device: *device}, *steps, *timed)
	if err != nil {
		fmt.Fprintln(os.Stderr, "verify:", err)
		os.Exit(2)
	}
	if !ok {
		os.Exit(1)
	}
}

// report writes all of it and says whether nothing differs.
func report(w io.Writer, o cuda.Options, steps, timed int) (bool, error) {
	d, err := cuda.Probe(o)
	if err != nil {
		return false, err
	}
	fmt.Fprintf(w, "# The kernels of sae/cuda on %s\n\n%s\n\n", d.Name, d)
	ok, err := compare(w, o, steps)
	if err != nil {
		return false, err
	}
	if err := measure(w, o, timed); err != nil {
		return false, err
	}
	return ok, sums(w, d, ok)
}
