package kv

import (
	"bytes"
	"encoding/binary"
	"strings"
)

// Every key starts with one byte that names its kind; numbers in keys are big-endian, so that byte order is number
// order. The whole keyspace with an example of each key is in db/FORMAT.md.
const (
	prefixHeader   = 'h' // h name                     header values
	prefixID       = 'i' // i id                       -> ordinal
	prefixItem     = 'o' // o ordinal                  -> Item
	prefixVector   = 'v' // v ordinal                  -> unit vector, of a row that is in no block
	prefixBlock    = 'b' // b block                    -> unit vectors of consecutive ordinals
	prefixMeta     = 'd' // d ordinal                  -> metadata of a row of format 1
	prefixThumb    = 't' // t ordinal                  -> thumbnail
	prefixRange    = 'r' // r block                    -> RangeSum (merged)
	prefixTouched  = 'u' // u ordinal                  -> commit that last changed or removed the row's vector
	prefixIndex    = 'x' // x field 0 value 0 ordinal  -> nothing: the metadata index
	prefixField    = 'f' // f field 0 type             -> counter of items
	prefixModel    = 'm' // m model                    -> model record
	prefixFile     = 's' // s model chunk              -> piece of the model's file
	prefixProgress = 'g' // g model                    -> ordinal where encoding goes on
	prefixStale    = 'q' // q model ordinal            -> nothing: the row's code is older than its vector
	prefixCode     = 'c' // c model ordinal            -> code
	prefixPosting  = 'p' // p model latent block       -> posting block of formats 1 and 2 (merged)
	prefixWeights  = 'l' // l model latent block       -> Weights (merged)
	prefixStats    = 'a' // a model latent             -> Stats (merged)
	prefixNames    = 'n' // n model chunk              -> piece of the names file
	prefixEdits    = 'e' // e model                    -> a user's changes of names
	prefixWords    = 'w' // w chunk                    -> piece of the vocabulary's words
	prefixWordVecs = 'y' // y chunk                    -> piece of the vocabulary's vectors
)

// The header's keys.
var (
	keyFormat   = []byte("hformat")
	keySpace    = []byte("hspace")
	keyState    = []byte("hstate")
	keyClusters = []byte("hclusters")
	keyDerived  = []byte("hderived")
	keyRanges   = []byte("hranges")
	keyWeighed  = []byte("hweighed")
)

// KeyFormat is where the format version lies.
func KeyFormat() []byte { return bytes.Clone(keyFormat) }

// KeySpace is where the space identity lies.
func KeySpace() []byte { return bytes.Clone(keySpace) }

// KeyState is where the State lies.
func KeyState() []byte { return bytes.Clone(keyState) }

// KeyClusters is where the description of the clusters lies.
func KeyClusters() []byte { return bytes.Clone(keyClusters) }

// KeyDerived is where the commit lies from which on the touched rows are listed: an older derived file is of no use.
func KeyDerived() []byte { return bytes.Clone(keyDerived) }

// KeyRanges is there if the range sums are kept: in every database of format 2 that was made or upgraded by it.
func KeyRanges() []byte { return bytes.Clone(keyRanges) }

// KeyWeighed is there if all postings are weights and latents have statistics: in every database of format 3 that was made or upgraded by it.
func KeyWeighed() []byte { return bytes.Clone(keyWeighed) }

func key(prefix byte, numbers ...uint32) []byte {
	k := make([]byte, 1, 1+4*len(numbers))
	k[0] = prefix
	for _, n := range numbers {
		k = binary.BigEndian.AppendUint32(k, n)
	}
	return k
}

// KeyID maps an item's id to its ordinal.
func KeyID(id string) []byte { return append([]byte{prefixID}, id...) }

// IDOfKey is the inverse of KeyID.
func IDOfKey(k []byte) string { return string(k[1:]) }

// KeyItem, KeyVector, KeyMeta and KeyThumb hold an item's parts.
func KeyItem(ord uint32) []byte { return key(prefixItem, ord) }

// KeyVector holds the item's unit vector, if its record does not say that it lies in a block.
func KeyVector(ord uint32) []byte { return key(prefixVector, ord) }

// KeyBlock holds the unit vectors of the ordinals that divided by VectorRows give block.
func KeyBlock(block uint32) []byte { return key(prefixBlock, block) }

// KeyMeta holds the metadata of an item of format 1.
func KeyMeta(ord uint32) []byte { return key(prefixMeta, ord) }

// KeyThumb holds the item's thumbnail.
func KeyThumb(ord uint32) []byte { return key(prefixThumb, ord) }

// KeyRange holds what the items, vectors, blocks of vectors and thumbnails of a range of ordinals add up to.
func KeyRange(block uint32) []byte { return key(prefixRange, block) }

// KeyTouched holds the number of the commit that last changed or removed the vector of a row that was there before.
func KeyTouched(ord uint32) []byte { return key(prefixTouched, ord) }

// KeyModel holds a model's record.
func KeyModel(model uint32) []byte { return key(prefixModel, model) }

// KeyProgress holds the ordinal where encoding all rows with the model goes on.
func KeyProgress(model uint32) []byte { return key(prefixProgress, model) }

// KeyStale marks a row whose code by the model is older than its vector.
func KeyStale(model, ord uint32) []byte { return key(prefixStale, model, ord) }

// KeyCode holds a row's code by the model.
func KeyCode(model, ord uint32) []byte { return key(prefixCode, model, ord) }

// KeyPosting holds the rows of one block in which the latent is active, as formats 1 and 2 wrote them.
func KeyPosting(model, latent, block uint32) []byte { return key(prefixPosting, model, latent, block) }

// KeyWeights holds the rows of one block in which the latent is active.
func KeyWeights(model, latent, block uint32) []byte { return key(prefixWeights, model, latent, block) }

// KeyStats holds what the latent's activations add up to.
func KeyStats(model, latent uint32) []byte { return key(prefixStats, model, latent) }

// KeyEdits holds what a user changed of the model's names.
func KeyEdits(model uint32) []byte { return key(prefixEdits, model) }

// Span is a range of keys [Lower, Upper).
type Span struct{ Lower, Upper []byte }

func span(prefix byte, numbers ...uint32) Span {
	lower := key(prefix, numbers...)
	return Span{Lower: lower, Upper: After(lower)}
}

// After returns the smallest key above every key that starts with prefix. prefix must not be all 0xff bytes.
func After(prefix []byte) []byte {
	up := bytes.Clone(prefix)
	for i := len(up) - 1; i >= 0; i-- {
		if up[i]++; up[i] != 0 {
			return up[:i+1]
		}
	}
	return nil
}

// Spans of all keys of one kind, or of one kind and model.

func SpanIDs() Span               { return span(prefixID) }
func SpanItems() Span             { return span(prefixItem) }
func SpanVectors() Span           { return span(prefixVector) }
func SpanBlocks() Span            { return span(prefixBlock) }
func SpanMeta() Span              { return span(prefixMeta) }
func SpanThumbs() Span            { return span(prefixThumb) }
func SpanRanges() Span            { return span(prefixRange) }
func SpanTouched() Span           { return span(prefixTouched) }
func SpanIndex() Span             { return span(prefixIndex) }
func SpanFields() Span            { return span(prefixField) }
func SpanModels() Span            { return span(prefixModel) }
func SpanFile(model uint32) Span  { return span(prefixFile, model) }
func SpanStale(model uint32) Span { return span(prefixStale, model) }
func SpanCodes(model uint32) Span { return span(prefixCode, model) }
func SpanNames(model uint32) Span { return span(prefixNames, model) }
func SpanWords() Span             { return span(prefixWords) }
func SpanWordVecs() Span          { return span(prefixWordVecs) }

// SpanAllPostings is the span of the postings that formats 1 and 2 wrote, SpanPostings of those of one model, SpanPosting of those of one latent.
func SpanAllPostings() Span                 { return span(prefixPosting) }
func SpanPostings(model uint32) Span        { return span(prefixPosting, model) }
func SpanPosting(model, latent uint32) Span { return span(prefixPosting, model, latent) }

// SpanWeights is the span of all the model's posting blocks, SpanLatent of those of one latent.
func SpanWeights(model uint32) Span        { return span(prefixWeights, model) }
func SpanLatent(model, latent uint32) Span { return span(prefixWeights, model, latent) }

// SpanStats is the span of the statistics of the model's latents.
func SpanStats(model uint32) Span { return span(prefixStats, model) }

// SpansOfModel are all spans that vanish with a model.
func SpansOfModel(model uint32) []Span {
	var spans []Span
	for _, p := range []byte{prefixModel, prefixFile, prefixProgress, prefixStale, prefixCode, prefixPosting, prefixWeights, prefixStats, prefixNames, prefixEdits} {
		spans = append(spans, span(p, model))
	}
	return spans
}

// From is the part of the span that starts at the given numbers after its prefix.
func (s Span) From(n uint32) Span {
	return Span{Lower: binary.BigEndian.AppendUint32(bytes.Clone(s.Lower), n), Upper: s.Upper}
}

// Last number of a key that ends in one: an ordinal, a latent, a chunk or a block.
func Last(k []byte) (uint32, error) {
	if len(k) < 5 {
		return 0, Corruptf("key %x: too short for a number", k)
	}
	return binary.BigEndian.Uint32(k[len(k)-4:]), nil
}

// BlockOf returns model, latent and block of a key of KeyWeights or KeyPosting.
func BlockOf(k []byte) (model, latent, block uint32, err error) {
	if len(k) != 13 || k[0] != prefixPosting && k[0] != prefixWeights {
		return 0, 0, 0, Corruptf("posting key %x", k)
	}
	if block = binary.BigEndian.Uint32(k[9:]); block >= 1<<32/BlockRows {
		return 0, 0, 0, Corruptf("posting key %x: block %d", k, block)
	}
	return binary.BigEndian.Uint32(k[1:]), binary.BigEndian.Uint32(k[5:]), block, nil
}

// LatentOf returns model and latent of a key of KeyWeights or KeyStats.
func LatentOf(k []byte) (model, latent uint32, err error) {
	if !(len(k) == 9 && k[0] == prefixStats || len(k) == 13 && k[0] == prefixWeights) {
		return 0, 0, Corruptf("key %x is not of a latent", k)
	}
	return binary.BigEndian.Uint32(k[1:]), binary.BigEndian.Uint32(k[5:]), nil
}

// KnownPrefix reports whether a key of this store may start with b.
func KnownPrefix(b byte) bool {
	return strings.IndexByte("hiovbdtruxfmsgqcplanewy", b) >= 0
}
