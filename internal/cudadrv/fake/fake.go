//go:build linux && (amd64 || arm64) && !nogpu

package fake

import "github.com/ebitengine/purego"

// Driver is a fake driver that is loaded, for as long as the process lives. Its state is the process's: tests with one must not run side by side.
type Driver struct {
	Path   string
	device func(count, major, minor, version int32, bytes uint64)
	fail   func(name string, n, code int32)
	memory func(n int32)
	calls  func() int32
	left   func() int32
	broken func() int32
	order  func(order, seed int32)
	late   func(which int32)
	fault  func() string
}

// Open loads a library that Build made.
func Open(path string) (*Driver, error) {
	library, err := purego.Dlopen(path, purego.RTLD_NOW|purego.RTLD_LOCAL)
	if err != nil {
		return nil, err
	}
	d := &Driver{Path: path}
	for name, f := range map[string]any{
		"fake_device": &d.device, "fake_fail": &d.fail, "fake_fail_allocation": &d.memory, "fake_calls": &d.calls,
		"fake_left": &d.left, "fake_damaged": &d.broken, "fake_schedule": &d.order, "fake_late": &d.late, "fake_fault": &d.fault,
	} {
		purego.RegisterLibFunc(f, library, name)
	}
	return d, nil
}

// Device is what the fake claims to be.
type Device struct {
	Count        int
	Major, Minor int    // compute capability
	Version      int    // of CUDA: 1000·major + 10·minor
	Memory       uint64 // bytes
}

// Usual is the device that a fresh fake is.
var Usual = Device{Count: 1, Major: 8, Version: 12040, Memory: 1 << 30}

// Be makes the driver another device.
func (d *Driver) Be(v Device) {
	d.device(int32(v.Count), int32(v.Major), int32(v.Minor), int32(v.Version), v.Memory)
}

// Fail has the n-th call of an entry point from now on fail with a code; "*" is any entry point, and n 0 ends it. A call that releases something
// does so all the same.
func (d *Driver) Fail(entry string, n, code int) { d.fail(entry, int32(n), int32(code)) }

// FailAllocation has the n-th allocation from now on find no memory; 0 ends it.
func (d *Driver) FailAllocation(n int) { d.memory(int32(n)) }

// Calls is how many calls there were.
func (d *Driver) Calls() int { return int(d.calls()) }

// Left is how many contexts, modules, allocations and so on were not given back.
func (d *Driver) Left() int { return int(d.left()) }

// Damaged says whether something wrote behind one of the allocations.
func (d *Driver) Damaged() bool { return d.broken() != 0 }

// Order is the order in which warps, their lanes and blocks run.
type Order int32

// The orders.
const (
	Forward Order = iota
	Reverse
	Shuffled
)

// Schedule sets the order; the seed is of Shuffled.
func (d *Driver) Schedule(o Order, seed int) { d.order(int32(o), int32(seed)) }

// Late is whose work is done as late as may be.
type Late int32

// Whose it is.
const (
	None   Late = iota
	Apart       // of streams that wait for nothing but what they are told to
	Common      // of all other streams
)

// Delay has work wait until something asks for it, so that a wait that is missing shows.
func (d *Driver) Delay(l Late) { d.late(int32(l)) }

// Fault says what was wrong with the last kernel that ran; empty: nothing.
func (d *Driver) Fault() string { return d.fault() }
