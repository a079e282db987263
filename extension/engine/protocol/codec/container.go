package codec

import (
	"math"
	"slices"

	"xk6-realtime/engine/protocol/jsontext"
)

// items appends values of a format that counts its elements before them:
// MessagePack and CBOR.
type items interface {
	// list and object put the head of n elements where a byte was kept free.
	list(dst []byte, at, n int) []byte
	object(dst []byte, at, n int) []byte
	text(dst, text []byte) []byte
	whole(dst []byte, negative bool, magnitude uint64) []byte
	float(dst []byte, f float64) []byte
	word(dst []byte, word byte) []byte // t, f or n
}

// appendItem appends a value of JSON in a format. text is JSON.
func appendItem[F items](f F, dst, text []byte, depth int) ([]byte, error) {
	if depth > maxDepth {
		return dst, errDepth
	}
	at, n := len(dst), 0
	var err error
	switch text[0] {
	case '{':
		dst = append(dst, 0)
		for i := jsontext.Space(text, 1); text[i] != '}'; n++ {
			end, _ := jsontext.StringEnd(text, i)
			dst = f.text(dst, stringOf(text[i:end]))
			i = jsontext.Space(text, jsontext.Space(text, end)+1)
			end = i + jsontext.ValueEnd(text[i:])
			if dst, err = appendItem(f, dst, text[i:end], depth+1); err != nil {
				return dst, err
			}
			if i = jsontext.Space(text, end); text[i] == ',' {
				i = jsontext.Space(text, i+1)
			}
		}
		return f.object(dst, at, n), nil
	case '[':
		dst = append(dst, 0)
		for i := jsontext.Space(text, 1); text[i] != ']'; n++ {
			end := i + jsontext.ValueEnd(text[i:])
			if dst, err = appendItem(f, dst, text[i:end], depth+1); err != nil {
				return dst, err
			}
			if i = jsontext.Space(text, end); text[i] == ',' {
				i = jsontext.Space(text, i+1)
			}
		}
		return f.list(dst, at, n), nil
	case '"':
		return f.text(dst, stringOf(text)), nil
	case 't', 'f', 'n':
		return f.word(dst, text[0]), nil
	}
	digits := numberOf(text)
	if digits.isWhole {
		return f.whole(dst, digits.negative, digits.magnitude), nil
	}
	return f.float(dst, digits.float), nil
}

// replaceHead puts a head of several bytes where one was kept free.
func replaceHead(dst []byte, at int, head ...byte) []byte {
	dst[at] = head[0]
	return slices.Insert(dst, at+1, head[1:]...)
}

// halfFloat reads a number of 16 bits (IEEE 754).
func halfFloat(h uint16) float64 {
	exponent, fraction := int(h>>10&0x1F), float64(h&0x3FF)
	var f float64
	switch exponent {
	case 0:
		f = math.Ldexp(fraction, -24)
	case 31:
		return math.NaN() // or infinite: neither is a number in JSON
	default:
		f = math.Ldexp(fraction+1024, exponent-25)
	}
	if h>>15 != 0 {
		return -f
	}
	return f
}
