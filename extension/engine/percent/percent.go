// Package percent is the percent-encoding of RFC 3986 section 2.1, byte by byte.
package percent

import "strings"

// Append appends text, with each byte encoded that does not stay.
func Append[T string | []byte](dst []byte, text T, stays func(byte) bool) []byte {
	const hex = "0123456789ABCDEF"
	for i := range len(text) {
		if c := text[i]; stays(c) {
			dst = append(dst, c)
		} else {
			dst = append(dst, '%', hex[c>>4], hex[c&0xF])
		}
	}
	return dst
}

// IsUnreserved tells which bytes JavaScript's encodeURIComponent leaves as they
// are.
func IsUnreserved(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("-_.!~*'()", c) >= 0
}

// IsCookieOctet tells which bytes may stand in a cookie's value (RFC 6265
// section 4.1.1).
func IsCookieOctet(c byte) bool {
	return c > ' ' && c < 0x7F && c != '"' && c != ',' && c != ';' && c != '\\'
}
