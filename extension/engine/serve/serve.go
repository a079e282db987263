// Package serve is WebSocket servers that are fast enough not to be the bottleneck of a test. One
// echoes, one broadcasts, and one has rooms to publish into.
package serve

import (
	"bytes"
	"net/netip"
	"strconv"
	"time"

	"xk6-realtime/engine"
	"xk6-realtime/engine/clock"
	"xk6-realtime/engine/websocket"
)

// Options says how to serve. A zero field means the default.
type Options struct {
	// Listen is where to listen; port 0 takes any free one.
	Listen netip.AddrPort
	// Broadcast sends each message to all connections, instead of back to the
	// one that sent it.
	Broadcast bool
	// Interval is how often the server sends a message of its own to all.
	// Default: never.
	Interval time.Duration
	// Bytes is how long that message is, at least what it must hold (about
	// 70). Default 64, that is as short as it can be.
	Bytes int
	// Engine tunes the engine beneath. Its Loops share the port, so more than
	// one needs the epoll transport. Default: one loop.
	Engine engine.Options
}

// Server is a running server.
type Server struct {
	base
	shards []*shard
	ticker *engine.Timer
	seq    int64
	o      Options
}

// shard is what one loop serves.
type shard struct {
	server *Server
	loop   *engine.Loop
	preparer
	clients []*client
}

type client struct {
	shard *shard
	conn  *engine.Conn
	index int // in clients, -1 until open
}

// echoUnsentBytes lets a client have several large messages on their way back
// before it counts as one that does not read.
const echoUnsentBytes = 32 << 20

// Start starts a server. Close it when done.
func Start(o Options) (*Server, error) {
	if !o.Broadcast && o.Engine.UnsentBytes == 0 {
		o.Engine.UnsentBytes = echoUnsentBytes
	}
	b, err := newBase(o.Engine)
	if err != nil {
		return nil, err
	}
	s := &Server{base: b, o: o}
	for _, loop := range s.engine.Loops() {
		s.shards = append(s.shards, &shard{server: s, loop: loop, preparer: newPreparer(o.Engine)})
	}
	err = s.listen(o.Listen, func(loop int, c *engine.Conn) engine.Handler {
		return s.shards[loop].client(c)
	})
	if err != nil {
		return nil, err
	}
	if o.Interval > 0 {
		loop := s.shards[0].loop
		loop.Await(func() {
			due := clock.Now().Add(o.Interval)
			s.ticker = loop.NewTimer(func(clock.Time) {
				s.tick()
				// A tick that is missed is left out: a server that cannot keep
				// up must still read.
				missed := clock.Now().Sub(due) / o.Interval
				due = due.Add((missed + 1) * o.Interval)
				s.ticker.Set(due)
			})
			s.ticker.Set(due)
		})
	}
	return s, nil
}

// Connections is how many connections are open now.
func (s *Server) Connections() (n int) {
	for _, sh := range s.shards {
		sh.loop.Await(func() { n += len(sh.clients) })
	}
	return n
}

// tick broadcasts a message of the server's own: its number and when it was
// made, in nanoseconds since 1970.
func (s *Server) tick() {
	s.seq++
	b := append([]byte(nil), `{"type":"message","seq":`...)
	b = strconv.AppendInt(b, s.seq, 10)
	b = append(b, `,"timestamp":`...)
	b = strconv.AppendInt(b, time.Now().UnixNano(), 10)
	if missing := s.o.Bytes - len(b) - len(`,"pad":""}`); missing >= 0 {
		b = append(b, `,"pad":"`...)
		b = append(b, bytes.Repeat([]byte("x"), missing)...)
		b = append(b, '"')
	}
	s.broadcast(s.shards[0], engine.Text, append(b, '}'))
}

// broadcast sends to all clients, on the loop of from.
func (s *Server) broadcast(from *shard, kind engine.Kind, payload []byte) {
	message := from.prepare(kind, payload)
	for _, sh := range s.shards {
		if sh == from {
			sh.send(message)
		} else {
			sh.loop.Do(func() { sh.send(message) })
		}
	}
}

func (sh *shard) send(message *websocket.Prepared) {
	for i := len(sh.clients) - 1; i >= 0; i-- { // a reset one leaves the list
		if _, err := sh.clients[i].conn.SendPrepared(message); err == engine.ErrUnsent {
			sh.clients[i].conn.Reset()
		}
	}
}

func (sh *shard) client(c *engine.Conn) engine.Handler {
	return &client{shard: sh, conn: c, index: -1}
}

func (c *client) Opened(*engine.Conn, *engine.Opening) {
	c.index = len(c.shard.clients)
	c.shard.clients = append(c.shard.clients, c)
}

func (c *client) Message(_ *engine.Conn, m engine.Message) {
	if !m.Kind.IsData() {
		return
	}
	if !c.shard.server.o.Broadcast {
		if _, err := c.conn.Send(m.Kind, m.Data); err == engine.ErrUnsent {
			c.conn.Reset()
		}
		return
	}
	c.shard.server.broadcast(c.shard, m.Kind, bytes.Clone(m.Data))
}

func (c *client) Closed(*engine.Conn, engine.End) {
	last := c.shard.clients[len(c.shard.clients)-1]
	c.shard.clients[c.index] = last
	last.index = c.index
	c.shard.clients = c.shard.clients[:len(c.shard.clients)-1]
}

func (c *client) Failed(*engine.Conn, *engine.Opening, engine.Failure) {}
func (c *client) Alarm(*engine.Conn, clock.Time)                       {}
