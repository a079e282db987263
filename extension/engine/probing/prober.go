package probing

import (
	"math"
	"math/bits"
	"math/rand/v2"
	"strconv"

	"xk6-realtime/engine"
	"xk6-realtime/engine/clock"
	"xk6-realtime/engine/protocol"
	"xk6-realtime/engine/swarm"
)

// prober is one connection of a Run. It is used on its loop's goroutine.
type prober struct {
	loop         *loop
	conn         *engine.Conn // nil while there is none
	now          clock.Time   // of what is being handled
	next         clock.Time   // the next probe's due time; 0 before the first session is ready or has failed
	openedAt     clock.Time
	downSince    clock.Time // 0 while there is a session, and before the first
	written      clock.Time // of the probe that is being sent, 0 if it could not be
	number       int32
	probes       int32
	overdue      int32 // replies that timed out and have not come since
	awaiting     bool
	attempts     int8     // to come back
	opened       bool     // once at least
	failed       bool     // its session could not be had
	ending       bool     // this side is done with it
	posts        *posting // on their way, the last one first
	conversation protocol.Conversation
}

func (p *prober) Opened(c *engine.Conn, o *engine.Opening) {
	r := p.loop.run
	p.conn, p.now, p.opened, p.failed = c, clock.Now(), true, false
	p.openedAt = o.Opened
	p.loop.interpret.Open(&p.conversation, p, protocol.Init{
		Variables:    r.o.Variables(int(p.number)),
		Authenticate: r.o.Authenticate,
	}, p.now)
	p.wait()
}

func (p *prober) Message(_ *engine.Conn, message engine.Message) {
	if !message.Kind.IsData() {
		return
	}
	p.now = message.Read
	p.noteWritten()
	p.conversation.Receive(p, message.Data, message.Kind == engine.Binary, message.Since, message.At, message.Read)
	p.wait()
}

func (p *prober) Alarm(c *engine.Conn, now clock.Time) {
	p.now = now
	if p.failed {
		p.conn.Close() // its session could not be had
		return
	}
	p.conversation.Due(p, c.Settled())
	// One in a turn of the loop, even if more are due. Otherwise a loop that is behind has more
	// to send in each turn than in the one before. It comes ever more rarely to its other work,
	// such as opening connections.
	if p.probeDue() <= now {
		p.probe()
	}
	p.wait()
}

const never = clock.Time(math.MaxInt64)

func (p *prober) AttemptFailed(at clock.Time) swarm.Reopen {
	p.down(at)
	if !p.opened {
		return swarm.Reopen{}
	}
	return p.back()
}

func (p *prober) Closed(_ *engine.Conn, e engine.End) swarm.Reopen {
	p.now = e.At
	ending := e.Planned && !p.failed
	if ending && !p.conversation.Ready() && e.At.Sub(p.openedAt) >= p.loop.run.o.Timeout {
		p.loop.records.Now.Sessions++ // a reply would have timed out by now
	}
	p.ending = ending
	p.conversation.Drop(p, e.At)
	p.note()
	p.loop.records.Now.Lost += int64(p.overdue)
	p.conn, p.overdue = nil, 0
	if ending {
		return swarm.Reopen{}
	}
	p.down(e.At)
	return p.back()
}

// down notes since when there is no session that ought to be there. From then
// on what falls due is due.
func (p *prober) down(at clock.Time) {
	if p.downSince == 0 {
		p.downSince = at
	}
	p.begin(at)
}

// back is when the connection is to be tried again.
func (p *prober) back() swarm.Reopen {
	o := &p.loop.run.o
	after := o.backOff(int(p.attempts), rand.Float64())
	if p.attempts < math.MaxInt8 {
		p.attempts++
	}
	return swarm.Reopen{Wanted: clock.Now() < p.loop.run.end(), After: after}
}

// begin sets the first probe's due time.
func (p *prober) begin(at clock.Time) {
	if p.next == 0 {
		p.next = at.Add(p.loop.run.o.phase(int(p.number)))
	}
}

// miss counts the probes that fell due by an instant while there was no
// session: a user's messages that nobody took.
func (p *prober) miss(until clock.Time) {
	l, o := p.loop, &p.loop.run.o
	for ; p.next < until; p.next = p.next.Add(o.Interval) {
		l.records.Now.Probes++
		p.missOne()
	}
}

// missOne counts the replies of a probe that was not made.
func (p *prober) missOne() {
	l, o := p.loop, &p.loop.run.o
	for reply := range o.Protocol.Replies {
		l.records.Now.Missed++
		l.records.Now.Lost++
		l.records.Now.series.Of(RTT(reply)).Record(o.Timeout)
	}
}

// probeDue is when the next probe is due, never if there is none. While the
// connection is closing none is: the run is over, or they are missed.
func (p *prober) probeDue() clock.Time {
	if p.next == 0 || p.next >= p.loop.run.end() || !p.conversation.Ready() || !p.conn.Open() {
		return never
	}
	return p.next
}

// probe makes the probe that is due. The next one's due time does not move
// when this one is late.
func (p *prober) probe() {
	l, o := p.loop, &p.loop.run.o
	due := p.next
	p.next = due.Add(o.Interval)
	p.probes++
	l.id = p.appendID(l.id[:0])
	l.records.Now.Probes++
	p.written = 0
	if err := p.conversation.Probe(p, l.id, o.Payload, due); err != nil {
		l.records.Now.Unsent++
		l.complaints.Unsent(err)
		p.missOne()
		return
	}
	if p.written == 0 {
		l.records.Now.Unsent++ // its replies will time out, or be lost with the connection
		return
	}
	p.conversation.Sent(l.id, p.written)
	if o.Protocol.ProbeHTTP == nil { // else it is known later
		l.records.Now.series.Of(SendDelay).Record(p.written.Sub(due))
	}
}

// appendID names the probe that is made.
func (p *prober) appendID(id []byte) []byte {
	o := &p.loop.run.o
	switch {
	case o.Protocol.ProbeHTTP != nil:
		return appendSharedID(id, o.Name, o.Protocol.NumericIDs(), p.number, p.probes)
	case !o.Protocol.NumericIDs():
		id = append(strconv.AppendInt(id, int64(p.number), 10), '-')
	}
	return strconv.AppendInt(id, int64(p.probes), 10)
}

// wait sets the alarm for what comes next.
func (p *prober) wait() {
	p.note()
	if p.conn == nil {
		return
	}
	next := never
	if p.failed {
		next = p.now
	} else if due := p.conversation.NextDue(); due != 0 {
		next = due
	}
	if next = min(next, p.probeDue()); next != never {
		p.conn.SetAlarm(next)
	} else {
		p.conn.StopAlarm()
	}
}

// note keeps the loop's count of the probers that await a reply, or their turn to ask. A loop that
// is late must not be taken for one that is done.
func (p *prober) note() {
	awaiting := p.conversation.OpenProbes() > 0 || p.probeDue() != never
	if awaiting == p.awaiting {
		return
	}
	p.awaiting = awaiting
	if awaiting {
		p.loop.awaiting++
	} else {
		p.loop.awaiting--
	}
}

// Send is called by the conversation.
func (p *prober) Send(message []byte, binary bool, why protocol.Purpose) {
	if why == protocol.ForProbe && p.loop.run.o.Protocol.ProbeHTTP != nil {
		p.written = clock.Now()
		p.post(message)
		return
	}
	written, err := p.conn.SendMessage(message, binary)
	if why == protocol.ForProbe && err == nil {
		p.written = written
	}
}

// Ready is called by the conversation.
func (p *prober) Ready() {
	p.begin(p.now)
	p.attempts = 0
	if p.downSince == 0 {
		return
	}
	p.miss(min(p.now, p.loop.run.end()))
	r := p.loop.records.Now
	r.Reconnects++
	r.series.Of(ReconnectTime).Record(p.now.Sub(p.downSince))
	p.downSince = 0
}

// SessionFailed is called by the conversation.
func (p *prober) SessionFailed(step string, _ protocol.Fault, detail []byte) {
	p.loop.complaints.SessionFailed(int(p.number), step, detail)
	p.loop.records.Now.Sessions++
	p.failed = true // closed by the alarm, not within the call
}

// Replied is called by the conversation.
func (p *prober) Replied(reply *protocol.Reply) {
	r := p.loop.records.Now
	switch reply.Outcome {
	case protocol.InTime:
		at := reply.At
		if at < reply.Sent {
			at = p.now // the wall clock, which the kernel stamps by, was set back just now
		}
		sent := reply.Sent
		if sent == 0 {
			sent = reply.Due // a server that answers what was not asked
		}
		r.InTime++
		// Read late, it may have come after its timeout; it is not held against the server. Its
		// probe may have been sent after that, too.
		timeout := p.loop.run.o.Timeout
		r.series.Of(RTT(reply.Index)).Record(min(at.Sub(reply.Due), timeout))
		r.series.Of(Service(reply.Index)).Record(min(at.Sub(sent), timeout))
	case protocol.TimedOut:
		r.TimedOut++
		p.overdue++
		r.series.Of(RTT(reply.Index)).Record(p.loop.run.o.Timeout)
	case protocol.Lost:
		if p.ending {
			return // this side did not wait for it
		}
		r.Cut++
		r.Lost++
		r.series.Of(RTT(reply.Index)).Record(p.loop.run.o.Timeout)
	case protocol.Late:
		r.Late++
		p.overdue--
	case protocol.Duplicate:
		r.Duplicated++
	}
}

// Failed is called by the conversation.
func (p *prober) Failed(reason []byte, _ *protocol.Probe, missing uint16) {
	p.loop.complaints.Failed(int(p.number), reason)
	p.loop.records.Now.Errors++
	p.loop.records.Now.Refused += int64(bits.OnesCount16(missing))
}

// Invalid is called by the conversation.
func (p *prober) Invalid(why protocol.Fault, detail string) {
	p.loop.complaints.Invalid(int(p.number), why, detail)
	p.loop.records.Now.Invalid[why]++
}

// Delivered is called by the conversation.
func (p *prober) Delivered(*protocol.Delivery) { p.loop.records.Now.Deliveries++ }

// Ignored is called by the conversation.
func (p *prober) Ignored() {}

// Captured is called by the conversation.
func (p *prober) Captured(string, string) {}

// Renew is called by the swarm.
func (p *prober) Renew(token string, ends clock.Time) {
	p.conversation.SetToken(token, ends)
	p.wait()
}
