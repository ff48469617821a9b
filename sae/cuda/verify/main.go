// Verify is the proof on a real device: it trains models of many shapes on the GPU and on the CPU side by side, compares losses and everything that they
// keep, measures steps, and prints a report to be kept. It needs nothing but a driver.
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
	steps := flag.Int("steps", 200, "steps to measure of each shape; 0: none")
	flag.Parse()
	ok, err := report(os.Stdout, cuda.Options{Driver: *driver, Device: *device}, *steps)
	if err != nil {
		fmt.Fprintln(os.Stderr, "verify:", err)
		os.Exit(2)
	}
	if !ok {
		os.Exit(1)
	}
}

// report writes all of it and says whether nothing differs.
func report(w io.Writer, o cuda.Options, steps int) (bool, error) {
	d, err := cuda.Probe(o)
	if err != nil {
		return false, err
	}
	fmt.Fprintf(w, "# The kernels of sae/cuda on %s\n\n%s\n\n", d.Name, d)
	ok, err := compare(w, o)
	if err != nil {
		return false, err
	}
	if err := measure(w, o, steps); err != nil {
		return false, err
	}
	if ok {
		return true, sums(w, d)
	}
	return false, nil
}
