//go:build linux

package main

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"io"
)

// compressedText begins a finished frame with a whole compressed message (RFC 7692 section 6).
const compressedText = wholeText | 0x40

// inflater inflates messages that refer to no earlier ones. Many subscribers get the same one.
type inflater map[string][]byte

// plain is a packet's data with its messages inflated. Frames must be whole: in a packet that
// begins or ends within one, that one stays as it is.
func (f inflater) plain(data []byte) []byte {
	if len(data) == 0 || data[0] != compressedText {
		return data
	}
	var all []byte
	for len(data) > 0 {
		payload, rest, ok := cutFrame(data)
		if !ok {
			return append(all, data...)
		}
		if data[0] == compressedText {
			payload = f.inflated(payload)
		}
		all, data = append(all, payload...), rest
	}
	return all
}

// cutFrame takes a server's frame, which is not masked, from the front of data (RFC 6455 section 5.2).
func cutFrame(data []byte) (payload, rest []byte, ok bool) {
	if len(data) < 2 {
		return nil, nil, false
	}
	begin, length := 2, uint64(data[1])
	switch {
	case length == 126 && len(data) >= 4:
		begin, length = 4, uint64(binary.BigEndian.Uint16(data[2:]))
	case length == 127 && len(data) >= 10:
		begin, length = 10, binary.BigEndian.Uint64(data[2:])
	case length > 125:
		return nil, nil, false
	}
	if length > uint64(len(data)-begin) {
		return nil, nil, false
	}
	return data[begin:][:length], data[begin:][length:], true
}

// inflated is a message, as far as it can be inflated.
func (f inflater) inflated(payload []byte) []byte {
	if known, ok := f[string(payload)]; ok {
		return known
	}
	// What the sender left out (RFC 7692 section 7.2.2), and a last block.
	const tail = "\x00\x00\xff\xff\x01\x00\x00\xff\xff"
	message, _ := io.ReadAll(flate.NewReader(io.MultiReader(bytes.NewReader(payload), bytes.NewReader([]byte(tail)))))
	f[string(payload)] = message
	return message
}
