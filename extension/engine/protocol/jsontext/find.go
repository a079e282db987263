package jsontext

import (
	"encoding/binary"
	"math/bits"
	"strings"
)

// ValueEnd returns where the value that b begins with ends. b is of a document
// that is known to be JSON.
func ValueEnd(b []byte) int {
	depth := 0
	for i := 0; ; {
		switch b[i] {
		case '"':
			i, _ = StringEnd(b, i)
		case '{', '[':
			depth++
			i++
		case '}', ']':
			depth--
			i++
		case ',', ':', ' ', '\n', '\t', '\r':
			i++
		default: // a number or a word
			for i < len(b) && strings.IndexByte(",]} \n\t\r", b[i]) < 0 {
				i++
			}
		}
		if depth == 0 {
			return i
		}
	}
}

// Space returns where the white space ends that begins at i.
func Space(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\n' || b[i] == '\t' || b[i] == '\r') {
		i++
	}
	return i
}

// StringEnd returns where the string that begins at i ends, -1 for none, and
// whether it has escapes. That the text is UTF-8 was checked before.
func StringEnd(b []byte, i int) (end int, escaped bool) {
	for i = special(b, i+1); i < len(b); i = special(b, i+1) {
		switch b[i] {
		case '"':
			return i + 1, escaped
		case '\\':
			escaped = true
			i++
			if i >= len(b) {
				return -1, true
			}
			switch b[i] {
			case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
			case 'u':
				if _, ok := hex4(b, i+1); !ok {
					return -1, true
				}
				i += 4
			default:
				return -1, true
			}
		default:
			return -1, escaped
		}
	}
	return -1, escaped
}

// special returns the first place from i on of a quote, a backslash or a
// control character, len(b) for none. It looks at eight bytes at once: a borrow
// may mark a byte wrongly, but only above one that is marked rightly.
func special(b []byte, i int) int {
	const each, top = 0x0101010101010101, 0x8080808080808080
	for ; i+8 <= len(b); i += 8 {
		w := binary.LittleEndian.Uint64(b[i:])
		quote, backslash := w^each*'"', w^each*'\\'
		if marks := ((w-each*' ')&^w | (quote-each)&^quote | (backslash-each)&^backslash) & top; marks != 0 {
			return i + bits.TrailingZeros64(marks)/8
		}
	}
	for ; i < len(b); i++ {
		if c := b[i]; c < ' ' || c == '"' || c == '\\' {
			return i
		}
	}
	return i
}

// NumberEnd returns where the number that begins at i ends, -1 for none.
func NumberEnd(b []byte, i int) int {
	if b[i] == '-' {
		i++
	}
	switch {
	case i < len(b) && b[i] == '0':
		i++
	default:
		if i = Digits(b, i); i < 0 {
			return -1
		}
	}
	if i < len(b) && b[i] == '.' {
		if i = Digits(b, i+1); i < 0 {
			return -1
		}
	}
	if i < len(b) && (b[i] == 'e' || b[i] == 'E') {
		i++
		if i < len(b) && (b[i] == '+' || b[i] == '-') {
			i++
		}
		i = Digits(b, i)
	}
	return i
}

// Digits returns where one or more digits end, -1 for none.
func Digits(b []byte, i int) int {
	start := i
	for i < len(b) && b[i] >= '0' && b[i] <= '9' {
		i++
	}
	if i == start {
		return -1
	}
	return i
}

// LiteralEnd returns where the true, false or null that begins at i ends, -1 for
// none.
func LiteralEnd(b []byte, i int) int {
	for _, word := range [...]string{"true", "false", "null"} {
		if len(b)-i >= len(word) && string(b[i:i+len(word)]) == word {
			return i + len(word)
		}
	}
	return -1
}
