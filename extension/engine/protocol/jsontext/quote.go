// Package jsontext finds, reads and writes the values of JSON text (RFC 8259) where
// they stand, without building anything.
package jsontext

import "unicode/utf8"

func hex4(b []byte, i int) (r rune, ok bool) {
	if i+4 > len(b) {
		return 0, false
	}
	for _, c := range b[i : i+4] {
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c|0x20 >= 'a' && c|0x20 <= 'f':
			c = c | 0x20 - 'a' + 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	return r, true
}

// Unescape appends what the inside of a JSON string says. A lone surrogate
// becomes U+FFFD.
func Unescape(dst, inside []byte) []byte {
	for i := 0; i < len(inside); i++ {
		c := inside[i]
		if c != '\\' {
			dst = append(dst, c)
			continue
		}
		i++
		switch inside[i] {
		case 'b':
			dst = append(dst, '\b')
		case 'f':
			dst = append(dst, '\f')
		case 'n':
			dst = append(dst, '\n')
		case 'r':
			dst = append(dst, '\r')
		case 't':
			dst = append(dst, '\t')
		case 'u':
			r, _ := hex4(inside, i+1)
			i += 4
			if r >= 0xD800 && r < 0xDC00 && i+6 < len(inside) && inside[i+1] == '\\' && inside[i+2] == 'u' {
				if low, _ := hex4(inside, i+3); low >= 0xDC00 && low < 0xE000 {
					r = (r-0xD800)<<10 + (low - 0xDC00) + 0x10000
					i += 6
				}
			}
			dst = utf8.AppendRune(dst, r)
		default: // a quote, a slash or a backslash
			dst = append(dst, inside[i])
		}
	}
	return dst
}

// AppendString appends text as a JSON string, written as JavaScript writes it.
func AppendString(dst, text []byte) []byte {
	return append(AppendInside(append(dst, '"'), text), '"')
}

// AppendInside is AppendString without the quotes.
func AppendInside(dst, text []byte) []byte {
	const hex = "0123456789abcdef"
	for from := 0; ; {
		i := special(text, from)
		dst = append(dst, text[from:i]...)
		if i == len(text) {
			return dst
		}
		switch c := text[i]; c {
		case '"', '\\':
			dst = append(dst, '\\', c)
		case '\b':
			dst = append(dst, `\b`...)
		case '\f':
			dst = append(dst, `\f`...)
		case '\n':
			dst = append(dst, `\n`...)
		case '\r':
			dst = append(dst, `\r`...)
		case '\t':
			dst = append(dst, `\t`...)
		default:
			dst = append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&0xF])
		}
		from = i + 1
	}
}
