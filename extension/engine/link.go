package engine

import (
	"time"

	"xk6-realtime/engine/clock"
	"xk6-realtime/engine/wire"
)

// link is a Conn as its wire sees it: what it stands on.
type link Conn

var _ wire.Link = (*link)(nil)

// Send is part of wire.Link, as are those below.
func (l *link) Send(b []byte) error {
	_, err := (*Conn)(l).SendRaw(b)
	return err
}

func (l *link) SendLast(b []byte) error { return (*Conn)(l).write(b) }

func (l *link) Within(d time.Duration) { (*Conn)(l).setDeadline(d) }

func (l *link) Overdue(arrived clock.Time) bool { return (*Conn)(l).overdue(arrived) }

func (l *link) Finish(reset bool) { (*Conn)(l).finish(reset) }

func (l *link) CloseWrite() {
	c := (*Conn)(l)
	end := c.end()
	if c.lane != nil && !c.socket.IsServer() {
		c.linger()
	} else {
		c.closeWrite()
	}
	c.handler.Closed(c, end)
}

func (l *link) IsStream() bool { return l.lane != nil }

func (l *link) Alive() bool { return l.state != dead }
