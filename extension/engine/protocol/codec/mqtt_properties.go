package codec

import (
	"encoding/binary"
	"fmt"
	"strconv"

	"xk6-realtime/engine/protocol/jsontext"
)

// property is one of MQTT 5's (section 2.2.2.2).
type property struct {
	name string
	form form
}

// form is how a property's value is written.
type form uint8

const (
	noForm form = iota
	oneByte
	twoBytes
	fourBytes
	variable
	textForm
	binaryForm
	pair
)

// most is the highest number of a form.
func (f form) most() uint64 {
	switch f {
	case oneByte:
		return 1<<8 - 1
	case twoBytes:
		return 1<<16 - 1
	case fourBytes:
		return 1<<32 - 1
	}
	return maxRemaining
}

const userProperties = 0x26

var properties = [...]property{
	0x01:           {"payloadFormatIndicator", oneByte},
	0x02:           {"messageExpiryInterval", fourBytes},
	0x03:           {"contentType", textForm},
	0x08:           {"responseTopic", textForm},
	0x09:           {"correlationData", binaryForm},
	0x0B:           {"subscriptionIdentifier", variable},
	0x11:           {"sessionExpiryInterval", fourBytes},
	0x12:           {"assignedClientIdentifier", textForm},
	0x13:           {"serverKeepAlive", twoBytes},
	0x15:           {"authenticationMethod", textForm},
	0x16:           {"authenticationData", binaryForm},
	0x17:           {"requestProblemInformation", oneByte},
	0x18:           {"willDelayInterval", fourBytes},
	0x19:           {"requestResponseInformation", oneByte},
	0x1A:           {"responseInformation", textForm},
	0x1C:           {"serverReference", textForm},
	0x1F:           {"reasonString", textForm},
	0x21:           {"receiveMaximum", twoBytes},
	0x22:           {"topicAliasMaximum", twoBytes},
	0x23:           {"topicAlias", twoBytes},
	0x24:           {"maximumQoS", oneByte},
	0x25:           {"retainAvailable", oneByte},
	userProperties: {"userProperties", pair},
	0x27:           {"maximumPacketSize", fourBytes},
	0x28:           {"wildcardSubscriptionAvailable", oneByte},
	0x29:           {"subscriptionIdentifiersAvailable", oneByte},
	0x2A:           {"sharedSubscriptionAvailable", oneByte},
}

// appendProperties appends the properties of a packet of MQTT 5, if it has any.
func (m *mqtt) appendProperties(dst []byte, p *packet) []byte {
	if !m.is5 {
		return dst
	}
	own := packet{b: p.take(int(p.varint()))}
	if len(own.b) == 0 {
		return dst
	}
	dst = append(appendName(dst, "properties"), '{')
	first, pairs := true, false
	for left := own; len(left.b) > 0; {
		id := left.uint8()
		switch f := formOf(id); f {
		case noForm:
			p.broken = true
			return dst
		case pair:
			pairs = true
			left.skip(pair)
		default:
			dst = left.appendProperty(appendMember(dst, properties[id].name, &first), f)
		}
		if left.broken {
			p.broken = true
			return dst
		}
	}
	if pairs {
		dst = appendPairs(appendMember(dst, properties[userProperties].name, &first), own)
	}
	return append(dst, '}')
}

func formOf(id uint64) form {
	if id >= uint64(len(properties)) {
		return noForm
	}
	return properties[id].form
}

func appendMember(dst []byte, name string, first *bool) []byte {
	if !*first {
		dst = append(dst, ',')
	}
	*first = false
	return append(append(append(dst, '"'), name...), '"', ':')
}

func (p *packet) skip(f form) {
	switch f {
	case oneByte:
		p.take(1)
	case twoBytes:
		p.take(2)
	case fourBytes:
		p.take(4)
	case variable:
		p.varint()
	case textForm, binaryForm:
		p.data()
	case pair:
		p.data()
		p.data()
	}
}

// appendPairs appends the pairs among properties, which are right.
func appendPairs(dst []byte, left packet) []byte {
	dst = append(dst, '{')
	for first := true; len(left.b) > 0; {
		f := formOf(left.uint8())
		if f != pair {
			left.skip(f)
			continue
		}
		if !first {
			dst = append(dst, ',')
		}
		first = false
		dst = append(appendText(dst, left.data()), ':')
		dst = appendText(dst, left.data())
	}
	return append(dst, '}')
}

func (p *packet) appendProperty(dst []byte, f form) []byte {
	switch f {
	case oneByte:
		return strconv.AppendUint(dst, p.uint8(), 10)
	case twoBytes:
		return strconv.AppendUint(dst, p.uint16(), 10)
	case fourBytes:
		return strconv.AppendUint(dst, p.uint32(), 10)
	case variable:
		return strconv.AppendUint(dst, p.varint(), 10)
	case textForm:
		return appendText(dst, p.data())
	}
	return asBase64.append(dst, p.data())
}

// unappendProperties appends the properties of a packet of MQTT 5 with their
// length before them. given is nil where there are none.
func unappendProperties(dst, given []byte) ([]byte, error) {
	at := len(dst)
	if given == nil {
		return append(dst, 0), nil
	}
	if given[0] != '{' {
		return dst, wanted("an object", given)
	}
	err := members(given, func(name, value []byte) (err error) {
		id := -1
		for i := range properties {
			if properties[i].form != noForm && properties[i].name == string(name) {
				id = i
			}
		}
		if id < 0 {
			return fmt.Errorf("%s: want a property of MQTT 5", name)
		}
		dst, err = unappendProperty(dst, byte(id), value)
		return in(name, err)
	})
	if err != nil {
		return dst, err
	}
	return lengthBefore(dst, at), nil
}

func unappendProperty(dst []byte, id byte, value []byte) ([]byte, error) {
	switch f := properties[id].form; f {
	case textForm:
		return unappendText(append(dst, id), value)
	case binaryForm:
		return unappendData(append(dst, id), value, asBase64)
	case pair:
		if value[0] != '{' {
			return dst, wanted("an object", value)
		}
		err := members(value, func(name, text []byte) (err error) {
			if dst, err = appendData(append(dst, id), name); err != nil {
				return in(name, err)
			}
			dst, err = unappendText(dst, text)
			return in(name, err)
		})
		return dst, err
	default:
		n, err := uintOf(value, f.most())
		if err != nil {
			return dst, err
		}
		dst = append(dst, id)
		switch f {
		case oneByte:
			return append(dst, byte(n)), nil
		case twoBytes:
			return binary.BigEndian.AppendUint16(dst, uint16(n)), nil
		case fourBytes:
			return binary.BigEndian.AppendUint32(dst, uint32(n)), nil
		}
		return binary.AppendUvarint(dst, n), nil // of up to 28 bits it is the same
	}
}

// unappendText appends the text that a JSON value is, with its length.
func unappendText(dst, value []byte) ([]byte, error) {
	if value[0] != '"' {
		return dst, wanted("a text", value)
	}
	if inside := value[1 : len(value)-1]; !hasEscape(inside) {
		return appendData(dst, inside)
	}
	return appendData(dst, jsontext.Unescape(nil, value[1:len(value)-1]))
}

func hasEscape(inside []byte) bool {
	for _, c := range inside {
		if c == '\\' {
			return true
		}
	}
	return false
}

// unappendData appends the byte string that a JSON value is, with its length.
func unappendData(dst, value []byte, as byteStrings) ([]byte, error) {
	at := len(dst)
	dst, err := as.unappend(append(dst, 0, 0), value)
	if err != nil {
		return dst, err
	}
	n := len(dst) - at - 2
	if n > 1<<16-1 {
		return dst, errLength
	}
	binary.BigEndian.PutUint16(dst[at:], uint16(n))
	return dst, nil
}

func appendData(dst, data []byte) ([]byte, error) {
	if len(data) > 1<<16-1 {
		return dst, errLength
	}
	return append(binary.BigEndian.AppendUint16(dst, uint16(len(data))), data...), nil
}

var errLength = fmt.Errorf("want at most %d bytes", 1<<16-1)

// lengthBefore puts the length of what dst holds from an index on before it.
func lengthBefore(dst []byte, at int) []byte {
	var header [binary.MaxVarintLen64]byte
	n := binary.PutUvarint(header[:], uint64(len(dst)-at))
	dst = append(dst, header[:n]...)
	copy(dst[at+n:], dst[at:len(dst)-n])
	copy(dst[at:], header[:n])
	return dst
}
