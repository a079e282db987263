package conform

import (
	"encoding/binary"
	"fmt"
)

// Op is a frame's opcode (RFC 6455 5.2).
type Op byte

// The opcodes that RFC 6455 defines.
const (
	OpContinuation Op = 0
	OpText         Op = 1
	OpBinary       Op = 2
	OpClose        Op = 8
	OpPing         Op = 9
	OpPong         Op = 10
)

func (o Op) control() bool { return o&8 != 0 }

func (o Op) String() string {
	switch o {
	case OpContinuation:
		return "continuation"
	case OpText:
		return "text"
	case OpBinary:
		return "binary"
	case OpClose:
		return "close"
	case OpPing:
		return "ping"
	case OpPong:
		return "pong"
	}
	return fmt.Sprintf("opcode %d", byte(o))
}

// The reserved bits as a number: RSV1 is 4, RSV2 is 2, RSV3 is 1.
const rsv1 = 4

// Frame is a frame to send, lawful or not. The zero value of a field is the
// lawful choice, except for Fin.
type Frame struct {
	Fin     bool
	RSV     byte // 0 to 7
	Op      Op
	Payload []byte
	// WrongMask masks a server's frame and leaves a client's unmasked.
	WrongMask bool
	// ZeroKey masks with the key 00000000.
	ZeroKey bool
	// LengthBytes forces the length's form: 2 or 8 bytes behind the first one.
	LengthBytes int
	// Declared is a length to write in place of the payload's.
	Declared uint64
	// Compress deflates the payload and sets RSV1, where the connection has
	// permessage-deflate.
	Compress bool
}

// encode appends the frame's bytes. masked says whether the sender's role
// masks its frames.
func (f Frame) encode(b []byte, masked bool, key [4]byte) []byte {
	first := byte(f.Op) | f.RSV<<4
	if f.Fin {
		first |= 0x80
	}
	b = append(b, first)
	if f.WrongMask {
		masked = !masked
	}
	var maskBit byte
	if masked {
		maskBit = 0x80
	}
	b = f.appendLength(b, maskBit)
	if !masked {
		return append(b, f.Payload...)
	}
	if f.ZeroKey {
		key = [4]byte{}
	}
	b = append(b, key[:]...)
	from := len(b)
	b = append(b, f.Payload...)
	mask(b[from:], key)
	return b
}

func (f Frame) appendLength(b []byte, maskBit byte) []byte {
	n := uint64(len(f.Payload))
	if f.Declared != 0 {
		n = f.Declared
	}
	switch {
	case f.LengthBytes == 8 || n > 0xffff:
		return binary.BigEndian.AppendUint64(append(b, 127|maskBit), n)
	case f.LengthBytes == 2 || n > 125:
		return binary.BigEndian.AppendUint16(append(b, 126|maskBit), uint16(n))
	}
	return append(b, byte(n)|maskBit)
}

func mask(b []byte, key [4]byte) {
	wide := uint64(binary.LittleEndian.Uint32(key[:]))
	wide |= wide << 32
	i := 0
	for ; i+8 <= len(b); i += 8 {
		binary.LittleEndian.PutUint64(b[i:], binary.LittleEndian.Uint64(b[i:])^wide)
	}
	for ; i < len(b); i++ {
		b[i] ^= key[i&3]
	}
}

// closePayload is a Close frame's body.
func closePayload(code int, reason string) []byte {
	return append([]byte{byte(code >> 8), byte(code)}, reason...)
}
