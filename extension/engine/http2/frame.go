// Package http2 is HTTP/2 (RFC 9113) as far as WebSockets (RFC 8441) and event
// streams need it: one connection's frames, settings, header compression, streams
// and flow control, on either side. It is handed bytes with their arrival and gives
// bytes back; it knows neither sockets nor what streams are for.
package http2

import (
	"encoding/binary"
	"fmt"
)

// Preface is what a client sends first (RFC 9113 section 3.4).
const Preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

type frameType uint8

// RFC 9113 section 6.
const (
	frameData         frameType = 0
	frameHeaders      frameType = 1
	framePriority     frameType = 2
	frameReset        frameType = 3
	frameSettings     frameType = 4
	framePush         frameType = 5
	framePing         frameType = 6
	frameGoAway       frameType = 7
	frameWindow       frameType = 8
	frameContinuation frameType = 9
)

const (
	flagAck        = 0x01 // of SETTINGS and PING
	flagEndStream  = 0x01 // of DATA and HEADERS
	flagEndHeaders = 0x04
	flagPadded     = 0x08
	flagPriority   = 0x20
)

const (
	headerBytes = 9
	// frameBytes is the largest payload that is taken, and the least that every
	// peer takes (section 4.2).
	frameBytes    = 16 << 10
	maxFrameBytes = 1<<24 - 1
	maxWindow     = 1<<31 - 1
	defaultWindow = 1<<16 - 1
)

type frameHeader struct {
	length   int
	kind     frameType
	flags    uint8
	streamID uint32
}

func (h *frameHeader) has(flag uint8) bool { return h.flags&flag != 0 }

func parseHeader(b []byte) frameHeader {
	return frameHeader{
		length:   int(b[0])<<16 | int(b[1])<<8 | int(b[2]),
		kind:     frameType(b[3]),
		flags:    b[4],
		streamID: binary.BigEndian.Uint32(b[5:]) &^ (1 << 31),
	}
}

// http1 is what the start of an answer by HTTP/1.1 looks like as a header.
var http1 = parseHeader([]byte("HTTP/1.1 "))

const speaksHTTP1 = "the peer answers by HTTP/1.1"

// isHTTP1 tells whether a header is the start of an answer by any HTTP/1.
func (h *frameHeader) isHTTP1() bool {
	const version = 16 // bits of the streamID, from which on "1." stands
	return h.length == http1.length && h.kind == http1.kind && h.flags == http1.flags &&
		h.streamID>>version == http1.streamID>>version
}

func appendHeader(dst []byte, length int, kind frameType, flags uint8, streamID uint32) []byte {
	dst = append(dst, byte(length>>16), byte(length>>8), byte(length), byte(kind), flags)
	return binary.BigEndian.AppendUint32(dst, streamID)
}

// Code is an error code (section 7).
type Code uint32

// The error codes that this package itself sends.
const (
	NoError          Code = 0
	ProtocolError    Code = 1
	FlowControlError Code = 3
	StreamClosed     Code = 5
	FrameSizeError   Code = 6
	RefusedStream    Code = 7
	Cancel           Code = 8
	CompressionError Code = 9
	EnhanceYourCalm  Code = 11
)

var codeNames = [...]string{"NO_ERROR", "PROTOCOL_ERROR", "INTERNAL_ERROR", "FLOW_CONTROL_ERROR",
	"SETTINGS_TIMEOUT", "STREAM_CLOSED", "FRAME_SIZE_ERROR", "REFUSED_STREAM", "CANCEL",
	"COMPRESSION_ERROR", "CONNECT_ERROR", "ENHANCE_YOUR_CALM", "INADEQUATE_SECURITY", "HTTP_1_1_REQUIRED"}

// String is the code as the RFC names it.
func (c Code) String() string {
	if int(c) < len(codeNames) {
		return codeNames[c]
	}
	return fmt.Sprintf("error code %d", uint32(c))
}

// Error is how the peer broke HTTP/2 for the connection as a whole.
type Error struct {
	Code   Code
	Detail string
}

func (e *Error) Error() string { return fmt.Sprintf("http2: %s: %s", e.Code, e.Detail) }

func broken(code Code, detail string) *Error { return &Error{code, detail} }
