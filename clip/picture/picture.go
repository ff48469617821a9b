// Package picture turns picture files into the pixels an encoder sees: decoding, orientation, resizing, cropping.
package picture

import "time"

// Picture is an upright, opaque picture.
type Picture struct {
	W, H   int
	Pix    []byte // 3*W*H: R, G, B of each pixel, row by row from the top
	Format string // "jpeg", "png", "gif", "webp", "bmp" or "tiff"
	Exif   Exif
}

// Exif is what a camera wrote beside the pixels. Zero fields were not there.
type Exif struct {
	Orientation int       // 1 to 8 as in the file; Pix is turned upright already
	Taken       time.Time // when the picture was taken, in UTC where the file does not say the zone
	Camera      string    // maker and model
	Lens        string
	Lat, Lon    float64 // degrees, north and east positive; HasPlace says whether they are known
	HasPlace    bool
}
