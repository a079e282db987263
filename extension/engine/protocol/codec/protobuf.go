package codec

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strconv"

	"google.golang.org/protobuf/encoding/protowire"

	"xk6-realtime/engine/protocol/jsontext"
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

func (p *protobuf) AppendMessage(dst, text []byte) ([]byte, error) {
	return p.writeMessage(dst, text, p.send)
}

// writeMessage writes the fields of an object. null is a field that is not
// there.
func (p *protobuf) writeMessage(dst, text []byte, m *message) ([]byte, error) {
	if text[0] != '{' {
		return dst, wanted("an object", text)
	}
	err := members(text, func(name, value []byte) (err error) {
		f := m.byName[string(name)]
		switch {
		case f == nil:
			return in(name, errField)
		case value[0] == 'n':
			return nil
		case f.entry != nil:
			dst, err = p.writeMap(dst, value, f)
		case f.repeated:
			dst, err = p.writeRepeated(dst, value, f)
		default:
			dst, err = p.writeField(dst, value, f)
		}
		return in(name, err)
	})
	return dst, err
}

func (p *protobuf) writeField(dst, value []byte, f *field) ([]byte, error) {
	return p.writeValue(protowire.AppendTag(dst, f.number, f.kind.wireType()), value, f)
}

func (p *protobuf) writeRepeated(dst, value []byte, f *field) ([]byte, error) {
	if value[0] != '[' {
		return dst, wanted("a list", value)
	}
	at := len(dst)
	err := elements(value, func(i int, value []byte) (err error) {
		if f.packed {
			dst, err = p.writeValue(dst, value, f)
		} else {
			dst, err = p.writeField(dst, value, f)
		}
		if err != nil {
			err = fmt.Errorf("[%d]: %w", i, err)
		}
		return err
	})
	if err != nil || !f.packed || len(dst) == at {
		return dst, err
	}
	return tagBefore(lengthBefore(dst, at), at, f.number), nil
}

// tagBefore puts the tag of a field of bytes before what dst holds from an
// index on.
func tagBefore(dst []byte, at int, number protowire.Number) []byte {
	var header [binary.MaxVarintLen64]byte
	tag := protowire.AppendTag(header[:0], number, protowire.BytesType)
	dst = append(dst, tag...)
	copy(dst[at+len(tag):], dst[at:len(dst)-len(tag)])
	copy(dst[at:], tag)
	return dst
}

func (p *protobuf) writeMap(dst, value []byte, f *field) ([]byte, error) {
	if value[0] != '{' {
		return dst, wanted("an object", value)
	}
	key, val := f.entry.fields[0], f.entry.fields[1]
	err := members(value, func(name, value []byte) (err error) {
		dst = protowire.AppendTag(dst, f.number, protowire.BytesType)
		at := len(dst)
		dst = protowire.AppendTag(dst, key.number, key.kind.wireType())
		if dst, err = p.writeKey(dst, name, key); err != nil {
			return in(name, err)
		}
		if dst, err = p.writeField(dst, value, val); err != nil {
			return in(name, err)
		}
		dst = lengthBefore(dst, at)
		return nil
	})
	return dst, err
}

// writeKey writes a map's key, which is a text in JSON.
func (p *protobuf) writeKey(dst, name []byte, key *field) ([]byte, error) {
	switch key.kind {
	case stringKind:
		return protowire.AppendBytes(dst, name), nil
	case boolKind:
		if string(name) != "true" && string(name) != "false" {
			return dst, errors.New("want true or false")
		}
		return p.writeValue(dst, name, key)
	}
	quoted := append(append([]byte{'"'}, name...), '"')
	return p.writeValue(dst, quoted, key)
}

func (p *protobuf) writeValue(dst, value []byte, f *field) (_ []byte, err error) {
	switch f.kind {
	case messageKind:
		at := len(dst)
		if dst, err = p.writeMessage(dst, value, f.message); err != nil {
			return dst, err
		}
		return lengthBefore(dst, at), nil
	case stringKind:
		if value[0] != '"' {
			return dst, wanted("a text", value)
		}
		return protowire.AppendBytes(dst, stringOf(value)), nil
	case bytesKind:
		at := len(dst)
		if dst, err = p.bytes.unappend(dst, value); err != nil {
			return dst, err
		}
		return lengthBefore(dst, at), nil
	case boolKind:
		on, err := boolOf(value)
		return protowire.AppendVarint(dst, protowire.EncodeBool(on)), err
	case floatKind, doubleKind:
		return f.writeFloat(dst, value)
	case enumKind:
		if value[0] == '"' {
			if n, ok := f.values[string(stringOf(value))]; ok {
				return protowire.AppendVarint(dst, uint64(int64(n))), nil
			}
		}
	}
	return f.writeWhole(dst, value)
}

func (f *field) writeFloat(dst, value []byte) ([]byte, error) {
	if kindOf(value) != "a number" {
		return dst, wanted("a number", value)
	}
	n := numberOf(value)
	float := n.float
	if n.isWhole {
		if float = float64(n.magnitude); n.negative {
			float = -float
		}
	}
	if f.kind == floatKind {
		return protowire.AppendFixed32(dst, math.Float32bits(float32(float))), nil
	}
	return protowire.AppendFixed64(dst, math.Float64bits(float)), nil
}

// bounds are what a kind of whole numbers holds.
func (k kind) bounds() (least int64, most uint64) {
	switch k {
	case int32Kind, sint32Kind, sfixed32Kind, enumKind:
		return math.MinInt32, math.MaxInt32
	case int64Kind, sint64Kind, sfixed64Kind:
		return math.MinInt64, math.MaxInt64
	case uint32Kind, fixed32Kind:
		return 0, math.MaxUint32
	}
	return 0, math.MaxUint64
}

// writeWhole writes a whole number, given as a number or as its digits.
func (f *field) writeWhole(dst, value []byte) ([]byte, error) {
	least, most := f.kind.bounds()
	n, ok := wholeOf(value)
	switch {
	case !ok, !n.negative && n.magnitude > most, n.negative && n.magnitude > uint64(-least):
		what := fmt.Sprintf("a whole number from %d to %d", least, most)
		if f.kind == enumKind {
			what = "a name of the enumeration, or its number"
		}
		return dst, wanted(what, value)
	}
	bits := n.magnitude
	if n.negative {
		bits = -bits
	}
	switch f.kind {
	case sint32Kind, sint64Kind:
		return protowire.AppendVarint(dst, protowire.EncodeZigZag(int64(bits))), nil
	case fixed32Kind, sfixed32Kind:
		return protowire.AppendFixed32(dst, uint32(bits)), nil
	case fixed64Kind, sfixed64Kind:
		return protowire.AppendFixed64(dst, bits), nil
	}
	return protowire.AppendVarint(dst, bits), nil
}

// wholeOf reads a whole number, given as a number or as its digits.
func wholeOf(value []byte) (n number, ok bool) {
	digits := value
	if value[0] == '"' {
		digits = stringOf(value)
		rest := bytes.TrimPrefix(digits, []byte("-"))
		if len(rest) == 0 || jsontext.Digits(rest, 0) != len(rest) || rest[0] == '0' && len(rest) > 1 {
			return n, false
		}
	} else if kindOf(value) != "a number" {
		return n, false
	}
	n = numberOf(digits)
	return n, n.isWhole
}
