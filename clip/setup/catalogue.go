package setup

import "github.com/saedb/saedb/clip"

// Source is a model that setup knows by name, with one file a tower.
type Source struct {
	About string
	Repo  string           // on the hub
	Model clip.Description // what the installed one will say, but for the files

	Vision, Text, Tokenizer File
}

// Name is what the model is installed as.
func (s Source) Name() string { return s.Model.Name }

// Files are those of the source, in the order in which they are fetched.
func (s Source) Files() []File { return []File{s.Tokenizer, s.Text, s.Vision} }

// Size is how many bytes they are.
func (s Source) Size() (n int64) {
	for _, f := range s.Files() {
		n += f.Size
	}
	return n
}

// The repository holds OpenAI's weights as ONNX files. A commit and digests stand here, so that everybody's vectors come from the
// same bytes: the digests are those that the hub states for the large files and that other projects which pin them state.
const (
	clipRepo   = "Xenova/clip-vit-base-patch32"
	clipCommit = "d15189d7028b43f1d3e65039190477f6af591c2a"
)

func clipFile(path, sha256 string, size int64) File {
	return File{Repo: clipRepo, Revision: clipCommit, Path: path, SHA256: sha256, Size: size}
}

// Quantized ends the name of a source with 8-bit weights. Its vectors are not those of the other: they never mix.
const Quantized = "-quantized"

// Sources are the models that can be had by name, the default first.
func Sources() []Source {
	tokenizer := clipFile("tokenizer.json", "f7f3b7af117d467b58374797691a6438d3e6b9e9cef800dfd5dced7f697a90cd", 2_224_119)
	return []Source{
		{
			About: "OpenAI CLIP ViT-B/32", Repo: clipRepo, Model: clipB32(clip.DefaultModel), Tokenizer: tokenizer,
			Vision: clipFile("onnx/vision_model.onnx", "fd6e1402a588279d1723c7534d4bcba5bc0b14b47dfab0e46f8c47b8270d7d40", 351_685_709),
			Text:   clipFile("onnx/text_model.onnx", "3f6571f5bad13a97c469c1622e1cfc4d9aef78b79fdbfcff804ca357bfada8cc", 254_058_553),
		},
		{
			About: "OpenAI CLIP ViT-B/32, 8-bit", Repo: clipRepo, Model: clipB32(clip.DefaultModel + Quantized), Tokenizer: tokenizer,
			Vision: clipFile("onnx/vision_model_quantized.onnx", "583fd1110a514667812fee7d684952aaf82a99b959760c8d7dca7e0ab9839299", 89_117_001),
			Text:   clipFile("onnx/text_model_quantized.onnx", "73baab855d406190da9faa498cfedf65f15cf309f4cc7385b7b032e6d08e5c3a", 64_504_507),
		},
	}
}

// clipB32 is what OpenAI's repository (openai/CLIP, MIT) says of this model's pictures and texts. The inputs' names are left to the files.
func clipB32(name string) (d clip.Description) {
	d.Name, d.Version, d.Dim, d.Licence = name, 1, 512, "MIT"
	d.Vision.Output.Name = "image_embeds"
	d.Vision.Preprocess.Size = 224
	d.Vision.Preprocess.Mean = [3]float32{0.48145466, 0.4578275, 0.40821073}
	d.Vision.Preprocess.Std = [3]float32{0.26862954, 0.26130258, 0.27577711}
	d.Text.Output.Name = "text_embeds"
	d.Text.MaxLength = 77
	d.Tokenizer.Kind, d.Tokenizer.PadID = "clip-bpe", 49407 // end of text
	return d
}
