package codec

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"google.golang.org/protobuf/encoding/protowire"

	"xk6-realtime/engine/protocol/jsontext"
)

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
