//go:build linux

package main

import (
	"io"
	"net"
	"net/http"

	"xk6-realtime/engine/handshake"
)

// socket is a WebSocket that hears a room as an event stream does: each message is the event as a
// descriptor sees it.
type socket struct{ net.Conn }

const (
	finClose = 0x88
	opcode   = 0x0F
)

// upgraded is a WebSocket that is open. A Close is answered; clients of these rooms send nothing
// else that matters.
func upgraded(w http.ResponseWriter, r *http.Request) socket {
	c, buffered, err := w.(http.Hijacker).Hijack()
	if err != nil {
		panic(err) // HTTP/1.1 always can
	}
	var key handshake.Key
	copy(key[:], r.Header.Get("Sec-WebSocket-Key"))
	accept := key.Accept()
	io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "+
		string(accept[:])+"\r\n\r\n")
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
