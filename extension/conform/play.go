package conform

import (
	"errors"
	"fmt"
	"time"
)

// Trace is what happened in a case, in terms that Judge compares.
type Trace struct {
	// Opening is the verdict where the opening handshake decides the case,
	// empty where it goes on.
	Opening    Behavior
	OpeningWhy string
	// Events are what the testee sent until its Close frame, pings left out,
	// and the pauses of the script.
	Events []Event
	// ClosedByMe: this side was first to send a Close frame or to give up.
	ClosedByMe bool
	// Close is the testee's Close frame.
	Close *Event
	// Dropped: this side had to close TCP, which is the server's part.
	Dropped bool
	// TimedOut: the testee did nothing for as long as the limit allows.
	TimedOut bool
	// Breach is a rule that the testee broke on the wire.
	Breach *Breach
	// End says how the testee's bytes ended: closed, reset, or empty.
	End string
	// Compressed: what the case needs of permessage-deflate was agreed.
	Compressed bool
	// Rallied is how many messages of rallies came back right.
	Rallied int
}

// player plays a case's script on an open connection.
type player struct {
	*link
	c     *Case
	t     *Trace
	ended bool // nothing more will come
	sent  bool // a Close frame

	partial []byte // a frame that goes out in parts, without what is sent
	payload int    // how much of its payload is sent
}

// play runs the script and brings the connection to its end.
func (l *link) play(c *Case, t *Trace) {
	p := &player{link: l, c: c, t: t}
	for i := range c.Script {
		if p.ended {
			break
		}
		p.step(&c.Script[i])
	}
	p.settle()
	p.finish()
}

func (p *player) step(s *Step) {
	switch {
	case s.Rally != nil:
		p.rally(s.Rally)
	case s.Await > 0:
		for !p.ended && len(p.t.Events) < s.Await {
			p.wait()
		}
	case s.Wait > 0:
		p.pause(s)
	default:
		p.send(s)
	}
}

// send writes a step. A testee that is gone is not a failure of this side: its earlier behaviour
// decides.
func (p *player) send(s *Step) {
	if s.Closes {
		p.sent = true
		p.t.ClosedByMe = true
	}
	var err error
	if s.Upto > 0 {
		err = p.sendPart(s)
	} else if s.EachFrame {
		for _, f := range s.Frames {
			if err = p.write(p.encode(nil, p.ready(f)), s.Chop); err != nil {
				break
			}
		}
	} else {
		var b []byte
		for _, f := range s.Frames {
			b = p.encode(b, p.ready(f))
		}
		err = p.writeSlowly(b, s.Chop, s.Gap)
	}
	if s.Fin {
		p.log.note("this side ends TCP")
		p.closeWrite()
	}
	if err != nil {
		p.log.note("could not send all: " + err.Error())
	}
}

// sendPart writes a frame up to an octet of its payload.
func (p *player) sendPart(s *Step) error {
	n := s.Upto - p.payload
	if len(s.Frames) > 0 {
		p.partial = p.encode(nil, s.Frames[0])
		n = len(p.partial) - len(s.Frames[0].Payload) + s.Upto
	}
	p.log.note(fmt.Sprintf("%d octets of it go out", n))
	part := p.partial[:n]
	p.partial, p.payload = p.partial[n:], s.Upto
	return p.write(part, s.Chop)
}

func (p *player) ready(f Frame) Frame {
	if f.Compress && p.deflate != nil {
		f.Payload = p.deflate.message(f.Payload)
		f.RSV |= rsv1
	}
	return f
}

func (p *player) pause(s *Step) {
	until := time.Now().Add(s.Wait)
	for !p.ended {
		left := time.Until(until)
		if left <= 0 {
			break
		}
		if e, ok := p.within(left); ok {
			p.note(e)
		}
	}
	if !p.ended && s.Mark != "" {
		p.log.note("pause " + s.Mark + " is over, the connection stands")
		p.t.Events = append(p.t.Events, paused(s.Mark))
	}
}

// wait takes one event, or ends the case for silence.
func (p *player) wait() {
	e, ok := p.next()
	if !ok {
		p.log.note(fmt.Sprintf("nothing moved for %s: giving up", p.silence))
		p.t.TimedOut, p.ended = true, true
		return
	}
	p.note(e)
}

// note adds an event to the trace. An end of the connection ends the script.
func (p *player) note(e Event) {
	switch e.Kind {
	case Text, Binary, Pong:
		if p.t.Close == nil {
			p.t.Events = append(p.t.Events, e)
		}
	case Ping:
		if p.t.Close == nil && !p.sent {
			p.write(p.encode(nil, Frame{Fin: true, Op: OpPong, Payload: e.Data}), 0)
		}
	case Close:
		p.t.Close = &e
		p.ended = true
	case End:
		p.t.End = endOf(e.Err)
		p.log.note("the testee's end of the connection: " + p.t.End)
		p.ended = true
	case Fault:
		errors.As(e.Err, &p.t.Breach)
		p.log.note("breach: " + p.t.Breach.Error())
		p.ended = true
	}
}

// settle waits until the events match, and then closes; or until the testee
// ends the connection, where that is its part.
func (p *player) settle() {
	for !p.ended && !p.sent {
		if p.complete() {
			p.closeNow(1000)
			return
		}
		p.wait()
	}
}

// complete tells whether it is this side's turn to close: the events match, or
// they no longer can.
func (p *player) complete() bool {
	switch got := p.t.Events; {
	case p.c.Close.Either:
		return p.c.matches(p.c.NonStrict, got) || !p.c.possible(got)
	case p.c.Close.ByTestee:
		return false
	default:
		return p.c.matches(p.c.OK, got) || !p.c.possible(got)
	}
}

func (p *player) closeNow(code int) {
	if !p.sent && p.t.Close == nil {
		p.t.ClosedByMe = true
	}
	p.sent = true
	p.write(p.encode(nil, closeFrame(code, "")), 0)
}

// finish brings a connection on which one side has begun to end it to the end
// of TCP.
func (p *player) finish() {
	for !p.ended {
		p.wait()
	}
	switch {
	case p.t.Breach != nil:
		p.closeNow(1002)
		p.conn.Close()
		return
	case p.t.TimedOut || p.t.Close == nil:
		p.t.ClosedByMe = p.t.ClosedByMe || p.t.TimedOut
		p.conn.Close()
		return
	case !p.sent:
		p.sent = true
		p.write(p.encode(nil, Frame{Fin: true, Op: OpClose, Payload: p.t.Close.Data}), 0)
	}
	if p.testee == Client {
		p.closeWrite()
	}
	p.awaitEnd()
	p.conn.Close()
}

// awaitEnd waits for the testee's end of TCP, which is the server's to begin
// (RFC 6455 7.1.1).
func (p *player) awaitEnd() {
	for p.t.End == "" && p.t.Breach == nil {
		e, ok := p.next()
		if !ok {
			p.log.note(fmt.Sprintf("the testee did not close TCP within %s", p.silence))
			p.t.Dropped = true
			return
		}
		p.note(e)
	}
}

// rally plays a series of messages. What does not come back as it went is an
// event that no outcome expects.
func (p *player) rally(r *Rally) {
	p.log.quiet(r.Count > 3)
	defer p.log.quiet(false)
	source := corpusOf(r.Corpus)
	for range r.Count {
		data := source.slice(p.random, r.Bytes)
		if p.write(p.message(r, data), 0) != nil {
			p.log.note("could not send all")
		}
		want := Event{Kind: Text, Data: data}
		if r.Op == OpBinary {
			want.Kind = Binary
		}
		before := len(p.t.Events)
		for !p.ended && len(p.t.Events) == before {
			p.wait()
		}
		if p.ended {
			p.t.Events = append(p.t.Events, Event{Kind: Stop, Data: fmt.Appendf(nil, "%d of %d messages came back", p.t.Rallied, r.Count)})
			return
		}
		if !p.t.Events[before].equal(want) {
			return
		}
		p.t.Events = p.t.Events[:before]
		p.t.Rallied++
	}
}

// message is a message's frames, compressed and fragmented as the rally says.
func (p *player) message(r *Rally, data []byte) (b []byte) {
	f := Frame{Op: r.Op, Compress: r.Compress, Payload: data}
	f = p.ready(f)
	rest := f.Payload
	for {
		n := len(rest)
		if r.Fragment > 0 {
			n = min(n, r.Fragment)
		}
		f.Payload, rest = rest[:n], rest[n:]
		f.Fin = len(rest) == 0
		b = p.encode(b, f)
		if f.Fin {
			return b
		}
		f.Op, f.RSV = OpContinuation, 0
	}
}
