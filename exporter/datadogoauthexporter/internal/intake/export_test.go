package intake

import (
	"encoding/binary"
	"hash/crc32"
)

// WithSum appends the check sum that data needs to be read as a stored request.
func WithSum(data []byte) []byte {
	return binary.LittleEndian.AppendUint32(append([]byte(nil), data...), crc32.Checksum(data, castagnoli))
}
