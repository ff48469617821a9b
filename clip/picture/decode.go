package picture

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io"

	"golang.org/x/image/bmp"
	"golang.org/x/image/tiff"
)

var (
	// ErrFormat says that a file is no picture, or one in a format that saedb does not read.
	ErrFormat = errors.New("not a picture saedb can read")
	// ErrTooLarge says that a picture has more pixels than Options.MaxPixels.
	ErrTooLarge = errors.New("picture too large")
	// ErrDamaged says that a picture is truncated or corrupt.
	ErrDamaged = errors.New("damaged picture")
)

// Options says how files become pictures. A nil pointer and zero fields mean the defaults.
type Options struct {
	// MaxPixels bounds width times height, read from the file's head before anything is allocated; 0 means 200 million: twice what the
	// largest cameras make, and about 2 GB while such a file is being decoded.
	MaxPixels int
	// KeepAlphaColour takes the colour that lies under transparent pixels, as Pillow's convert("RGB") does. By default a picture is laid
	// on white: what editors leave under transparency is arbitrary, and cut-outs would be judged by it.
	KeepAlphaColour bool
}

const defaultMaxPixels = 200_000_000

// A codec reads one format: the size of the whole picture from the file's head, and the first frame, which lies within that size.
type codec struct {
	config func(data []byte) (image.Config, error)
	decode func(data []byte) (image.Image, error)
}

func codecOf(format string) codec {
	switch format {
	case "jpeg":
		return codec{fromBytes(jpeg.DecodeConfig), fromBytes(jpeg.Decode)}
	case "png":
		return codec{fromBytes(png.DecodeConfig), fromBytes(png.Decode)}
	case "gif":
		return codec{fromBytes(gif.DecodeConfig), decodeGIF}
	case "webp":
		return codec{configWebP, decodeWebP}
	case "bmp":
		return codec{fromBytes(bmp.DecodeConfig), fromBytes(bmp.Decode)}
	default:
		return codec{fromBytes(tiff.DecodeConfig), decodeTIFF}
	}
}

func fromBytes[T any](read func(io.Reader) (T, error)) func([]byte) (T, error) {
	return func(data []byte) (T, error) { return read(bytes.NewReader(data)) }
}

// Decode reads a picture file: JPEG, PNG, GIF, WebP, BMP or TIFF, told by its content, the first frame where there are several. The
// pixels are those that Pillow's convert("RGB") gives after turning the picture upright and laying it on white; but 16-bit gray is scaled,
// where Pillow clips it. The errors wrap ErrFormat, ErrTooLarge or ErrDamaged. data is not kept.
func Decode(data []byte, o *Options) (*Picture, error) {
	if o == nil {
		o = &Options{}
	}
	format, cfg, err := readHead(data, o)
	if err != nil {
		return nil, err
	}
	img, err := guard(func() (image.Image, error) { return codecOf(format).decode(data) })
	if err != nil {
		return nil, damaged(format, err)
	}
	p := &Picture{W: cfg.Width, H: cfg.Height, Format: format, Exif: readExif(format, data)}
	p.Pix = make([]byte, 3*p.W*p.H)
	fill := filler{pix: p.Pix, w: p.W, h: p.H, keepAlphaColour: o.KeepAlphaColour}
	if _, err := guard(func() (struct{}, error) { return struct{}{}, fill.from(img, format) }); err != nil {
		return nil, damaged(format, err)
	}
	p.turnUpright()
	return p, nil
}

// Pixels returns how many pixels Decode would make of data, as the file's head says: what it is going to cost is known before it is
// decoded. The errors are those of Decode that the head gives rise to.
func Pixels(data []byte, o *Options) (int, error) {
	if o == nil {
		o = &Options{}
	}
	_, cfg, err := readHead(data, o)
	return cfg.Width * cfg.Height, err
}

// readHead tells the format and reads the size, and refuses what is not to be decoded; then the size is zero.
func readHead(data []byte, o *Options) (format string, cfg image.Config, err error) {
	format, decoded := sniff(data)
	switch {
	case len(data) == 0:
		return "", cfg, fmt.Errorf("%w: the file is empty", ErrFormat)
	case format == "":
		return "", cfg, fmt.Errorf("%w: its first bytes are not those of a JPEG, PNG, GIF, WebP, BMP or TIFF file", ErrFormat)
	case !decoded:
		return "", cfg, fmt.Errorf("%w: %s is not supported; convert it to JPEG or PNG", ErrFormat, format)
	}
	cfg, err = guard(func() (image.Config, error) { return codecOf(format).config(data) })
	if err != nil {
		return "", image.Config{}, damaged(format, err)
	}
	if err := checkSize(format, cfg.Width, cfg.Height, o.MaxPixels); err != nil {
		return "", image.Config{}, err
	}
	return format, cfg, nil
}

// checkSize refuses sizes that the file's head may claim but nobody should allocate.
func checkSize(format string, w, h, limit int) error {
	if limit == 0 {
		limit = defaultMaxPixels
	}
	if w <= 0 || h <= 0 {
		return fmt.Errorf("%w: the %s file says that it is %d pixels wide and %d high", ErrDamaged, format, w, h)
	}
	if w > limit/h {
		return fmt.Errorf("%w: %dx%d pixels, and the limit is %d; scale it down", ErrTooLarge, w, h, limit)
	}
	return nil
}

// guard turns a decoder's panic into an error: files come from anywhere, and the decoders are not all ours.
func guard[T any](f func() (T, error)) (v T, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("the decoder gave up: %v", r)
		}
	}()
	return f()
}

// damaged tells a file that nobody can read from one whose kind saedb does not read.
func damaged(format string, err error) error {
	var j jpeg.UnsupportedError
	var p png.UnsupportedError
	var t tiff.UnsupportedError
	switch {
	case errors.As(err, &p) && p == "dimension overflow":
		return fmt.Errorf("%w: more pixels than a number can count", ErrTooLarge)
	case errors.As(err, &j), errors.As(err, &p), errors.As(err, &t), errors.Is(err, bmp.ErrUnsupported):
		return fmt.Errorf("%w: a kind of %s that is not supported (%v); convert it to plain JPEG or PNG", ErrFormat, format, err)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("%w: the %s file ends too early", ErrDamaged, format)
	}
	return fmt.Errorf("%w: %s: %v", ErrDamaged, format, err)
}
