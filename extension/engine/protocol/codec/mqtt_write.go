package codec

import (
	"encoding/binary"
	"fmt"
)

// fields of the packets that a client sends, as JSON; one that is not given is
// nil.
type fields struct {
	cmd, clientID, clean, keepalive, username, password, will []byte
	topic, payload, qos, dup, retain, messageID               []byte
	reasonCode, subscriptions, unsubscriptions, properties    []byte
	noLocal, retainAsPublished, retainHandling                []byte
}

// field is where the value of a name is kept, nil for an unknown one.
func (f *fields) field(name []byte) *[]byte {
	switch string(name) {
	case "cmd":
		return &f.cmd
	case "clientId":
		return &f.clientID
	case "clean":
		return &f.clean
	case "keepalive":
		return &f.keepalive
	case "username":
		return &f.username
	case "password":
		return &f.password
	case "will":
		return &f.will
	case "topic":
		return &f.topic
	case "payload":
		return &f.payload
	case "qos":
		return &f.qos
	case "dup":
		return &f.dup
	case "retain":
		return &f.retain
	case "messageId":
		return &f.messageID
	case "reasonCode":
		return &f.reasonCode
	case "subscriptions":
		return &f.subscriptions
	case "unsubscriptions":
		return &f.unsubscriptions
	case "properties":
		return &f.properties
	case "nl":
		return &f.noLocal
	case "rap":
		return &f.retainAsPublished
	case "rh":
		return &f.retainHandling
	}
	return nil
}

// read reads the members of an object; null counts as absent.
func (f *fields) read(text []byte) error {
	if text[0] != '{' {
		return wanted("an object", text)
	}
	return members(text, func(name, value []byte) error {
		to := f.field(name)
		if to == nil {
			return fmt.Errorf("%s: want a field of an MQTT packet", name)
		}
		if value[0] != 'n' {
			*to = value
		}
		return nil
	})
}

// AppendMessage writes the packet that has the name in cmd.
func (m *mqtt) AppendMessage(dst, text []byte) ([]byte, error) {
	var f fields
	if err := f.read(text); err != nil {
		return dst, err
	}
	if f.cmd == nil || f.cmd[0] != '"' {
		return dst, fmt.Errorf(`cmd: want a packet's name such as "publish"`)
	}
	kind, cmd := 0, stringOf(f.cmd)
	for i, name := range packetNames {
		if name != "" && name == string(cmd) {
			kind = i
		}
	}
	at := len(dst)
	dst, flags, err := m.appendBody(dst, kind, &f)
	if err != nil {
		return dst, err
	}
	if n := len(dst) - at; n > maxRemaining {
		return dst, fmt.Errorf("want a packet of at most %d bytes, got %d", maxRemaining, n)
	}
	dst = append(lengthBefore(dst, at), 0)
	copy(dst[at+1:], dst[at:])
	dst[at] = byte(kind<<4) | flags
	return dst, nil
}

func (m *mqtt) appendBody(dst []byte, kind int, f *fields) (_ []byte, flags byte, err error) {
	switch kind {
	case publishPacket:
		return m.unappendPublish(dst, f)
	case connectPacket:
		dst, err = m.unappendConnect(dst, f)
	case pubackPacket, pubrecPacket, pubcompPacket:
		dst, err = m.unappendAck(dst, f)
	case pubrelPacket:
		flags = 2
		dst, err = m.unappendAck(dst, f)
	case subscribePacket:
		flags = 2
		dst, err = m.unappendSubscribe(dst, f)
	case unsubscribePacket:
		flags = 2
		dst, err = m.unappendUnsubscribe(dst, f)
	case pingreqPacket:
	case disconnectPacket:
		dst, err = m.unappendReason(dst, f)
	case authPacket:
		if !m.is5 {
			return dst, 0, fmt.Errorf("cmd: want a packet of MQTT 3.1.1")
		}
		dst, err = m.unappendReason(dst, f)
	default:
		return dst, 0, fmt.Errorf("cmd: want a packet that a client sends, such as \"publish\"")
	}
	return dst, flags, err
}

// packetID is a packet's identifier, which is never 0: what two bytes do not hold
// goes round, so that 65536 is 1, and 0 is 65535.
func (f *fields) packetID() (uint16, error) {
	id := orNull(f.messageID)
	n, err := uintOf(id, 1<<64-1)
	if err != nil {
		return 0, in("messageId", wanted("a whole number from 0", id))
	}
	const most = 1<<16 - 1
	return uint16((n%most+most-1)%most + 1), nil
}

// orNull is a value, null where there is none.
func orNull(value []byte) []byte {
	if value == nil {
		return []byte("null")
	}
	return value
}

// optional is a number, 0 where it is not given.
func optional(name string, value []byte, most uint64) (uint64, error) {
	if value == nil {
		return 0, nil
	}
	n, err := uintOf(value, most)
	return n, in(name, err)
}

// flag is a bit where it is given as true.
func flag(name string, value []byte, bit byte) (byte, error) {
	if value == nil {
		return 0, nil
	}
	on, err := boolOf(value)
	if !on {
		bit = 0
	}
	return bit, in(name, err)
}

func (m *mqtt) unappendPublish(dst []byte, f *fields) (_ []byte, flags byte, err error) {
	qos, err := optional("qos", f.qos, 2)
	if err != nil {
		return dst, 0, err
	}
	dup, err := flag("dup", f.dup, 8)
	if err != nil {
		return dst, 0, err
	}
	retain, err := flag("retain", f.retain, 1)
	if err != nil {
		return dst, 0, err
	}
	flags = dup | byte(qos)<<1 | retain
	if dst, err = unappendText(dst, orNull(f.topic)); err != nil {
		return dst, 0, in("topic", err)
	}
	if qos > 0 {
		id, err := f.packetID()
		if err != nil {
			return dst, 0, err
		}
		dst = binary.BigEndian.AppendUint16(dst, id)
	}
	if dst, err = m.unappendProperties(dst, f); err != nil {
		return dst, 0, err
	}
	if f.payload != nil {
		dst, err = m.bytes.unappend(dst, f.payload)
	}
	return dst, flags, in("payload", err)
}

func (m *mqtt) unappendProperties(dst []byte, f *fields) ([]byte, error) {
	if !m.is5 {
		if f.properties != nil {
			return dst, fmt.Errorf("properties: want none in MQTT 3.1.1")
		}
		return dst, nil
	}
	dst, err := unappendProperties(dst, f.properties)
	return dst, in("properties", err)
}

// Flags of connect (MQTT 5 section 3.1.2.3).
const (
	cleanFlag    = 0x02
	willFlag     = 0x04
	willRetain   = 0x20
	passwordFlag = 0x40
	usernameFlag = 0x80
)

func (m *mqtt) unappendConnect(dst []byte, f *fields) ([]byte, error) {
	version := byte(4)
	if m.is5 {
		version = 5
	}
	flags, err := byte(cleanFlag), error(nil)
	if f.clean != nil {
		if flags, err = flag("clean", f.clean, cleanFlag); err != nil {
			return dst, err
		}
	}
	if f.username != nil {
		flags |= usernameFlag
	}
	if f.password != nil {
		flags |= passwordFlag
	}
	var will fields
	if f.will != nil {
		if err := will.read(f.will); err != nil {
			return dst, in("will", err)
		}
		qos, err := optional("will.qos", will.qos, 2)
		if err != nil {
			return dst, err
		}
		retain, err := flag("will.retain", will.retain, willRetain)
		if err != nil {
			return dst, err
		}
		flags |= willFlag | byte(qos)<<3 | retain
	}
	keepalive, err := optional("keepalive", f.keepalive, 1<<16-1)
	if err != nil {
		return dst, err
	}
	dst = append(dst, 0, 4, 'M', 'Q', 'T', 'T', version, flags)
	dst = binary.BigEndian.AppendUint16(dst, uint16(keepalive))
	if dst, err = m.unappendProperties(dst, f); err != nil {
		return dst, err
	}
	if f.clientID == nil {
		dst = append(dst, 0, 0)
	} else if dst, err = unappendText(dst, f.clientID); err != nil {
		return dst, in("clientId", err)
	}
	if f.will != nil {
		if dst, err = m.unappendWill(dst, &will); err != nil {
			return dst, in("will", err)
		}
	}
	for _, text := range [...]struct {
		name  string
		value []byte
	}{{"username", f.username}, {"password", f.password}} {
		if text.value == nil {
			continue
		}
		if dst, err = unappendText(dst, text.value); err != nil {
			return dst, in(text.name, err)
		}
	}
	return dst, nil
}

func (m *mqtt) unappendWill(dst []byte, will *fields) ([]byte, error) {
	if will.topic == nil || will.payload == nil {
		return dst, fmt.Errorf(`want a "topic" and a "payload"`)
	}
	dst, err := m.unappendProperties(dst, will)
	if err != nil {
		return dst, err
	}
	if dst, err = unappendText(dst, will.topic); err != nil {
		return dst, in("topic", err)
	}
	dst, err = unappendData(dst, will.payload, m.bytes)
	return dst, in("payload", err)
}

func (m *mqtt) unappendAck(dst []byte, f *fields) ([]byte, error) {
	id, err := f.packetID()
	if err != nil {
		return dst, err
	}
	return m.unappendReason(binary.BigEndian.AppendUint16(dst, id), f)
}

// unappendReason appends a reason code and properties, both left out where
// there are none.
func (m *mqtt) unappendReason(dst []byte, f *fields) ([]byte, error) {
	code, err := optional("reasonCode", f.reasonCode, 255)
	if err != nil {
		return dst, err
	}
	if !m.is5 && f.reasonCode != nil {
		return dst, fmt.Errorf("reasonCode: want none in MQTT 3.1.1")
	}
	if code == 0 && f.properties == nil {
		return dst, nil
	}
	if m.is5 {
		dst = append(dst, byte(code))
	}
	return m.unappendProperties(dst, f)
}

func (m *mqtt) unappendSubscribe(dst []byte, f *fields) ([]byte, error) {
	dst, err := m.unappendListHead(dst, f, "subscriptions", f.subscriptions)
	if err != nil {
		return dst, err
	}
	err = elements(f.subscriptions, func(i int, value []byte) error {
		var s fields
		field := fmt.Sprintf("subscriptions[%d]", i)
		if err := s.read(value); err != nil {
			return in(field, err)
		}
		var err error
		if dst, err = unappendText(dst, orNull(s.topic)); err != nil {
			return in(field, in("topic", err))
		}
		options, err := m.subscriptionOptions(&s)
		dst = append(dst, options)
		return in(field, err)
	})
	return dst, err
}

// subscriptionOptions are those of a subscription (MQTT 5 section 3.8.3.1).
func (m *mqtt) subscriptionOptions(s *fields) (byte, error) {
	qos, err := optional("qos", s.qos, 2)
	if err != nil {
		return 0, err
	}
	if !m.is5 && (s.noLocal != nil || s.retainAsPublished != nil || s.retainHandling != nil) {
		return 0, fmt.Errorf("want none of nl, rap and rh in MQTT 3.1.1")
	}
	noLocal, err := flag("nl", s.noLocal, 4)
	if err != nil {
		return 0, err
	}
	asPublished, err := flag("rap", s.retainAsPublished, 8)
	if err != nil {
		return 0, err
	}
	handling, err := optional("rh", s.retainHandling, 2)
	return byte(qos) | noLocal | asPublished | byte(handling)<<4, err
}

func (m *mqtt) unappendUnsubscribe(dst []byte, f *fields) ([]byte, error) {
	dst, err := m.unappendListHead(dst, f, "unsubscriptions", f.unsubscriptions)
	if err != nil {
		return dst, err
	}
	err = elements(f.unsubscriptions, func(i int, value []byte) (err error) {
		dst, err = unappendText(dst, value)
		return in(fmt.Sprintf("unsubscriptions[%d]", i), err)
	})
	return dst, err
}

func (m *mqtt) unappendListHead(dst []byte, f *fields, name string, list []byte) ([]byte, error) {
	if list == nil || list[0] != '[' {
		return dst, fmt.Errorf("%s: want a list", name)
	}
	id, err := f.packetID()
	if err != nil {
		return dst, err
	}
	return m.unappendProperties(binary.BigEndian.AppendUint16(dst, id), f)
}
