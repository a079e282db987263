//go:build linux

package main

import (
	"crypto/sha1"
	"encoding/base64"
	"encoding/binary"
	"io"
	"net"
	"net/http"
)

// socket is a WebSocket that hears a room as an event stream does: each message is the event as a
// descriptor sees it.
type socket struct{ net.Conn }

const (
	acceptSalt = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11" // RFC 6455 section 1.3
	finText    = 0x81
	finClose   = 0x88
	opcode     = 0x0F
)

// upgraded is a WebSocket that is open. A Close is answered; clients of these rooms send nothing
// else that matters.
func upgraded(w http.ResponseWriter, r *http.Request) socket {
	c, buffered, err := w.(http.Hijacker).Hijack()
	if err != nil {
		panic(err) // HTTP/1.1 always can
	}
	accept := sha1.Sum([]byte(r.Header.Get("Sec-WebSocket-Key") + acceptSalt))
	io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "+
		base64.StdEncoding.EncodeToString(accept[:])+"\r\n\r\n")
	go func() {
		defer c.Close()
		for {
			const maskBytes = 4
			var head [2]byte
			if _, err := io.ReadFull(buffered, head[:]); err != nil {
				return
			}
			if head[0]&opcode == finClose&opcode {
				c.Write([]byte{finClose, 0})
				return
			}
			if _, err := buffered.Discard(maskBytes + int(head[1]&0x7F)); err != nil { // a short one
				return
			}
		}
	}()
	return socket{c}
}

// textFrame is an unmasked frame of one text message below 64 KB.
func textFrame(text []byte) []byte {
	if len(text) < 126 {
		return append([]byte{finText, byte(len(text))}, text...)
	}
	return append(binary.BigEndian.AppendUint16([]byte{finText, 126}, uint16(len(text))), text...)
}
