package kv

import (
	"encoding/binary"
	"hash/crc32"
	"io"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// A MANIFEST is a log of records, in pieces that do not cross blocks. Each piece has a header: CRC-32C of what follows it (u32,
// masked), length (u16), and which piece of its record it is.
const (
	logBlock  = 32 << 10
	logHeader = 4 + 2 + 1

	wholeRecord, firstPiece, lastPiece = 1, 2, 4
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// checkManifest refuses a MANIFEST that is damaged before its last record. Pebble takes a piece that it cannot read for the end of
// the file, where a power cut may have left half a record. It would open the store as it was before that record was written, which may
// be empty, and delete the tables that it knows nothing of. But a record is written only after the one before it is on disk: where
// another begins behind the piece that cannot be read, there was no power cut.
func checkManifest(fsys vfs.FS, dir string) error {
	desc, err := pebble.Peek(dir, fsys)
	if err != nil || !desc.Exists {
		return err
	}
	f, err := fsys.Open(desc.ManifestFilename)
	if err != nil {
		return err
	}
	defer f.Close()
	data, err := io.ReadAll(f)
	if err != nil {
		return err
	}
	bad := 0
	for bad < len(data) {
		if left := logBlock - bad%logBlock; left < logHeader {
			bad += left
			continue
		}
		size, _ := logPiece(data, bad)
		if size == 0 {
			break
		}
		bad += size
	}
	for at := bad + 1; at < len(data); at++ {
		if _, kind := logPiece(data, at); kind == wholeRecord || kind == firstPiece {
			return Corruptf("%s is damaged: what lies at byte %d cannot be read, what follows at byte %d can", desc.ManifestFilename, bad, at)
		}
	}
	return nil
}

// logPiece returns the size and the kind of the piece at a place, 0 if there is none.
func logPiece(data []byte, at int) (size int, kind byte) {
	if at+logHeader > len(data) {
		return 0, 0
	}
	size, kind = logHeader+int(binary.LittleEndian.Uint16(data[at+4:])), data[at+6]
	if kind < wholeRecord || kind > lastPiece || at%logBlock+size > logBlock || at+size > len(data) {
		return 0, 0
	}
	crc := crc32.Checksum(data[at+6:at+size], castagnoli)
	if binary.LittleEndian.Uint32(data[at:]) != (crc>>15|crc<<17)+0xa282ead8 {
		return 0, 0
	}
	return size, kind
}
