package cudadrv

import (
	"bytes"
	"fmt"
	"unsafe"
)

// Device is what the driver knows of a GPU.
type Device struct {
	Ordinal      int
	Name         string
	Memory       int64 // bytes, all of it
	Major, Minor int   // compute capability
	Processors   int   // multiprocessors
}

func (d Device) String() string {
	return fmt.Sprintf("%s, %.1f GiB, compute capability %d.%d, %d multiprocessors", d.Name, float64(d.Memory)/(1<<30), d.Major, d.Minor, d.Processors)
}

// Attributes of a device.
const (
	attrProcessors = 16
	attrMajor      = 75
	attrMinor      = 76
)

// Devices lists the GPUs that this process may see. None is ErrAbsent.
func (d *Driver) Devices() ([]Device, error) {
	var n int32
	if err := d.call(cuDeviceGetCount, uintptr(unsafe.Pointer(&n))); err != nil {
		return nil, err
	}
	if n == 0 {
		return nil, fmt.Errorf("%w: the driver %s sees no device", ErrAbsent, d.path)
	}
	all := make([]Device, n)
	for i := range all {
		var err error
		if all[i], err = d.device(i); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// device describes a GPU.
func (d *Driver) device(ordinal int) (Device, error) {
	v := Device{Ordinal: ordinal}
	handle, err := d.handle(ordinal)
	if err != nil {
		return v, err
	}
	name := make([]byte, 256)
	if err := d.call(cuDeviceGetName, uintptr(unsafe.Pointer(&name[0])), uintptr(len(name)), uintptr(handle)); err != nil {
		return v, err
	}
	before, _, _ := bytes.Cut(name, []byte{0})
	v.Name = string(before)
	var memory uint64
	if err := d.call(cuDeviceTotalMem, uintptr(unsafe.Pointer(&memory)), uintptr(handle)); err != nil {
		return v, err
	}
	v.Memory = int64(memory)
	for _, a := range []struct {
		number int
		to     *int
	}{{attrMajor, &v.Major}, {attrMinor, &v.Minor}, {attrProcessors, &v.Processors}} {
		var value int32
		if err := d.call(cuDeviceGetAttribute, uintptr(unsafe.Pointer(&value)), uintptr(a.number), uintptr(handle)); err != nil {
			return v, err
		}
		*a.to = int(value)
	}
	return v, nil
}

// handle is the driver's number for a device.
func (d *Driver) handle(ordinal int) (int32, error) {
	var handle int32
	err := d.call(cuDeviceGet, uintptr(unsafe.Pointer(&handle)), uintptr(ordinal))
	return handle, err
}
