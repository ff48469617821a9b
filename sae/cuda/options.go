package cuda

import "github.com/saedb/saedb/internal/cudadrv"

// Options say which driver and which device. The zero value is the system's driver and its first device.
type Options struct {
	Driver    string    // path of the driver's library
	Device    int       // number of the device
	Precision Precision // of the large products
	Memory    int64     // most bytes of its memory to use; 0: all that is free
}

// open loads the driver.
func (o Options) open() (*cudadrv.Driver, error) {
	if o.Driver == "" {
		return cudadrv.Open()
	}
	return cudadrv.Open(o.Driver)
}

// limit is how much of the memory that is free may be used.
func (o Options) limit(free int64) int64 {
	if o.Memory > 0 {
		return min(free, o.Memory)
	}
	return free
}
