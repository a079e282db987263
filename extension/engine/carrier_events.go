package engine

import (
	"errors"
	"slices"

	"xk6-realtime/engine/clock"
	"xk6-realtime/engine/http2"
)

var (
	_ http2.Owner = (*carrier)(nil)
	_ Handler     = (*carrier)(nil)
)

// Ready is called by the session, as are those below.
func (k *carrier) Ready(peer http2.Settings) {
	c := k.conn
	if !k.server && !peer.Connect && k.group.key.wire == webSocket {
		k.over = true
		c.fail(ReasonHTTP2NoWebSocket, errNoConnect)
		return
	}
	c.opening.Opened = clock.Now()
	c.opened()
}

var errNoConnect = errors.New("its SETTINGS have no SETTINGS_ENABLE_CONNECT_PROTOCOL (RFC 8441)")

func (k *carrier) GoingAway(last uint32, code http2.Code, text []byte) {
	if k.server {
		return
	}
	// A last word without an error takes none back.
	if k.away == nil || code != http2.NoError {
		words := "GOAWAY " + code.String()
		if len(text) > 0 {
			words += ": " + string(text[:min(len(text), mostGoAwayText)])
		}
		k.away = &Failure{ReasonHTTP2GoAway, errors.New(words)}
	}
	k.counted()
	for _, ln := range slices.Clone(k.lanes) {
		if ln.ID() == 0 || ln.ID() > last {
			ln.cut(*k.away, nameGoAway)
		}
	}
}

const mostGoAwayText = 200

// The names of ends that are HTTP/2's.
const (
	nameGoAway = "http2_goaway"
	nameReset  = "http2_reset"
	nameBroken = "http2_broken"
)

// Asked takes a client's stream.
func (k *carrier) Asked() (*http2.Stream, http2.StreamHandler) {
	l := k.loop
	c := &Conn{loop: l, opening: l.newOpening(), state: greeting}
	c.socket.Server()
	ln := &lane{conn: c, reading: true}
	c.lane = ln
	c.setBetween()
	l.add(c)
	c.opening.Due = clock.Now()
	c.opening.Began = c.opening.Due
	c.handler = k.accept(c)
	c.receiver = c.handler
	k.add(ln)
	return &ln.Stream, ln
}

// Opened: the peer's SETTINGS came. Called by the engine, as are those below.
func (k *carrier) Opened(_ *Conn, o *Opening) {
	if k.server {
		return
	}
	way := *o
	lanes := slices.Clone(k.lanes)
	if most := int(min(k.session.Peer().MaxStreams, 1<<30)); most < k.group.most {
		// Every further connection of the group will have the same limit.
		k.group.most = most
		k.counted()
		for _, ln := range lanes[min(most, len(lanes)):] {
			ln.elsewhere()
		}
		lanes = lanes[:min(most, len(lanes))]
	}
	for _, ln := range lanes {
		ln.came(&way)
		ln.begin()
	}
}

// Failed: the connection was never opened, and with it none of its lanes.
func (k *carrier) Failed(_ *Conn, o *Opening, f Failure) {
	if k.server {
		return
	}
	way := *o
	if k.session != nil {
		k.session.End()
	}
	k.leave()
	for _, ln := range slices.Clone(k.lanes) {
		ln.came(&way)
		ln.conn.fail(f.Reason, f.Err)
	}
}

func (k *carrier) Message(*Conn, Message)  {}
func (k *carrier) Alarm(*Conn, clock.Time) {}

// broken is called when the TCP connection ended, and with it all lanes. One that
// the peer had announced is the peer's doing.
func (k *carrier) broken(err error) {
	k.over = true
	k.session.End()
	k.leave()
	for _, ln := range slices.Clone(k.lanes) {
		if k.away != nil {
			ln.cut(*k.away, nameGoAway)
		} else {
			ln.lost(err)
		}
	}
	k.conn.finish(false)
}

// Closed is called when this side ended the connection: where it resets all.
func (k *carrier) Closed(*Conn, End) {
	if k.over {
		return
	}
	k.over = true
	k.session.End()
	k.leave()
	for _, ln := range slices.Clone(k.lanes) {
		ln.conn.Reset()
	}
}
