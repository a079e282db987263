package serve

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"sync/atomic"
	"time"

	"xk6-realtime/engine"
	"xk6-realtime/engine/clock"
	"xk6-realtime/engine/websocket"
)

// maxRooms bounds the rooms of one connection.
const maxRooms = 100

// RoomOptions says how to serve rooms. A zero field means the default.
type RoomOptions struct {
	// Listen is where to listen; port 0 takes any free one.
	Listen netip.AddrPort
	// Faults are what goes wrong on purpose. Default: nothing.
	Faults Faults
	// Engine tunes the engine beneath, as [Options.Engine] does.
	Engine engine.Options
}

// RoomServer speaks the chat protocol's subscribe, publish and echo: a publication to a room goes
// to all its subscribers but the publisher, with the server's timestamp.
type RoomServer struct {
	base
	shards []*roomShard
	faults faultCounts
	joined atomic.Int64 // connections, ever
}

// roomShard is what one loop serves.
type roomShard struct {
	server *RoomServer
	loop   *engine.Loop
	preparer
	rooms  map[string]*room
	report RoomReport
}

type room struct {
	name    string
	members []*member
}

// member is a connection's stay in a room.
type member struct {
	conn          *engine.Conn
	room          *room
	index         int // in the room's members
	connection    int64
	held          *websocket.Prepared // what waits for a later one of the same publisher
	heldPublisher int64
}

type roomClient struct {
	shard  *roomShard
	conn   *engine.Conn
	number int64 // of all connections, in the order in which they opened, from 0
	stays  []*member
}

// StartRooms starts a server of rooms. Close it when done.
func StartRooms(o RoomOptions) (*RoomServer, error) {
	if err := o.Faults.check(); err != nil {
		return nil, err
	}
	b, err := newBase(o.Engine)
	if err != nil {
		return nil, err
	}
	s := &RoomServer{base: b, faults: faultCounts{Faults: o.Faults}}
	for _, loop := range s.engine.Loops() {
		s.shards = append(s.shards, &roomShard{server: s, loop: loop, preparer: newPreparer(o.Engine), rooms: map[string]*room{}})
	}
	err = s.listen(o.Listen, func(loop int, c *engine.Conn) engine.Handler {
		return &roomClient{shard: s.shards[loop], conn: c}
	})
	if err != nil {
		return nil, err
	}
	return s, nil
}

// RoomReport is what a server of rooms has done. A delivery is one publication
// to one subscriber.
type RoomReport struct {
	Connections int64 `json:"connections"` // that were opened
	Published   int64 `json:"published"`
	Sent        int64 `json:"deliveriesSent"` // each once, repetitions not among them
	Lost        int64 `json:"deliveriesLost"`
	Repeated    int64 `json:"deliveriesRepeated"`
	Reordered   int64 `json:"deliveriesReordered"` // that went out after a later one
	// Held were to be reordered, and no later one has come so far.
	Held int64 `json:"deliveriesHeld"`
	// TooSlow connections were reset: they did not read.
	TooSlow int64 `json:"tooSlow"`
}

// Report is the server's counts until now.
func (s *RoomServer) Report() (all RoomReport) {
	for _, sh := range s.shards {
		sh.loop.Await(func() {
			all.Published += sh.report.Published
			all.Sent += sh.report.Sent
			all.Lost += sh.report.Lost
			all.Repeated += sh.report.Repeated
			all.Reordered += sh.report.Reordered
			all.Held += sh.report.Held
			all.TooSlow += sh.report.TooSlow
		})
	}
	all.Connections = s.joined.Load()
	return all
}

func (c *roomClient) Opened(*engine.Conn, *engine.Opening) {
	c.number = c.shard.server.joined.Add(1) - 1
}

// request is what a client says. Identifiers and the payload pass through as
// they came.
type request struct {
	Type      string          `json:"type"`
	EchoID    json.RawMessage `json:"echoId"`
	Room      string          `json:"room"`
	ID        json.RawMessage `json:"id"`
	Seq       json.RawMessage `json:"seq"`
	Publisher json.RawMessage `json:"publisher"`
	Payload   json.RawMessage `json:"payload"`
}

var (
	errType  = errors.New("unknown_type")
	errRoom  = errors.New("bad_message")
	errJSON  = errors.New("bad_json")
	errRooms = errors.New("too_many_rooms")
)

func (c *roomClient) Message(_ *engine.Conn, m engine.Message) {
	if !m.Kind.IsData() {
		return
	}
	if err := c.handle(m.Data); err != nil {
		c.reply(fmt.Appendf(nil, `{"type":"error","reason":%q}`, err.Error()))
	}
}

func (c *roomClient) handle(data []byte) error {
	var r request
	if json.Unmarshal(data, &r) != nil {
		return errJSON
	}
	if r.Type == "echo" && len(r.EchoID) > 0 {
		c.reply(fmt.Appendf(nil, `{"type":"echo_reply","echoId":%s}`, r.EchoID))
		return nil
	}
	if r.Room == "" {
		return errRoom
	}
	switch r.Type {
	case "subscribe":
		return c.subscribe(r.Room)
	case "publish":
		c.publish(&r)
		return nil
	}
	return errType
}

func (c *roomClient) subscribe(name string) error {
	if len(c.stays) == maxRooms {
		return errRooms
	}
	sh := c.shard
	at := sh.rooms[name]
	if at == nil {
		at = &room{name: name}
		sh.rooms[name] = at
	}
	for _, m := range c.stays {
		if m.room == at {
			at = nil // it is there already
			break
		}
	}
	if at != nil {
		m := &member{conn: c.conn, room: at, index: len(at.members), connection: c.number}
		at.members = append(at.members, m)
		c.stays = append(c.stays, m)
	}
	text, _ := json.Marshal(name) // a string always can
	c.reply(append(append([]byte(`{"type":"subscribed","room":`), text...), '}'))
	return nil
}

func (c *roomClient) publish(r *request) {
	c.shard.report.Published++
	delivery := c.shard.prepare(engine.Text, r.delivery(c.number, time.Now()))
	for _, sh := range c.shard.server.shards {
		if sh == c.shard {
			sh.deliver(r.Room, c.conn, c.number, delivery)
		} else {
			sh.loop.Do(func() { sh.deliver(r.Room, nil, c.number, delivery) })
		}
	}
}

// delivery is what the subscribers get. The time is in milliseconds, exact to
// one microsecond.
func (r *request) delivery(connection int64, at time.Time) []byte {
	room, _ := json.Marshal(r.Room)
	b := append([]byte(`{"type":"message","room":`), room...)
	if r.Publisher == nil {
		r.Publisher = strconv.AppendQuote(nil, strconv.FormatInt(connection, 10))
	}
	for _, field := range [...]struct {
		name string
		text json.RawMessage
	}{{"id", r.ID}, {"publisher", r.Publisher}, {"publisherSeq", r.Seq}, {"payload", r.Payload}} {
		if field.text != nil {
			b = fmt.Appendf(b, `,%q:%s`, field.name, field.text)
		}
	}
	micros := at.UnixMicro()
	return fmt.Appendf(b, `,"timestamp":%d.%03d}`, micros/1000, micros%1000)
}

// deliver sends to the room's members on this loop but the publisher.
func (sh *roomShard) deliver(name string, from *engine.Conn, publisher int64, delivery *websocket.Prepared) {
	at := sh.rooms[name]
	if at == nil {
		return
	}
	faults := &sh.server.faults
	for i := len(at.members) - 1; i >= 0; i-- { // one that is reset leaves the list
		m := at.members[i]
		switch {
		case m.conn == from:
		case faults.hits(m.connection):
			sh.deliverFaulty(m, publisher, delivery)
		default:
			sh.send(m, delivery)
			sh.report.Sent++
		}
	}
}

func (sh *roomShard) deliverFaulty(m *member, publisher int64, delivery *websocket.Prepared) {
	faults := &sh.server.faults
	switch {
	case faults.lose.hit(faults.Lose):
		sh.report.Lost++
	case m.held != nil && m.heldPublisher == publisher:
		held := m.held
		m.held = nil
		sh.report.Held--
		sh.report.Reordered++
		sh.report.Sent += 2
		if sh.send(m, delivery) {
			sh.send(m, held)
		}
	case m.held == nil && faults.reorder.hit(faults.Reorder):
		sh.report.Held++
		m.held, m.heldPublisher = delivery, publisher
	default:
		sh.report.Sent++
		if sh.send(m, delivery) && faults.repeat.hit(faults.Repeat) {
			sh.report.Repeated++
			sh.send(m, delivery)
		}
	}
}

// send is false for a member that has been reset.
func (sh *roomShard) send(m *member, message *websocket.Prepared) bool {
	if _, err := m.conn.SendPrepared(message); err == engine.ErrUnsent {
		sh.report.TooSlow++
		m.conn.Reset()
		return false
	}
	return true
}

func (c *roomClient) reply(text []byte) {
	if _, err := c.conn.Send(engine.Text, text); err == engine.ErrUnsent {
		c.shard.report.TooSlow++
		c.conn.Reset()
	}
}

func (c *roomClient) Closed(*engine.Conn, engine.End) {
	for _, m := range c.stays {
		at := m.room
		last := at.members[len(at.members)-1]
		at.members[m.index] = last
		last.index = m.index
		at.members = at.members[:len(at.members)-1]
		if len(at.members) == 0 {
			delete(c.shard.rooms, at.name)
		}
	}
	c.stays = nil
}

func (c *roomClient) Failed(*engine.Conn, *engine.Opening, engine.Failure) {}
func (c *roomClient) Alarm(*engine.Conn, clock.Time)                       {}
