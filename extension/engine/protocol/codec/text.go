package codec

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"math"
	"strconv"
	"unicode/utf8"
	"unsafe"

	"xk6-realtime/engine/protocol/jsontext"
)

// byteStrings is how byte strings are written in JSON.
type byteStrings uint8

const (
	asBase64 byteStrings = iota
	asJSON               // an object or a list where they hold one, otherwise base64
)

// appendText appends a text as a JSON string. Bytes that are not UTF-8 become
// U+FFFD.
func appendText(dst, text []byte) []byte {
	if !utf8.Valid(text) {
		text = bytes.ToValidUTF8(text, []byte("\uFFFD"))
	}
	return jsontext.AppendString(dst, text)
}

// append appends a byte string as JSON.
func (s byteStrings) append(dst, b []byte) []byte {
	if s == asJSON && holdsJSON(b) {
		return append(dst, b...)
	}
	dst = append(dst, '"')
	dst = base64.StdEncoding.AppendEncode(dst, b)
	return append(dst, '"')
}

// holdsJSON tells whether a byte string is an object or a list of JSON.
func holdsJSON(b []byte) bool {
	at := jsontext.Space(b, 0)
	return at < len(b) && (b[at] == '{' || b[at] == '[') && utf8.Valid(b) && jsontext.Valid(b)
}

// unappend appends the byte string that a JSON value stands for: an object or
// a list is itself, a string is base64.
func (s byteStrings) unappend(dst, value []byte) ([]byte, error) {
	if s == asJSON && (value[0] == '{' || value[0] == '[') {
		return append(dst, value...), nil
	}
	if value[0] != '"' {
		return dst, s.wanted(value)
	}
	out, err := base64.StdEncoding.AppendDecode(dst, stringOf(value))
	if err != nil {
		return dst, s.wanted(value)
	}
	return out, nil
}

func (s byteStrings) wanted(value []byte) error {
	if s == asJSON {
		return wanted("an object, a list or base64", value)
	}
	return wanted("base64", value)
}

// wanted says what a JSON value should have been, without saying what it is: it
// may be a secret.
func wanted(what string, value []byte) error {
	return fmt.Errorf("want %s, got %s", what, kindOf(value))
}

func kindOf(value []byte) string {
	switch value[0] {
	case '{':
		return "an object"
	case '[':
		return "a list"
	case '"':
		return "a text"
	case 't', 'f':
		return "a boolean"
	case 'n':
		return "null"
	}
	return "a number"
}

// stringOf is what a JSON string says. It allocates only where there is an
// escape in it.
func stringOf(value []byte) []byte {
	inside := value[1 : len(value)-1]
	if bytes.IndexByte(inside, '\\') < 0 {
		return inside
	}
	return jsontext.Unescape(nil, inside)
}

// appendNumber appends a floating-point number as JavaScript writes it. What
// is no number in JSON is null.
func appendNumber(dst []byte, f float64) []byte {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return append(dst, "null"...)
	}
	if f == math.Trunc(f) && math.Abs(f) < 1<<53 {
		return strconv.AppendInt(dst, int64(f), 10) // -0 is 0, too
	}
	format := byte('f')
	if abs := math.Abs(f); abs < 1e-6 || abs >= 1e21 {
		format = 'e'
	}
	dst = strconv.AppendFloat(dst, f, format, -1, 64)
	if n := len(dst); format == 'e' && n >= 4 && dst[n-4] == 'e' && dst[n-2] == '0' {
		dst[n-2] = dst[n-1] // e-07 is e-7
		dst = dst[:n-1]
	}
	return dst
}

// number is a number of JSON: a whole one by sign and magnitude, another as
// floating point.
type number struct {
	isWhole   bool
	negative  bool
	magnitude uint64
	float     float64
}

// numberOf reads the digits of a JSON number. One without a fraction is whole,
// however it is written, as long as it is exact.
func numberOf(digits []byte) number {
	n := number{negative: digits[0] == '-'}
	rest := digits
	if n.negative {
		rest = digits[1:]
	}
	if len(rest) <= 20 && jsontext.Digits(rest, 0) == len(rest) {
		magnitude, err := strconv.ParseUint(unsafe.String(unsafe.SliceData(rest), len(rest)), 10, 64)
		if err == nil && (!n.negative || magnitude <= 1<<63) {
			n.isWhole, n.magnitude = true, magnitude
			return n
		}
	}
	n.float, _ = strconv.ParseFloat(unsafe.String(unsafe.SliceData(digits), len(digits)), 64)
	if n.float == math.Trunc(n.float) && math.Abs(n.float) < 1<<53 {
		n.isWhole, n.magnitude = true, uint64(math.Abs(n.float))
	}
	return n
}

// uintOf reads a whole number from 0 to most, written as a number or as the
// digits of one in a text.
func uintOf(value []byte, most uint64) (uint64, error) {
	digits := value
	if value[0] == '"' {
		digits = stringOf(value)
	}
	if len(digits) > 0 && jsontext.Digits(digits, 0) == len(digits) {
		if n := numberOf(digits); n.isWhole && n.magnitude <= most {
			return n.magnitude, nil
		}
	}
	return 0, fmt.Errorf("want a whole number from 0 to %d, got %s", most, kindOf(value))
}

func boolOf(value []byte) (bool, error) {
	switch value[0] {
	case 't':
		return true, nil
	case 'f':
		return false, nil
	}
	return false, wanted("true or false", value)
}

// members calls each with the members of the object that text begins with,
// up to the first error. text is JSON.
func members(text []byte, each func(name, value []byte) error) error {
	i := jsontext.Space(text, 1)
	for text[i] != '}' {
		end, _ := jsontext.StringEnd(text, i)
		name := stringOf(text[i:end])
		i = jsontext.Space(text, jsontext.Space(text, end)+1)
		end = i + jsontext.ValueEnd(text[i:])
		if err := each(name, text[i:end]); err != nil {
			return err
		}
		if i = jsontext.Space(text, end); text[i] == ',' {
			i = jsontext.Space(text, i+1)
		}
	}
	return nil
}

// elements calls each with the elements of the list that text begins with, up
// to the first error. text is JSON.
func elements(text []byte, each func(i int, value []byte) error) error {
	i := jsontext.Space(text, 1)
	for n := 0; text[i] != ']'; n++ {
		end := i + jsontext.ValueEnd(text[i:])
		if err := each(n, text[i:end]); err != nil {
			return err
		}
		if i = jsontext.Space(text, end); text[i] == ',' {
			i = jsontext.Space(text, i+1)
		}
	}
	return nil
}

// in says of which field an error is.
func in[T string | []byte](field T, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", field, err)
}
