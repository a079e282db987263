package engine

import (
	"xk6-realtime/engine/wire"
)

// wireKind is which wire stands above a connection. A byte tells them apart: the
// wire is asked for once each time that the connection is read.
type wireKind uint8

const (
	webSocket wireKind = iota
	eventStream
	streams // of HTTP/2, which are connections of their own: see carrier
)

func (c *Conn) wireOpen() bool {
	if c.wire == eventStream {
		return c.stream.IsOpen()
	}
	return c.socket.IsOpen()
}

func (c *Conn) wireLate() {
	if c.wire == eventStream {
		c.stream.Late((*link)(c))
	} else {
		c.socket.Late((*link)(c))
	}
}

func (c *Conn) wireClose(code uint16, reason string) {
	if c.wire == eventStream {
		c.stream.Close((*link)(c))
	} else {
		c.socket.Close((*link)(c), c.loop.sockets, code, reason)
	}
}

func (c *Conn) wireAbandon() {
	if c.wire == eventStream {
		c.stream.Abandon()
	} else {
		c.socket.Abandon()
	}
}

// wireCut: the peer broke off the stream of HTTP/2, in a way that has a name.
func (c *Conn) wireCut(name, text string) {
	if c.wire == eventStream {
		c.stream.Cut((*link)(c), ByServer, name, text)
	} else {
		c.socket.Cut((*link)(c), ByServer, name, text)
	}
}

// wireEnded: the peer's bytes ended, by a FIN or else.
func (c *Conn) wireEnded(by wire.By, fin bool) {
	if c.wire == eventStream {
		c.stream.Ended((*link)(c), by, fin)
	} else {
		c.socket.Ended((*link)(c), by)
	}
}

func (c *Conn) wireEnd() wire.End {
	if c.wire == eventStream {
		return c.stream.End()
	}
	return c.socket.End()
}

func (c *Conn) wireRelease() {
	if c.wire == eventStream {
		c.stream.Release(c.loop.streams)
	} else {
		c.socket.Release(c.loop.sockets)
	}
}
