package codec

import (
	"encoding/binary"
	"math"
	"strconv"
)

// msgpack is MessagePack.
type msgpack struct{ bytes byteStrings }

func (*msgpack) Title() string { return "MessagePack" }

func (m *msgpack) AppendJSON(dst, message []byte) ([]byte, bool) {
	p := packet{b: message}
	dst = m.append(dst, &p, 0)
	return dst, !p.broken && len(p.b) == 0
}

// uint reads a number of 1, 2, 4 or 8 bytes.
func (p *packet) uint(bytes int) uint64 {
	switch bytes {
	case 1:
		return p.uint8()
	case 2:
		return p.uint16()
	case 4:
		return p.uint32()
	}
	return p.uint32()<<32 | p.uint32()
}

// size is the length of bytes that follow, no more than there are: a length
// that is wrong is broken before anything is made of it.
func (p *packet) size(n uint64) int {
	if n > uint64(len(p.b)) {
		p.broken, p.b = true, nil
		return 0
	}
	return int(n)
}

// append appends the next value (MessagePack specification, "Formats").
func (m *msgpack) append(dst []byte, p *packet, depth int) []byte {
	if depth > maxDepth {
		p.broken = true
		return dst
	}
	c := p.uint8()
	switch {
	case c < 0x80:
		return strconv.AppendUint(dst, c, 10)
	case c >= 0xE0:
		return strconv.AppendInt(dst, int64(int8(c)), 10)
	case c < 0x90:
		return m.appendMap(dst, p, c&0xF, depth)
	case c < 0xA0:
		return m.appendList(dst, p, c&0xF, depth)
	case c < 0xC0:
		return appendText(dst, p.take(int(c&0x1F)))
	}
	switch c {
	case 0xC0:
		return append(dst, "null"...)
	case 0xC2:
		return append(dst, "false"...)
	case 0xC3:
		return append(dst, "true"...)
	case 0xC4, 0xC5, 0xC6:
		return m.bytes.append(dst, p.take(p.size(p.uint(1<<(c-0xC4)))))
	case 0xC7, 0xC8, 0xC9:
		n := p.size(p.uint(1 << (c - 0xC7)))
		return m.appendExtension(dst, p, n)
	case 0xCA:
		return appendNumber(dst, float64(math.Float32frombits(uint32(p.uint32()))))
	case 0xCB:
		return appendNumber(dst, math.Float64frombits(p.uint(8)))
	case 0xCC, 0xCD, 0xCE, 0xCF:
		return strconv.AppendUint(dst, p.uint(1<<(c-0xCC)), 10)
	case 0xD0:
		return strconv.AppendInt(dst, int64(int8(p.uint8())), 10)
	case 0xD1:
		return strconv.AppendInt(dst, int64(int16(p.uint16())), 10)
	case 0xD2:
		return strconv.AppendInt(dst, int64(int32(p.uint32())), 10)
	case 0xD3:
		return strconv.AppendInt(dst, int64(p.uint(8)), 10)
	case 0xD4, 0xD5, 0xD6, 0xD7, 0xD8:
		return m.appendExtension(dst, p, 1<<(c-0xD4))
	case 0xD9, 0xDA, 0xDB:
		return appendText(dst, p.take(p.size(p.uint(1<<(c-0xD9)))))
	case 0xDC, 0xDD:
		return m.appendList(dst, p, p.uint(2<<(c-0xDC)), depth)
	case 0xDE, 0xDF:
		return m.appendMap(dst, p, p.uint(2<<(c-0xDE)), depth)
	}
	p.broken = true
	return dst
}

func (m *msgpack) appendList(dst []byte, p *packet, n uint64, depth int) []byte {
	left := p.size(n) // each has a byte at least
	dst = append(dst, '[')
	for i := 0; i < left && !p.broken; i++ {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = m.append(dst, p, depth+1)
	}
	return append(dst, ']')
}

func (m *msgpack) appendMap(dst []byte, p *packet, n uint64, depth int) []byte {
	left := p.size(n)
	dst = append(dst, '{')
	for i := 0; i < left && !p.broken; i++ {
		if i > 0 {
			dst = append(dst, ',')
		}
		at := len(dst)
		dst = m.append(dst, p, maxDepth) // no list or map
		if !p.broken {
			dst = asName(dst, at, p)
		}
		dst = m.append(append(dst, ':'), p, depth+1)
	}
	return append(dst, '}')
}

// asName makes the value that dst holds from an index on a member's name: a
// text is itself, a number the text of its digits. Nothing else can be one.
func asName(dst []byte, at int, p *packet) []byte {
	switch dst[at] {
	case '"':
	case '{', '[', 't', 'f', 'n':
		p.broken = true
	default:
		dst = append(dst, '"', '"')
		copy(dst[at+1:], dst[at:len(dst)-2])
		dst[at] = '"'
	}
	return dst
}

// appendExtension appends a value of an application's own type.
func (m *msgpack) appendExtension(dst []byte, p *packet, n int) []byte {
	dst = append(dst, `{"type":`...)
	dst = strconv.AppendInt(dst, int64(int8(p.uint8())), 10)
	dst = append(dst, `,"data":`...)
	dst = asBase64.append(dst, p.take(n))
	return append(dst, '}')
}

func (m *msgpack) AppendMessage(dst, text []byte) ([]byte, error) {
	return appendItem(m, dst, text, 0)
}

func (*msgpack) list(dst []byte, at, n int) []byte   { return msgpackHead(dst, at, n, 0x90, 0xDC) }
func (*msgpack) object(dst []byte, at, n int) []byte { return msgpackHead(dst, at, n, 0x80, 0xDE) }

func msgpackHead(dst []byte, at, n int, fixed, long byte) []byte {
	switch {
	case n < 16:
		dst[at] = fixed | byte(n)
		return dst
	case n < 1<<16:
		return replaceHead(dst, at, long, byte(n>>8), byte(n))
	}
	return replaceHead(dst, at, long+1, byte(n>>24), byte(n>>16), byte(n>>8), byte(n))
}

func (*msgpack) text(dst, text []byte) []byte {
	switch n := len(text); {
	case n < 32:
		dst = append(dst, 0xA0|byte(n))
	case n < 1<<8:
		dst = append(dst, 0xD9, byte(n))
	case n < 1<<16:
		dst = binary.BigEndian.AppendUint16(append(dst, 0xDA), uint16(n))
	default:
		dst = binary.BigEndian.AppendUint32(append(dst, 0xDB), uint32(n))
	}
	return append(dst, text...)
}

func (*msgpack) whole(dst []byte, negative bool, n uint64) []byte {
	if negative && n > 0 {
		switch i := -int64(n); {
		case i >= -32:
			return append(dst, byte(i))
		case i >= math.MinInt8:
			return append(dst, 0xD0, byte(i))
		case i >= math.MinInt16:
			return binary.BigEndian.AppendUint16(append(dst, 0xD1), uint16(i))
		case i >= math.MinInt32:
			return binary.BigEndian.AppendUint32(append(dst, 0xD2), uint32(i))
		default:
			return binary.BigEndian.AppendUint64(append(dst, 0xD3), uint64(i))
		}
	}
	switch {
	case n < 0x80:
		return append(dst, byte(n))
	case n < 1<<8:
		return append(dst, 0xCC, byte(n))
	case n < 1<<16:
		return binary.BigEndian.AppendUint16(append(dst, 0xCD), uint16(n))
	case n < 1<<32:
		return binary.BigEndian.AppendUint32(append(dst, 0xCE), uint32(n))
	}
	return binary.BigEndian.AppendUint64(append(dst, 0xCF), n)
}

func (*msgpack) float(dst []byte, f float64) []byte {
	return binary.BigEndian.AppendUint64(append(dst, 0xCB), math.Float64bits(f))
}

func (*msgpack) word(dst []byte, word byte) []byte {
	switch word {
	case 't':
		return append(dst, 0xC3)
	case 'f':
		return append(dst, 0xC2)
	}
	return append(dst, 0xC0)
}
