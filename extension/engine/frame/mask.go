package frame

import (
	"encoding/binary"
	"math/bits"
)

// xor masks or unmasks b in place (section 5.3). at is where in the payload b
// begins.
func xor(mask [4]byte, at int64, b []byte) {
	key := binary.LittleEndian.Uint32(mask[:])
	key = bits.RotateLeft32(key, -8*int(at&3))
	wide := uint64(key)<<32 | uint64(key)
	for len(b) >= 8 {
		binary.LittleEndian.PutUint64(b, binary.LittleEndian.Uint64(b)^wide)
		b = b[8:]
	}
	for i := range b {
		b[i] ^= byte(key >> (8 * (i & 3)))
	}
}
