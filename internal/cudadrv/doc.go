// Package cudadrv speaks to NVIDIA's driver: about fifty entry points of the CUDA driver API, found in the driver's own library when a
// program asks for them and not before. There is no cgo and no toolkit in it; a machine without a driver gives ErrAbsent.
//
//	d, err := cudadrv.Open()          // loads libcuda.so.1
//	c, err := d.Attach(0)             // the primary context of device 0
//	err = c.Do(func(t *cudadrv.Thread) error { … })
//
// A context belongs to a thread of the operating system. Context keeps one for itself, and everything that touches device memory is a method of
// Thread, which only exists inside Do. Nothing here knows what is computed.
package cudadrv
