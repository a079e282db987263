// Package handshake writes and reads the opening handshake of a WebSocket
// connection (RFC 6455 section 4), from both sides. It is pure: bytes in,
// bytes and verdicts out, and nothing is allocated when all goes well.
package handshake

import (
	"crypto/sha1"
	"encoding/base64"
	"fmt"
	"strings"
	"unicode"
)

// Key is a Sec-WebSocket-Key: 16 random bytes in base64.
type Key [24]byte

// NewKey makes a Key from 16 random bytes.
func NewKey(random [16]byte) (k Key) {
	base64.StdEncoding.Encode(k[:], random[:])
	return k
}

// Accept is the Sec-WebSocket-Accept that proves that a server read the Key
// (section 4.2.2).
func (k Key) Accept() (accept [28]byte) {
	const guid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
	var both [len(k) + len(guid)]byte
	copy(both[copy(both[:], k[:]):], guid)
	sum := sha1.Sum(both[:])
	base64.StdEncoding.Encode(accept[:], sum[:])
	return accept
}

// Request is what a client asks for.
type Request struct {
	// Method and Body are for requests other than a WebSocket handshake. Default GET, without a
	// body.
	Method string
	Body   []byte
	// Host is the Host header: the authority of the URL.
	Host string
	// Path is the path with its query, as it goes on the wire. Default "/".
	Path string
	// Protocols are the subprotocols offered, the preferred one first.
	Protocols []string
	// Extensions is the offer, in the form of Sec-WebSocket-Extensions.
	Extensions string
	// Fields are further header fields, in the order they are sent.
	Fields []Field
}

// Field is one header field.
type Field struct{ Name, Value string }

// Append appends the request's head. It fails when a part cannot stand in a
// request or would override what the handshake itself sets.
func (r *Request) Append(dst []byte, key Key) ([]byte, error) {
	dst, err := r.appendLine(dst, "GET")
	if err != nil {
		return dst, err
	}
	dst = append(dst, "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: "...)
	dst = append(dst, key[:]...)
	dst = append(dst, "\r\n"...)
	for i, name := range r.Protocols {
		if !isToken(name) {
			return dst, fmt.Errorf("subprotocol %q: want a token (RFC 9110 section 5.6.2)", name)
		}
		if i == 0 {
			dst = append(dst, "Sec-WebSocket-Protocol: "...)
		} else {
			dst = append(dst, ", "...)
		}
		dst = append(dst, name...)
	}
	if len(r.Protocols) > 0 {
		dst = append(dst, "\r\n"...)
	}
	if r.Extensions != "" {
		if dst, err = appendField(dst, "Sec-WebSocket-Extensions", r.Extensions); err != nil {
			return dst, err
		}
	}
	for _, f := range r.Fields {
		if isReserved(f.Name) {
			return dst, fmt.Errorf("header %q is set by the handshake itself", f.Name)
		}
		if dst, err = appendField(dst, f.Name, f.Value); err != nil {
			return dst, err
		}
	}
	return append(dst, "\r\n"...), nil
}

// appendLine appends the request line, and the Host field behind it.
func (r *Request) appendLine(dst []byte, method string) ([]byte, error) {
	path := r.Path
	if path == "" {
		path = "/"
	}
	// The path itself is not shown: a token may be in it.
	if path[0] != '/' {
		return dst, fmt.Errorf("path: want a leading /, got %q", path[:1])
	}
	if at := strings.IndexFunc(path, notInTarget); at >= 0 {
		return dst, fmt.Errorf("path: want it percent-encoded, without #, got %q at byte %d", path[at:at+1], at)
	}
	dst = append(append(dst, method...), ' ')
	dst = append(dst, path...)
	dst = append(dst, " HTTP/1.1\r\n"...)
	return appendField(dst, "Host", r.Host)
}

func appendField(dst []byte, name, value string) ([]byte, error) {
	if !isToken(name) {
		return dst, fmt.Errorf("header name %q: want a token (RFC 9110 section 5.6.2)", name)
	}
	if !IsFieldValue(value) {
		// The value may be a secret, so it is not repeated here.
		return dst, fmt.Errorf("header %s: its value has control characters", name)
	}
	dst = append(dst, name...)
	dst = append(dst, ": "...)
	dst = append(dst, value...)
	return append(dst, "\r\n"...), nil
}

func isReserved(name string) bool {
	for _, own := range [...]string{"Upgrade", "Connection", "Sec-WebSocket-Key", "Sec-WebSocket-Version",
		"Sec-WebSocket-Protocol", "Sec-WebSocket-Extensions", "Host"} {
		if strings.EqualFold(name, own) {
			return true
		}
	}
	return false
}

func notInTarget(c rune) bool { return c <= ' ' || c >= 0x7F || c == '#' }

// IsFieldValue tells whether s can be the value of a header field: text without
// control characters. What is beyond ASCII goes on the wire as it is, in UTF-8
// (obs-text of RFC 9110 section 5.5).
func IsFieldValue(s string) bool {
	return !strings.ContainsFunc(s, func(c rune) bool { return unicode.IsControl(c) && c != '\t' })
}

func isToken(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(c rune) bool {
		return c <= ' ' || c >= 0x7F || strings.ContainsRune(`"(),/:;<=>?@[\]{}`, c)
	})
}
