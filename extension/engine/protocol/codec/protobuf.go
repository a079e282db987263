package codec

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strconv"

	"google.golang.org/protobuf/encoding/protowire"
)

// Type is a message or an enumeration of a schema of Protocol Buffers.
type Type struct {
	Fields map[string]*Field `json:"fields"`
	Values map[string]int32  `json:"values"`
}

// Field is a field of a message. Type is a scalar's name, or the full name of
// a message or an enumeration.
type Field struct {
	ID       int32  `json:"id"`
	Type     string `json:"type"`
	Repeated bool   `json:"repeated"`
	Packed   bool   `json:"packed"`
	Key      string `json:"key"`      // of a map, the scalar that its keys are
	Original string `json:"original"` // the name in the schema, where that is another
}

// protobuf is a schema of Protocol Buffers. A message is JSON as it is on the
// wire: what is not there is not in the JSON, either.
type protobuf struct {
	bytes         byteStrings
	send, receive *message
}

// message is a message type.
type message struct {
	name     string
	fields   []*field
	byName   map[string]*field
	repeated int // how many fields are
}

// field is a field of a message, or the value of a map's entry.
type field struct {
	name     string
	number   protowire.Number
	kind     kind
	message  *message         // of kind messageKind
	values   map[string]int32 // of kind enumKind
	names    map[int32]string
	repeated bool
	packed   bool
	ordinal  int      // among the repeated fields of its message
	entry    *message // of a map: its key is field 1, its value field 2
}

type kind uint8

const (
	boolKind kind = iota + 1
	int32Kind
	int64Kind
	uint32Kind
	uint64Kind
	sint32Kind
	sint64Kind
	fixed32Kind
	fixed64Kind
	sfixed32Kind
	sfixed64Kind
	floatKind
	doubleKind
	stringKind
	bytesKind
	enumKind
	messageKind
)

var kinds = map[string]kind{
	"bool": boolKind, "int32": int32Kind, "int64": int64Kind, "uint32": uint32Kind, "uint64": uint64Kind,
	"sint32": sint32Kind, "sint64": sint64Kind, "fixed32": fixed32Kind, "fixed64": fixed64Kind,
	"sfixed32": sfixed32Kind, "sfixed64": sfixed64Kind, "float": floatKind, "double": doubleKind,
	"string": stringKind, "bytes": bytesKind,
}

// wireType is how a value of a kind is written.
func (k kind) wireType() protowire.Type {
	switch k {
	case fixed32Kind, sfixed32Kind, floatKind:
		return protowire.Fixed32Type
	case fixed64Kind, sfixed64Kind, doubleKind:
		return protowire.Fixed64Type
	case stringKind, bytesKind, messageKind:
		return protowire.BytesType
	}
	return protowire.VarintType
}

func newProtobuf(s *Spec, as byteStrings) (Codec, error) {
	made := map[string]*message{}
	p := &protobuf{bytes: as}
	var err error
	if p.send, err = s.messageType(s.Send, made); err != nil {
		return nil, fmt.Errorf("send: %w", err)
	}
	if p.receive, err = s.messageType(s.Receive, made); err != nil {
		return nil, fmt.Errorf("receive: %w", err)
	}
	return p, nil
}

// messageType makes a message type and those of its fields.
func (s *Spec) messageType(name string, made map[string]*message) (*message, error) {
	if m := made[name]; m != nil {
		return m, nil
	}
	t := s.Types[name]
	if t == nil || t.Fields == nil {
		return nil, fmt.Errorf("want a message of the schema, got %q", name)
	}
	m := &message{name: name, byName: map[string]*field{}}
	made[name] = m
	for name, f := range t.Fields {
		compiled, err := s.field(name, f, made)
		if err != nil {
			return nil, err
		}
		m.add(compiled)
		if f.Original != "" {
			m.byName[f.Original] = compiled
		}
	}
	return m, nil
}

func (m *message) add(f *field) {
	if f.repeated {
		f.ordinal = m.repeated
		m.repeated++
	}
	m.fields = append(m.fields, f)
	m.byName[f.name] = f
}

func (s *Spec) field(name string, f *Field, made map[string]*message) (*field, error) {
	compiled := &field{name: name, number: protowire.Number(f.ID), repeated: f.Repeated, packed: f.Packed}
	switch t := s.Types[f.Type]; {
	case kinds[f.Type] != 0:
		compiled.kind = kinds[f.Type]
	case t != nil && t.Values != nil:
		compiled.kind, compiled.values = enumKind, t.Values
		compiled.names = map[int32]string{}
		for name, n := range t.Values {
			if known, ok := compiled.names[n]; !ok || name < known {
				compiled.names[n] = name
			}
		}
	default:
		m, err := s.messageType(f.Type, made)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		compiled.kind, compiled.message = messageKind, m
	}
	if f.Key == "" {
		return compiled, nil
	}
	if kinds[f.Key] == 0 {
		return nil, fmt.Errorf("%s: want a scalar as key, got %q", name, f.Key)
	}
	value := *compiled
	value.name, value.number, value.repeated = "value", 2, false
	entry := &message{byName: map[string]*field{}}
	entry.add(&field{name: "key", number: 1, kind: kinds[f.Key]})
	entry.add(&value)
	return &field{name: name, number: compiled.number, kind: messageKind, message: entry, entry: entry, repeated: true}, nil
}

func (p *protobuf) Title() string { return "a " + p.receive.name }

func (p *protobuf) AppendJSON(dst, b []byte) ([]byte, bool) {
	return p.appendMessage(dst, b, p.receive, 0)
}

// number finds a field.
func (m *message) number(n protowire.Number) *field {
	for _, f := range m.fields {
		if f.number == n {
			return f
		}
	}
	return nil
}

// appendMessage appends a message as an object. The elements of a repeated
// field, which may be anywhere in it, are put together where the first is.
func (p *protobuf) appendMessage(dst, b []byte, m *message, depth int) ([]byte, bool) {
	if depth > maxDepth {
		return dst, false
	}
	dst = append(dst, '{')
	first := true
	var seen repeatedFields
	for i := 0; i < len(b); {
		number, wireType, n := protowire.ConsumeTag(b[i:])
		if n < 0 {
			return dst, false
		}
		length := protowire.ConsumeFieldValue(number, wireType, b[i+n:])
		if length < 0 {
			return dst, false
		}
		f := m.number(number)
		value := b[i+n : i+n+length]
		if f != nil && f.takes(wireType) && !(f.repeated && seen.note(f.ordinal)) {
			dst = appendMember(dst, f.name, &first)
			ok := true
			switch {
			case f.entry != nil:
				dst, ok = p.appendMap(dst, b[i:], f, depth)
			case f.repeated:
				dst, ok = p.appendRepeated(dst, b[i:], f, depth)
			default:
				dst, ok = p.appendValue(dst, value, f, depth)
			}
			if !ok {
				return dst, false
			}
		}
		i += n + length
	}
	return append(dst, '}'), true
}

// takes tells whether a field may be written like this: numbers of a repeated
// one may be packed.
func (f *field) takes(t protowire.Type) bool {
	own := f.kind.wireType()
	return t == own || f.repeated && t == protowire.BytesType && own != protowire.BytesType
}

// repeatedFields are those of a message that have been met.
type repeatedFields struct {
	few  [4]uint64
	more map[int]bool // of a message that has a great many
}

// note tells whether a field has been met before, and notes it.
func (r *repeatedFields) note(ordinal int) (before bool) {
	if ordinal >= 64*len(r.few) {
		if before = r.more[ordinal]; !before {
			if r.more == nil {
				r.more = map[int]bool{}
			}
			r.more[ordinal] = true
		}
		return before
	}
	bit := uint64(1) << (ordinal % 64)
	before = r.few[ordinal/64]&bit != 0
	r.few[ordinal/64] |= bit
	return before
}

// each calls a function with each value of a field.
func (f *field) each(b []byte, do func(value []byte) bool) bool {
	for len(b) > 0 {
		number, t, n := protowire.ConsumeTag(b)
		if n < 0 {
			return false
		}
		length := protowire.ConsumeFieldValue(number, t, b[n:])
		if length < 0 {
			return false
		}
		value := b[n : n+length]
		b = b[n+length:]
		if number != f.number || !f.takes(t) {
			continue
		}
		own := f.kind.wireType()
		if t == own {
			if !do(value) {
				return false
			}
			continue
		}
		packed, _ := protowire.ConsumeBytes(value)
		for len(packed) > 0 {
			n := protowire.ConsumeFieldValue(f.number, own, packed)
			if n < 0 || !do(packed[:n]) {
				return false
			}
			packed = packed[n:]
		}
	}
	return true
}

func (p *protobuf) appendRepeated(dst, b []byte, f *field, depth int) ([]byte, bool) {
	dst = append(dst, '[')
	first := true
	ok := f.each(b, func(value []byte) (ok bool) {
		if !first {
			dst = append(dst, ',')
		}
		first = false
		dst, ok = p.appendValue(dst, value, f, depth)
		return ok
	})
	return append(dst, ']'), ok
}

func (p *protobuf) appendMap(dst, b []byte, f *field, depth int) ([]byte, bool) {
	dst = append(dst, '{')
	first := true
	key, val := f.entry.fields[0], f.entry.fields[1]
	ok := f.each(b, func(value []byte) (ok bool) {
		entry, _ := protowire.ConsumeBytes(value)
		if !first {
			dst = append(dst, ',')
		}
		first = false
		at := len(dst)
		if dst, ok = p.appendLast(dst, entry, key, depth); !ok {
			return false
		}
		if dst[at] != '"' {
			dst = append(dst, '"', '"')
			copy(dst[at+1:], dst[at:len(dst)-2])
			dst[at] = '"'
		}
		dst, ok = p.appendLast(append(dst, ':'), entry, val, depth)
		return ok
	})
	return append(dst, '}'), ok
}

// appendLast appends the last value of a field of a map's entry, its default
// where there is none.
func (p *protobuf) appendLast(dst, entry []byte, f *field, depth int) ([]byte, bool) {
	var last []byte
	if !f.each(entry, func(value []byte) bool { last = value; return true }) {
		return dst, false
	}
	if last != nil {
		return p.appendValue(dst, last, f, depth)
	}
	switch f.kind {
	case boolKind:
		return append(dst, "false"...), true
	case stringKind, bytesKind:
		return append(dst, `""`...), true
	case messageKind:
		return append(dst, "{}"...), true
	case enumKind:
		return f.appendEnum(dst, 0), true
	}
	return append(dst, '0'), true
}

func (f *field) appendEnum(dst []byte, n int32) []byte {
	if name, ok := f.names[n]; ok {
		return append(append(append(dst, '"'), name...), '"')
	}
	return strconv.AppendInt(dst, int64(n), 10)
}

// appendValue appends a value, which is known to be whole.
func (p *protobuf) appendValue(dst, b []byte, f *field, depth int) ([]byte, bool) {
	switch f.kind.wireType() {
	case protowire.BytesType:
		content, _ := protowire.ConsumeBytes(b)
		switch f.kind {
		case messageKind:
			return p.appendMessage(dst, content, f.message, depth+1)
		case stringKind:
			return appendText(dst, content), true
		}
		return p.bytes.append(dst, content), true
	case protowire.Fixed32Type:
		n := binary.LittleEndian.Uint32(b)
		switch f.kind {
		case floatKind:
			return appendNumber(dst, float64(math.Float32frombits(n))), true
		case sfixed32Kind:
			return strconv.AppendInt(dst, int64(int32(n)), 10), true
		}
		return strconv.AppendUint(dst, uint64(n), 10), true
	case protowire.Fixed64Type:
		n := binary.LittleEndian.Uint64(b)
		switch f.kind {
		case doubleKind:
			return appendNumber(dst, math.Float64frombits(n)), true
		case sfixed64Kind:
			return strconv.AppendInt(dst, int64(n), 10), true
		}
		return strconv.AppendUint(dst, n, 10), true
	}
	n, _ := protowire.ConsumeVarint(b)
	switch f.kind {
	case boolKind:
		return strconv.AppendBool(dst, n != 0), true
	case int32Kind:
		return strconv.AppendInt(dst, int64(int32(n)), 10), true
	case int64Kind:
		return strconv.AppendInt(dst, int64(n), 10), true
	case uint32Kind:
		return strconv.AppendUint(dst, uint64(uint32(n)), 10), true
	case sint32Kind:
		return strconv.AppendInt(dst, int64(int32(protowire.DecodeZigZag(n&math.MaxUint32))), 10), true
	case sint64Kind:
		return strconv.AppendInt(dst, protowire.DecodeZigZag(n), 10), true
	case enumKind:
		return f.appendEnum(dst, int32(n)), true
	}
	return strconv.AppendUint(dst, n, 10), true
}

var errField = errors.New("want a field of the message")
