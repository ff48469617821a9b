package cuda

import (
	"errors"
	"fmt"

	"github.com/saedb/saedb/internal/cudadrv"
	"github.com/saedb/saedb/sae/cuda/kernel"
)

// ErrAbsent says that there is no GPU that this process may see, or no driver, or that the build knows none.
var ErrAbsent = cudadrv.ErrAbsent

// ErrMemory says that the device has too little free memory.
var ErrMemory = cudadrv.ErrMemory

// ErrOld says that the driver or the device is too old for the kernels.
var ErrOld = errors.New("too old for the kernels of this program")

// What the kernels are compiled for.
const (
	leastMajor, leastMinor = 8, 0 // compute capability
	leastCUDA              = 12   // whose drivers know PTX 8.0
)

// Device is a GPU that can train.
type Device struct {
	Name         string
	Memory, Free int64  // bytes
	Major, Minor int    // compute capability
	Driver       string // the newest CUDA it knows, such as "12.4"
}

func (d Device) String() string {
	return fmt.Sprintf("%s, %.1f of %.1f GiB free, compute capability %d.%d, driver of CUDA %s", d.Name, gib(d.Free), gib(d.Memory), d.Major, d.Minor, d.Driver)
}

func gib(bytes int64) float64 { return float64(bytes) / (1 << 30) }

// Proof says whether a device has given the CPU's results with these kernels, in words to be shown.
func Proof() string {
	switch left := len(kernel.Unproved()); left {
	case 0:
		return "its kernels are proved on a device"
	case len(kernel.Names):
		return "its kernels are tested on the fake driver, not yet on a device"
	default:
		return fmt.Sprintf("%d of its %d kernels are tested on the fake driver, not yet on a device", left, len(kernel.Names))
	}
}

// Probe looks at the device, and gives it back. The error is ErrAbsent, ErrOld or what the driver says.
func Probe(o Options) (Device, error) {
	d, c, err := attach(o)
	if err != nil {
		return Device{}, fmt.Errorf("cuda: %w", err)
	}
	err = c.Do(func(t *cudadrv.Thread) (err error) {
		d.Free, _, err = t.Memory()
		return err
	})
	if err = errors.Join(err, c.Close()); err != nil {
		return Device{}, fmt.Errorf("cuda: %w", err)
	}
	return d, nil
}

// attach finds the device, makes sure that the kernels can run on it, and takes hold of it.
func attach(o Options) (Device, *cudadrv.Context, error) {
	driver, err := o.open()
	if err != nil {
		return Device{}, nil, err
	}
	all, err := driver.Devices()
	if err != nil {
		return Device{}, nil, err
	}
	if o.Device < 0 || o.Device >= len(all) {
		return Device{}, nil, fmt.Errorf("%w: there is no device %d among %d", ErrAbsent, o.Device, len(all))
	}
	v := all[o.Device]
	major, minor := driver.Version()
	d := Device{Name: v.Name, Memory: v.Memory, Major: v.Major, Minor: v.Minor, Driver: fmt.Sprintf("%d.%d", major, minor)}
	if major < leastCUDA {
		return d, nil, fmt.Errorf("the driver is %w: it knows CUDA %s, they need %d.0, which is driver R525 or later", ErrOld, d.Driver, leastCUDA)
	}
	if v.Major < leastMajor || v.Major == leastMajor && v.Minor < leastMinor {
		return d, nil, fmt.Errorf("the device is %w: %s has compute capability %d.%d, they need %d.%d", ErrOld, v.Name, v.Major, v.Minor, leastMajor, leastMinor)
	}
	c, err := driver.Attach(o.Device)
	return d, c, err
}
