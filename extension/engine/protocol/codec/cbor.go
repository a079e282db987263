package codec

import (
	"encoding/binary"
	"math"
	"math/big"
	"strconv"
)

// cbor is CBOR (RFC 8949).
type cbor struct{ bytes byteStrings }

func (*cbor) Title() string { return "CBOR" }

func (c *cbor) AppendJSON(dst, message []byte) ([]byte, bool) {
	p := packet{b: message}
	dst = c.append(dst, &p, 0)
	return dst, !p.broken && len(p.b) == 0
}

// Major types (RFC 8949 section 3.1).
const (
	cborUnsigned = iota
	cborNegative
	cborBytes
	cborText
	cborList
	cborMap
	cborTag
	cborSimple
)

const (
	cborIndefinite = 31
	cborBreak      = 0xFF
)

// head reads an item's major type, its additional information and argument.
func (p *packet) head() (major, info int, argument uint64) {
	b := p.uint8()
	major, info = int(b>>5), int(b&0x1F)
	switch {
	case info < 24:
		argument = uint64(info)
	case info < 28:
		argument = p.uint(1 << (info - 24))
	case info < cborIndefinite || major < cborList || major == cborTag:
		p.broken = true // bytes and texts in several parts, which few send, among them
	}
	return major, info, argument
}

func (c *cbor) append(dst []byte, p *packet, depth int) []byte {
	if depth > maxDepth {
		p.broken = true
		return dst
	}
	major, info, n := p.head()
	if p.broken {
		return dst
	}
	switch major {
	case cborUnsigned:
		return strconv.AppendUint(dst, n, 10)
	case cborNegative:
		if n > math.MaxInt64 {
			i := new(big.Int).SetUint64(n)
			return i.Not(i).Append(dst, 10) // -1-n
		}
		return strconv.AppendInt(dst, -1-int64(n), 10)
	case cborBytes:
		return c.bytes.append(dst, p.take(p.size(n)))
	case cborText:
		return appendText(dst, p.take(p.size(n)))
	case cborList:
		return c.appendList(dst, p, n, info == cborIndefinite, depth)
	case cborMap:
		return c.appendMap(dst, p, n, info == cborIndefinite, depth)
	case cborTag:
		return c.append(dst, p, depth+1) // what is tagged stands for itself
	}
	return appendSimple(dst, p, info, n)
}

// atBreak takes the stop code of an item of indefinite length, if it is next.
func (p *packet) atBreak() bool {
	if len(p.b) == 0 {
		p.broken = true
		return true
	}
	if p.b[0] != cborBreak {
		return false
	}
	p.take(1)
	return true
}

// more tells whether an element follows the ith.
func (p *packet) more(i int, n uint64, indefinite bool) bool {
	if p.broken {
		return false
	}
	if indefinite {
		return !p.atBreak()
	}
	return uint64(i) < n
}

func (c *cbor) appendList(dst []byte, p *packet, n uint64, indefinite bool, depth int) []byte {
	p.size(n)
	dst = append(dst, '[')
	for i := 0; p.more(i, n, indefinite); i++ {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = c.append(dst, p, depth+1)
	}
	return append(dst, ']')
}

func (c *cbor) appendMap(dst []byte, p *packet, n uint64, indefinite bool, depth int) []byte {
	p.size(n)
	dst = append(dst, '{')
	for i := 0; p.more(i, n, indefinite); i++ {
		if i > 0 {
			dst = append(dst, ',')
		}
		at := len(dst)
		dst = c.append(dst, p, maxDepth)
		if !p.broken {
			dst = asName(dst, at, p)
		}
		dst = c.append(append(dst, ':'), p, depth+1)
	}
	return append(dst, '}')
}

// appendSimple appends a simple value or a floating-point number (section 3.3).
func appendSimple(dst []byte, p *packet, info int, n uint64) []byte {
	switch info {
	case 20:
		return append(dst, "false"...)
	case 21:
		return append(dst, "true"...)
	case 25:
		return appendNumber(dst, halfFloat(uint16(n)))
	case 26:
		return appendNumber(dst, float64(math.Float32frombits(uint32(n))))
	case 27:
		return appendNumber(dst, math.Float64frombits(n))
	case 22, 23: // null and undefined
		return append(dst, "null"...)
	}
	p.broken = true // without a meaning, or a stop code where nothing is to stop
	return dst
}

func (c *cbor) AppendMessage(dst, text []byte) ([]byte, error) {
	return appendItem(c, dst, text, 0)
}

func (*cbor) list(dst []byte, at, n int) []byte { return cborContainer(dst, at, n, cborList<<5) }

func (*cbor) object(dst []byte, at, n int) []byte { return cborContainer(dst, at, n, cborMap<<5) }

func cborContainer(dst []byte, at, n int, major byte) []byte {
	switch {
	case n < 24:
		dst[at] = major | byte(n)
		return dst
	case n < 1<<8:
		return replaceHead(dst, at, major|24, byte(n))
	case n < 1<<16:
		return replaceHead(dst, at, major|25, byte(n>>8), byte(n))
	}
	return replaceHead(dst, at, major|26, byte(n>>24), byte(n>>16), byte(n>>8), byte(n))
}

func cborHead(dst []byte, major byte, n uint64) []byte {
	switch major <<= 5; {
	case n < 24:
		return append(dst, major|byte(n))
	case n < 1<<8:
		return append(dst, major|24, byte(n))
	case n < 1<<16:
		return binary.BigEndian.AppendUint16(append(dst, major|25), uint16(n))
	case n < 1<<32:
		return binary.BigEndian.AppendUint32(append(dst, major|26), uint32(n))
	}
	return binary.BigEndian.AppendUint64(append(dst, major|27), n)
}

func (*cbor) text(dst, text []byte) []byte {
	return append(cborHead(dst, cborText, uint64(len(text))), text...)
}

func (*cbor) whole(dst []byte, negative bool, n uint64) []byte {
	if negative && n > 0 {
		return cborHead(dst, cborNegative, n-1)
	}
	return cborHead(dst, cborUnsigned, n)
}

func (*cbor) float(dst []byte, f float64) []byte {
	return binary.BigEndian.AppendUint64(append(dst, 0xFB), math.Float64bits(f))
}

func (*cbor) word(dst []byte, word byte) []byte {
	switch word {
	case 't':
		return append(dst, 0xF5)
	case 'f':
		return append(dst, 0xF4)
	}
	return append(dst, 0xF6)
}
