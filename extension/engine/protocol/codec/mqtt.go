package codec

import (
	"encoding/binary"
	"fmt"
	"strconv"
)

// mqtt are the packets of MQTT 3.1.1 and 5. One is a message that frames
// itself: its fixed header says where it ends.
type mqtt struct {
	is5   bool
	bytes byteStrings
}

func newMQTT(version string, bytes byteStrings) (Codec, error) {
	switch version {
	case "", "3.1.1":
		return &mqtt{bytes: bytes}, nil
	case "5":
		return &mqtt{is5: true, bytes: bytes}, nil
	}
	return nil, fmt.Errorf(`version: want "3.1.1" or "5", got %q`, version)
}

func (m *mqtt) Title() string {
	if m.is5 {
		return "an MQTT 5 packet from a server"
	}
	return "an MQTT 3.1.1 packet from a server"
}

// Types of packets (MQTT 5 section 2.1.2).
const (
	connectPacket = 1 + iota
	connackPacket
	publishPacket
	pubackPacket
	pubrecPacket
	pubrelPacket
	pubcompPacket
	subscribePacket
	subackPacket
	unsubscribePacket
	unsubackPacket
	pingreqPacket
	pingrespPacket
	disconnectPacket
	authPacket
)

var packetNames = [...]string{
	connectPacket: "connect", connackPacket: "connack", publishPacket: "publish", pubackPacket: "puback",
	pubrecPacket: "pubrec", pubrelPacket: "pubrel", pubcompPacket: "pubcomp", subscribePacket: "subscribe",
	subackPacket: "suback", unsubscribePacket: "unsubscribe", unsubackPacket: "unsuback",
	pingreqPacket: "pingreq", pingrespPacket: "pingresp", disconnectPacket: "disconnect", authPacket: "auth",
}

// maxRemaining is the most that a fixed header can say.
const maxRemaining = 1<<28 - 1

func (*mqtt) Find(b []byte) Found {
	length := uint64(0)
	for i := 1; i < len(b); i++ {
		length |= uint64(b[i]&0x7F) << (7 * (i - 1))
		if b[i] < 0x80 {
			f := found(i+1, length, len(b))
			f.Start = 0 // the packet with its header
			return f
		}
		if i == 4 {
			return Found{Broken: true}
		}
	}
	return Found{Need: len(b) + 1}
}

func (*mqtt) AppendFramed(dst, message []byte) ([]byte, error) { return append(dst, message...), nil }

// packet reads what is left of a packet. After what is not there it is broken
// and reads nothing more.
type packet struct {
	b      []byte
	broken bool
}

func (p *packet) take(n int) []byte {
	if p.broken || n > len(p.b) {
		p.broken, p.b = true, nil
		return nil
	}
	taken := p.b[:n]
	p.b = p.b[n:]
	return taken
}

func (p *packet) uint8() uint64 {
	if b := p.take(1); b != nil {
		return uint64(b[0])
	}
	return 0
}

func (p *packet) uint16() uint64 {
	if b := p.take(2); b != nil {
		return uint64(binary.BigEndian.Uint16(b))
	}
	return 0
}

func (p *packet) uint32() uint64 {
	if b := p.take(4); b != nil {
		return uint64(binary.BigEndian.Uint32(b))
	}
	return 0
}

// varint is a variable byte integer (MQTT 5 section 1.5.5).
func (p *packet) varint() uint64 {
	n := uint64(0)
	for shift := 0; shift < 28; shift += 7 {
		b := p.uint8()
		n |= b & 0x7F << shift
		if b < 0x80 {
			return n
		}
	}
	p.broken = true
	return 0
}

// data is what has its length before it: binary data, or a text.
func (p *packet) data() []byte { return p.take(int(p.uint16())) }

func (m *mqtt) AppendJSON(dst, message []byte) ([]byte, bool) {
	f := m.Find(message)
	if f.Next == 0 || f.Next != len(message) {
		return dst, false
	}
	header := 2
	for message[header-1] >= 0x80 {
		header++
	}
	kind, flags := message[0]>>4, message[0]&0xF
	p := packet{b: message[header:]}
	dst = append(append(append(dst, `{"cmd":"`...), packetNames[kind%16]...), '"')
	switch kind {
	case publishPacket:
		dst = m.appendPublish(dst, &p, flags)
	case connackPacket:
		sessionPresent := p.uint8()
		dst = appendFlag(dst, "sessionPresent", sessionPresent)
		code := p.uint8()
		dst = appendField(dst, m.codeName(), code)
		dst = m.appendProperties(dst, &p)
	case pubackPacket, pubrecPacket, pubrelPacket, pubcompPacket:
		dst = appendField(dst, "messageId", p.uint16())
		dst = m.appendReason(dst, &p)
	case subackPacket:
		dst = appendField(dst, "messageId", p.uint16())
		dst = m.appendProperties(dst, &p)
		dst = appendCodes(dst, &p)
	case unsubackPacket:
		dst = appendField(dst, "messageId", p.uint16())
		if m.is5 {
			dst = m.appendProperties(dst, &p)
			dst = appendCodes(dst, &p)
		}
	case pingrespPacket:
	case disconnectPacket, authPacket:
		if !m.is5 {
			return dst, false
		}
		dst = m.appendReason(dst, &p)
	default:
		return dst, false
	}
	return append(dst, '}'), !p.broken && len(p.b) == 0
}

func (m *mqtt) codeName() string {
	if m.is5 {
		return "reasonCode"
	}
	return "returnCode"
}

func appendName(dst []byte, name string) []byte {
	return append(append(append(dst, ',', '"'), name...), '"', ':')
}

func appendField(dst []byte, name string, n uint64) []byte {
	return strconv.AppendUint(appendName(dst, name), n, 10)
}

func appendFlag(dst []byte, name string, bit uint64) []byte {
	return strconv.AppendBool(appendName(dst, name), bit&1 != 0)
}

func (m *mqtt) appendPublish(dst []byte, p *packet, flags byte) []byte {
	qos := uint64(flags >> 1 & 3)
	dst = appendField(dst, "qos", qos)
	dst = appendFlag(dst, "dup", uint64(flags>>3))
	dst = appendFlag(dst, "retain", uint64(flags))
	dst = appendText(appendName(dst, "topic"), p.data())
	if qos > 0 {
		dst = appendField(dst, "messageId", p.uint16())
	}
	if qos == 3 {
		p.broken = true
	}
	dst = m.appendProperties(dst, p)
	return m.bytes.append(appendName(dst, "payload"), p.take(len(p.b)))
}

// appendReason appends a reason code, which may be left out for 0, and its
// properties, which may be left out, too.
func (m *mqtt) appendReason(dst []byte, p *packet) []byte {
	if !m.is5 {
		return dst
	}
	code := uint64(0)
	if len(p.b) > 0 {
		code = p.uint8()
	}
	dst = appendField(dst, "reasonCode", code)
	if len(p.b) > 0 {
		dst = m.appendProperties(dst, p)
	}
	return dst
}

func appendCodes(dst []byte, p *packet) []byte {
	dst = append(appendName(dst, "granted"), '[')
	for i, code := range p.take(len(p.b)) {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = strconv.AppendUint(dst, uint64(code), 10)
	}
	return append(dst, ']')
}
