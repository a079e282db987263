package handshake

import (
	"bytes"
	"encoding/base64"
)

// ReadRequest reads a client's request from the start of b, as a server does (section 4.2.1). The
// size of its head is n, or 0 when b ends before the head does; limit bounds it in bytes. The
// extensions are as in a Response.
func ReadRequest(b []byte, limit int) (key Key, extensions []byte, n int, err error) {
	if start := b[:min(len(b), len(method))]; string(start) != method[:len(start)] {
		return key, nil, 0, ErrMalformed
	}
	head := lines{rest: b[:min(len(b), limit)]}
	line, whole := head.next()
	switch {
	case !whole:
		return key, nil, 0, tooLarge(b, limit)
	case !isRequestLine(line):
		return key, nil, 0, ErrMalformed
	}
	var keys, hosts, upgrade, connection, versions, version13 int
	for {
		line, whole := head.next()
		if !whole {
			return key, nil, 0, tooLarge(b, limit)
		}
		if len(line) == 0 {
			break
		}
		name, value, err := field(line)
		if err != nil {
			return key, nil, 0, err
		}
		switch {
		case is(name, "Upgrade") && hasToken(value, "websocket"):
			upgrade++
		case is(name, "Connection") && hasToken(value, "Upgrade"):
			connection++
		case is(name, "Host"):
			hosts++
		case is(name, "Sec-WebSocket-Version"):
			versions++
			if string(value) == "13" {
				version13++
			}
		case is(name, "Sec-WebSocket-Key"):
			var decoded [18]byte
			if size, err := base64.StdEncoding.Decode(decoded[:], value[:min(len(value), len(key))]); err != nil ||
				size != 16 || copy(key[:], value) != len(value) {
				return key, nil, 0, ErrUpgrade
			}
			keys++
		case is(name, "Sec-WebSocket-Extensions"):
			extensions = joined(extensions, value)
		}
	}
	switch {
	case hosts != 1:
		return key, nil, 0, ErrMalformed
	case upgrade == 0 || connection == 0:
		return key, nil, 0, ErrUpgrade
	case versions != 1 || version13 != 1:
		return key, nil, 0, ErrVersion
	case keys != 1:
		return key, nil, 0, ErrUpgrade
	}
	return key, extensions, min(len(b), limit) - len(head.rest), nil
}

const method = "GET "

// isRequestLine tells whether a line that begins with method has a target, and
// a version from HTTP/1.1 on (RFC 9112 section 3, RFC 6455 section 4.2.1).
func isRequestLine(line []byte) bool {
	const version = "HTTP/1."
	target, minor, found := bytes.Cut(line[len(method):], []byte(" "+version))
	return found && len(target) > 0 && !bytes.ContainsFunc(target, isNoVisible) &&
		len(minor) == 1 && minor[0] >= '1' && minor[0] <= '9'
}

func isNoVisible(r rune) bool { return r <= ' ' || r == 0x7f }

// AppendResponse appends the answer to a request with key. extensions is what it
// says of them, "" for nothing.
func AppendResponse(dst []byte, key Key, extensions string) []byte {
	accept := key.Accept()
	dst = append(dst, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "...)
	dst = append(dst, accept[:]...)
	if extensions != "" {
		dst = append(append(dst, "\r\nSec-WebSocket-Extensions: "...), extensions...)
	}
	return append(dst, "\r\n\r\n"...)
}
