package protocol

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"time"
	"unsafe"

	"xk6-realtime/engine/clock"
	"xk6-realtime/engine/contract"
	"xk6-realtime/engine/protocol/jsontext"
)

// Errors of calls that a Conversation refuses.
var (
	ErrNotReady  = errors.New("protocol: the session is not ready, or over")
	ErrNoProbe   = errors.New("protocol: the descriptor has no probe")
	ErrNoPublish = errors.New("protocol: the descriptor has no publish")
)

// Interpreter runs the Conversations of one loop. No part of a message outlives its reading, so
// they share the memory for reading and writing.
type Interpreter struct {
	protocol     *Protocol
	replyTimeout time.Duration
	unix         func(clock.Time) int64
	pieces       Pieces
	since        clock.Time // of the message that is being read
	read         clock.Time // when that is
	reader       reader
	element      reader // of a list that a message brings
	reply        Reply
	delivery     Delivery
	out          []byte
	encoded      []byte // a message as bytes of its codec
	framed       []byte // and in its framing
	decoded      []byte // a message that came, as JSON
	wireID       []byte
	number       [24]byte
	own          locals // of an answer
	checker      *contract.Checker
	taking       bool   // a message that is not checked yet
	answers      []byte // what it has this side send, one after another
	answerEnds   []int
	answered     bool   // the message that is read, which may be something else, too
	answering    []byte // the identifier of the probe that it answers in time, empty for none
	answeringAs  int    // which of the replies it is
}

// NewInterpreter makes an Interpreter. Replies may take replyTimeout from their probe's due time.
// A function, unix, turns an instant into nanoseconds since 1970; pieces bounds the memory of
// messages that have not come whole.
func (p *Protocol) NewInterpreter(replyTimeout time.Duration, unix func(clock.Time) int64, pieces Pieces) *Interpreter {
	in := &Interpreter{protocol: p, replyTimeout: replyTimeout, unix: unix, pieces: pieces}
	if in.pieces.MessageBytes == 0 {
		in.pieces.MessageBytes = defaultMessageBytes
	}
	in.reader.root = &p.message.root
	in.reader.spans = make([]span, p.message.slots)
	if len(p.nested) > 0 {
		in.reader.unfolder = &unfolder{trees: p.nested, scanner: scanner{spans: make([]span, 1)}}
	}
	slots := 0
	for i := range p.lists {
		slots = max(slots, p.lists[i].element.slots)
	}
	in.element.spans = make([]span, slots)
	return in
}

// CheckBy has every message that comes checked, and every one that is sent where
// the Checker has another for that; nil for none.
func (in *Interpreter) CheckBy(checker *contract.Checker) { in.checker = checker }

// Protocol is what it interprets.
func (in *Interpreter) Protocol() *Protocol { return in.protocol }

// Init is what one Conversation starts from.
type Init struct {
	// Variables are the values of Protocol.Variables, in that order.
	Variables []string
	// Authenticate says that the descriptor's refresh message opens the
	// session, for servers that take the token in a message.
	Authenticate bool
	// TokenExpires is when the token stops being accepted; what refresh counts
	// back from. 0 is never.
	TokenExpires clock.Time
	// Continues is the Conversation that this one goes on from: resume is sent
	// only with it, and what it captured stays until it is captured anew. nil
	// for none.
	Continues *Conversation
}

// Conversation is one connection's state machine. It reads no clock and writes
// to no socket. Instants do not go back, but for messages, which may have come
// a little before the last of them. The zero Conversation does nothing until it
// is begun.
type Conversation struct {
	in           *Interpreter
	ledger       *ledger // nil before the first probe
	rare         *rare   // nil where nothing needs it
	step         uint8
	state        conversationState
	authenticate bool
	resumes      bool
	last         cursor
	stepDeadline clock.Time
	values       []Value
}

type conversationState uint8

const (
	fresh conversationState = iota
	inSession
	ready
	over
)

// rare is what few descriptors make a connection keep.
type rare struct {
	nextBeats []clock.Time
	refreshAt clock.Time // 0 for never
	stream    stream
	contract  contract.Session
}

// cursor is the last delivery's, in a form that needs memory only if it is not a whole number.
type cursor struct {
	number int64
	text   *[]byte // where it is no whole number
	kind   valueKind
}

// Begin makes c a Conversation of its own, whatever it was before. After an
// error it is the zero Conversation.
func (in *Interpreter) Begin(c *Conversation, init Init) error {
	begun, err := in.begin(init)
	*c = begun
	return err
}

// Open begins a Conversation whose connection reached its 101 at an instant. One
// that cannot be begun, as a variable is of the wrong kind, has no session.
func (in *Interpreter) Open(c *Conversation, e Events, init Init, at clock.Time) {
	if err := in.Begin(c, init); err != nil {
		e.SessionFailed("", ErrorFault, []byte(err.Error()))
		return
	}
	c.Open(e, at)
}

func (in *Interpreter) begin(init Init) (c Conversation, err error) {
	p := in.protocol
	if len(init.Variables) != len(p.Variables) {
		return c, fmt.Errorf("protocol %q: want values for %v, got %d", p.Name, p.Variables, len(init.Variables))
	}
	if init.Authenticate && p.refresh == nil {
		return c, fmt.Errorf(`protocol %q: has no "refresh" message to authenticate with`, p.Name)
	}
	c = Conversation{in: in, authenticate: init.Authenticate}
	if len(p.names) > 0 {
		c.values = make([]Value, len(p.names))
	}
	for i, name := range p.Variables {
		v, err := variable(name, init.Variables[i])
		if err != nil {
			return Conversation{}, err
		}
		c.values[i] = v
	}
	if before := init.Continues; before != nil && before.last.kind != noValue {
		c.last = before.last
		c.resumes = p.resume != nil
		if before.in == in {
			copy(c.values[len(p.Variables):], before.values[len(p.Variables):]) // until they are captured anew
		}
	}
	c.scheduleRefresh(init.TokenExpires)
	return c, nil
}

func variable(name, text string) (Value, error) {
	for _, n := range numeric {
		if n != name {
			continue
		}
		if !whole([]byte(text)) {
			return Value{}, fmt.Errorf("protocol: variable %q: want a whole number, got %q", name, text)
		}
		return Number(text), nil
	}
	return String(text), nil
}

// whole tells whether b is a whole number as JSON writes it.
func whole(b []byte) bool {
	if len(b) > 0 && b[0] == '-' {
		b = b[1:]
	}
	return len(b) > 0 && (b[0] != '0' || len(b) == 1) && jsontext.Digits(b, 0) == len(b)
}

// Path is what to append to the server's URL.
func (p *Protocol) Path(variables []string) (string, error) {
	if p.path == nil {
		return "", nil
	}
	if len(variables) != len(p.Variables) {
		return "", fmt.Errorf("protocol %q: want values for %v, got %d", p.Name, p.Variables, len(variables))
	}
	var out []byte
	for i := range p.path.parts {
		part := &p.path.parts[i]
		if part.name == "" {
			out = append(out, part.literal...)
			continue
		}
		if part.slot < 0 || part.slot >= len(variables) {
			continue // of a connection before, which none of these has
		}
		v, err := variable(part.name, variables[part.slot])
		if err != nil {
			return "", err
		}
		out = part.fill(out, []byte(v.Text), v.kind)
	}
	return string(out), nil
}

// Ready tells whether the session's steps are done and the connection is not
// over.
func (c *Conversation) Ready() bool { return c.state == ready }

// OpenProbes is how many probes wait for a reply.
func (c *Conversation) OpenProbes() int {
	if c.ledger == nil {
		return 0
	}
	return c.ledger.open
}

// Open starts the session: the connection is open. Its first message is sent
// at that instant.
func (c *Conversation) Open(e Events, at clock.Time) {
	if c.state == fresh {
		c.state = inSession
		c.runSteps(e, at)
	}
}

// Probe makes a probe that was due at an instant, from which its response time and its timeout
// count. The message is handed to Events.Send; call Sent with the time of its writing.
func (c *Conversation) Probe(e Events, id, payload []byte, due clock.Time) error {
	p := c.in.protocol
	switch {
	case p.probe == nil:
		return ErrNoProbe
	case c.state != ready:
		return ErrNotReady
	case p.numericID && !whole(id):
		return fmt.Errorf("protocol %q: want a whole number as identifier, got %q", p.Name, id)
	}
	locals := locals{id: id, payload: payload, idKind: textValue}
	if p.numericID {
		locals.idKind = bareValue
	}
	if p.idsInTwoBytes {
		locals.id = c.idInTwoBytes(id)
	}
	frame, message, err := c.write(p.probe, due, &locals)
	if err != nil {
		return err
	}
	if c.ledger == nil {
		c.ledger = &ledger{turns: p.turns}
	}
	c.ledger.add(locals.id, due, due.Add(c.in.replyTimeout), message)
	c.checkSent(p.probe, locals.id)
	e.Send(frame, p.probe.binary, ForProbe)
	return nil
}

// Sent notes when a probe was written: service time counts from here.
func (c *Conversation) Sent(id []byte, at clock.Time) {
	if c.ledger == nil {
		return
	}
	if c.in.protocol.idsInTwoBytes {
		id = c.idInTwoBytes(id)
	}
	if probe := c.ledger.byID(id); probe != nil {
		probe.Sent = at
	}
}

// Refuse fails a probe that the server did not take, beside the connection, and
// tells which of its replies will not come: a bit for each.
func (c *Conversation) Refuse(id []byte) (missing uint16) {
	if c.ledger == nil {
		return 0
	}
	probe := c.ledger.byID(id)
	if probe == nil {
		return 0
	}
	missing = c.in.protocol.allReplies &^ probe.answered
	if !c.ledger.fail(probe) {
		return 0
	}
	return missing
}

// idInTwoBytes is an identifier as two bytes hold it: from 1 to 65535, then from
// 1 again.
func (c *Conversation) idInTwoBytes(id []byte) []byte {
	n, _ := strconv.ParseUint(unsafe.String(unsafe.SliceData(id), len(id)), 10, 64)
	c.in.wireID = strconv.AppendUint(c.in.wireID[:0], (n+math.MaxUint16-1)%math.MaxUint16+1, 10)
	return c.in.wireID
}

// Publish makes a publication. The message is handed to Events.Send.
func (c *Conversation) Publish(e Events, id []byte, seq int64, payload []byte, at clock.Time) error {
	p := c.in.protocol
	switch {
	case p.publish == nil:
		return ErrNoPublish
	case c.state != ready:
		return ErrNotReady
	}
	locals := locals{id: id, payload: payload, idKind: textValue, seq: seq}
	return c.send(e, p.publish, at, &locals, ForPublish)
}

// SetToken replaces the token in all later messages, and sets the time of the next refresh; 0 is
// never.
func (c *Conversation) SetToken(token string, expires clock.Time) {
	for i, name := range c.in.protocol.Variables {
		if name == "token" {
			c.values[i] = String(token)
		}
	}
	c.scheduleRefresh(expires)
}

func (c *Conversation) scheduleRefresh(expires clock.Time) {
	p := c.in.protocol
	switch {
	case p.refresh != nil && expires != 0:
		c.needRare().refreshAt = expires.Add(-p.before)
	case c.rare != nil:
		c.rare.refreshAt = 0
	}
}

func (c *Conversation) needRare() *rare {
	if c.rare == nil {
		c.rare = &rare{}
	}
	return c.rare
}

// NextDue is when Due has something to do, 0 for never.
func (c *Conversation) NextDue() (next clock.Time) {
	switch c.state {
	case inSession:
		return c.stepDeadline
	case ready:
		if c.ledger != nil {
			next = c.ledger.nearest
		}
		if c.rare != nil {
			next = earlier(next, c.rare.refreshAt)
			for _, at := range c.rare.nextBeats {
				next = earlier(next, at)
			}
		}
	}
	return next
}

func earlier(a, b clock.Time) clock.Time {
	if a == 0 || b != 0 && b < a {
		return b
	}
	return a
}

// Due does everything that is due by an instant: timeouts, heartbeats, refresh. Hand over all
// messages that came before that instant first: replies that have not been received time out.
func (c *Conversation) Due(e Events, at clock.Time) {
	c.elapse(e, at)
	if c.state != ready || c.rare == nil {
		return
	}
	for i := range c.rare.nextBeats {
		next := &c.rare.nextBeats[i]
		if *next > at {
			continue
		}
		b := &c.in.protocol.beats[i]
		c.sendOrTell(e, b.message, at, nil, ForHeartbeat)
		// Beats that were missed are not made up for: they would come in a burst.
		if *next = next.Add(b.every); *next <= at {
			*next = at.Add(b.every)
		}
	}
	if c.rare.refreshAt != 0 && c.rare.refreshAt <= at {
		c.rare.refreshAt = 0
		if m := c.in.protocol.refresh.message; m != nil {
			c.sendOrTell(e, m, at, nil, ForRefresh)
		}
	}
}

// Drop ends the Conversation: every reply still waited for is Lost.
func (c *Conversation) Drop(e Events, at clock.Time) {
	c.elapse(e, at)
	if c.ledger != nil {
		for probe := c.ledger.nextToExpire(); probe != nil; probe = c.ledger.nextToExpire() {
			c.ledger.settle(probe, probeLost)
			c.endReplies(e, Lost, probe)
		}
	}
	if c.rare != nil {
		c.in.forget(&c.rare.stream)
	}
	c.state = over
}
