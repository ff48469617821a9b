package picture

import (
	"image/jpeg"
	"os"
	"path/filepath"
	"testing"
)

// BenchmarkStages times what an indexed picture costs before the encoder sees it, over the pictures of a list: ours, and those of the folder
// SAEDB_PICTURES where there is one (TestPicturesOfAFolderAreThoseOfPillow). stage=jpeg is the standard library's part of stage=decode.
func BenchmarkStages(b *testing.B) {
	dirs := map[string]string{"own": filepath.Join("testdata", "pillow")}
	if dir := os.Getenv("SAEDB_PICTURES"); dir != "" {
		dirs["folder"] = dir
	}
	for name, dir := range dirs {
		benchmarkStages(b, "pictures="+name+"/stage=", dir)
	}
}

func benchmarkStages(b *testing.B, prefix, dir string) {
	var files [][]byte
	var pictures []*Picture
	for _, s := range readList(b, filepath.Join(dir, "list.txt")) {
		file := s.file
		if !filepath.IsAbs(file) {
			file = filepath.Join(dir, file)
		}
		data := mustRead(b, file)
		p, err := Decode(data, nil)
		if err != nil {
			b.Fatal(err)
		}
		if p.Format == "jpeg" {
			files, pictures = append(files, data), append(pictures, p)
		}
	}
	q := CLIP()
	tensor := make([]float32, 0, 3*q.Side*q.Side)
	for _, stage := range []struct {
		name string
		do   func(i int)
	}{
		{"jpeg", func(i int) { mustDo(b, second(fromBytes(jpeg.Decode)(files[i]))) }},
		{"decode", func(i int) { mustDo(b, second(Decode(files[i], nil))) }},
		{"crop", func(i int) { q.Crop(pictures[i]) }},
		{"tensor", func(i int) { q.Tensor(tensor, pictures[i]) }},
		{"thumbnail", func(i int) { mustDo(b, second(Thumbnail(pictures[i], 256, 80))) }},
	} {
		b.Run(prefix+stage.name, func(b *testing.B) {
			i := 0
			for b.Loop() {
				stage.do(i % len(files))
				i++
			}
		})
	}
}

func second[T any](_ T, err error) error { return err }

func mustDo(b *testing.B, err error) {
	if err != nil {
		b.Fatal(err)
	}
}
