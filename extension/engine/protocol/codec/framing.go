package codec

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strconv"
)

// Framing says where the messages of a protocol end in a stream of bytes,
// however WebSocket's messages cut it.
type Framing interface {
	// Find finds the first message in b.
	Find(b []byte) Found
	// AppendFramed appends a message as it is written. An error says why it
	// cannot be.
	AppendFramed(dst, message []byte) ([]byte, error)
}

// Found is where a message is in a stream.
type Found struct {
	// Start and End are those of the message; Next is where the next one
	// begins, 0 where it is not complete yet.
	Start, End, Next int
	// Need is how many bytes there must be before more can be said.
	Need int
	// Broken says that this is not the start of a message: nothing after it can
	// be found.
	Broken bool
}

// maxLength is the largest length that a message may claim to have.
const maxLength = 1 << 30

// NewFraming makes the framing that a descriptor names, nil for none.
func NewFraming(name string) (Framing, error) {
	switch name {
	case "":
		return nil, nil
	case "varint":
		return varintLength{}, nil
	case "uint8":
		return fixedLength{bytes: 1, order: binary.BigEndian}, nil
	case "uint16":
		return fixedLength{bytes: 2, order: binary.BigEndian}, nil
	case "uint32":
		return fixedLength{bytes: 4, order: binary.BigEndian}, nil
	case "uint16le":
		return fixedLength{bytes: 2, order: binary.LittleEndian}, nil
	case "uint32le":
		return fixedLength{bytes: 4, order: binary.LittleEndian}, nil
	case "nats":
		return natsLines{}, nil
	}
	return nil, fmt.Errorf("want a framing, got %q", name)
}

// found is a message of a length at an offset, of which so much is there.
func found(start int, length uint64, available int) Found {
	if length > maxLength {
		return Found{Broken: true}
	}
	end := start + int(length)
	if end > available {
		return Found{Need: end}
	}
	return Found{Start: start, End: end, Next: end}
}

// varintLength puts the length before each message, seven bits a byte, the
// lowest first, as Protocol Buffers' delimited streams have it.
type varintLength struct{}

func (varintLength) Find(b []byte) Found {
	length, n := binary.Uvarint(b)
	switch {
	case n > 0:
		return found(n, length, len(b))
	case n < 0 || len(b) >= binary.MaxVarintLen64:
		return Found{Broken: true}
	}
	return Found{Need: len(b) + 1}
}

func (varintLength) AppendFramed(dst, message []byte) ([]byte, error) {
	return append(binary.AppendUvarint(dst, uint64(len(message))), message...), nil
}

// fixedLength puts the length before each message as a number of some bytes.
type fixedLength struct {
	bytes int
	order interface {
		binary.ByteOrder
		binary.AppendByteOrder
	}
}

func (f fixedLength) Find(b []byte) Found {
	if len(b) < f.bytes {
		return Found{Need: f.bytes}
	}
	length := uint64(0)
	switch f.bytes {
	case 1:
		length = uint64(b[0])
	case 2:
		length = uint64(f.order.Uint16(b))
	case 4:
		length = uint64(f.order.Uint32(b))
	}
	return found(f.bytes, length, len(b))
}

func (f fixedLength) AppendFramed(dst, message []byte) ([]byte, error) {
	n := len(message)
	if most := 1<<(8*f.bytes) - 1; n > most {
		return dst, fmt.Errorf("want a message of at most %d bytes, got %d", most, n)
	}
	switch f.bytes {
	case 1:
		dst = append(dst, byte(n))
	case 2:
		dst = f.order.AppendUint16(dst, uint16(n))
	case 4:
		dst = f.order.AppendUint32(dst, uint32(n))
	}
	return append(dst, message...), nil
}

// natsLines is the protocol of NATS: lines, of which some say at their end how
// many bytes follow before the next line. A message is a line with those bytes,
// without the line end after it.
type natsLines struct{}

// maxNATSLine is twice what NATS itself takes for a line by default.
const maxNATSLine = 8192

var (
	lineEnd = []byte("\r\n")
	// withBytes are the operations that bytes follow.
	withBytes = [][]byte{[]byte("MSG"), []byte("HMSG"), []byte("PUB"), []byte("HPUB")}
)

func (natsLines) Find(b []byte) Found {
	end := bytes.Index(b[:min(len(b), maxNATSLine)], lineEnd)
	if end < 0 {
		return Found{Need: len(b) + 1, Broken: len(b) >= maxNATSLine}
	}
	if !hasBytes(b[:end]) {
		return Found{End: end, Next: end + len(lineEnd)}
	}
	digits := b[bytes.LastIndexByte(b[:end], ' ')+1 : end]
	length, err := strconv.ParseUint(string(digits), 10, 30)
	if err != nil {
		return Found{Broken: true}
	}
	f := found(0, uint64(end+2*len(lineEnd))+length, len(b))
	if f.Next == 0 {
		return f
	}
	if f.End = f.Next - len(lineEnd); !bytes.Equal(b[f.End:f.Next], lineEnd) {
		return Found{Broken: true}
	}
	return f
}

// hasBytes tells whether bytes follow a line.
func hasBytes(line []byte) bool {
	operation, _, more := bytes.Cut(line, []byte(" "))
	for _, known := range withBytes {
		if more && bytes.EqualFold(operation, known) {
			return true
		}
	}
	return false
}

// AppendFramed puts the number of bytes at the end of a line that is to have it.
func (natsLines) AppendFramed(dst, message []byte) ([]byte, error) {
	line, payload, more := bytes.Cut(message, lineEnd)
	if more && hasBytes(line) {
		dst = append(append(dst, line...), ' ')
		dst = strconv.AppendInt(dst, int64(len(payload)), 10)
		message = message[len(line):]
	}
	return append(append(dst, message...), lineEnd...), nil
}
