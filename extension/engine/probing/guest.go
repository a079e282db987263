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

// guest is one connection's part in a Run. It is used on its loop's goroutine.
type guest struct {
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

func (g *guest) Opened(c *engine.Conn, o *engine.Opening) {
	r := g.loop.run
	g.conn, g.now, g.opened, g.failed = c, clock.Now(), true, false
	g.openedAt = o.Opened
	g.loop.interpret.Open(&g.conversation, g, protocol.Init{
		Variables:    r.o.Variables(int(g.number)),
		Authenticate: r.o.Authenticate,
	}, g.now)
	g.wait()
}

func (g *guest) Message(_ *engine.Conn, m engine.Message) {
	if !m.Kind.IsData() {
		return
	}
	g.now = m.Read
	g.noteWritten()
	g.conversation.Receive(g, m.Data, m.Kind == engine.Binary, m.Since, m.At, m.Read)
	g.wait()
}

func (g *guest) Alarm(c *engine.Conn, now clock.Time) {
	g.now = now
	if g.failed {
		g.conn.Close() // its session could not be had
		return
	}
	g.conversation.Due(g, c.Settled())
	// One in a turn of the loop, even if more are due. Otherwise a loop that is behind has more
	// to send in each turn than in the one before. It comes ever more rarely to its other work,
	// such as opening connections.
	if g.probeDue() <= now {
		g.probe()
	}
	g.wait()
}

const never = clock.Time(math.MaxInt64)

func (g *guest) Unopened(at clock.Time) swarm.Return {
	g.down(at)
	if !g.opened {
		return swarm.Return{}
	}
	return g.back()
}

func (g *guest) Closed(_ *engine.Conn, e engine.End) swarm.Return {
	g.now = e.At
	ending := e.Planned && !g.failed
	if ending && !g.conversation.Ready() && e.At.Sub(g.openedAt) >= g.loop.run.o.Timeout {
		g.loop.records.Now.Sessions++ // a reply would have timed out by now
	}
	g.ending = ending
	g.conversation.Drop(g, e.At)
	g.note()
	g.loop.records.Now.Lost += int64(g.overdue)
	g.conn, g.overdue = nil, 0
	if ending {
		return swarm.Return{}
	}
	g.down(e.At)
	return g.back()
}

// down notes since when there is no session that ought to be there. From then
// on what falls due is due.
func (g *guest) down(at clock.Time) {
	if g.downSince == 0 {
		g.downSince = at
	}
	g.begin(at)
}

// back is when the connection is to be tried again.
func (g *guest) back() swarm.Return {
	o := &g.loop.run.o
	after := o.backOff(int(g.attempts), rand.Float64())
	if g.attempts < math.MaxInt8 {
		g.attempts++
	}
	return swarm.Return{Wanted: clock.Now() < g.loop.run.end(), After: after}
}

// begin sets the first probe's due time.
func (g *guest) begin(at clock.Time) {
	if g.next == 0 {
		g.next = at.Add(g.loop.run.o.phase(int(g.number)))
	}
}

// miss counts the probes that fell due by an instant while there was no
// session: a user's messages that nobody took.
func (g *guest) miss(until clock.Time) {
	l, o := g.loop, &g.loop.run.o
	for ; g.next < until; g.next = g.next.Add(o.Interval) {
		l.records.Now.Probes++
		g.missOne()
	}
}

// missOne counts the replies of a probe that was not made.
func (g *guest) missOne() {
	l, o := g.loop, &g.loop.run.o
	for reply := range o.Protocol.Replies {
		l.records.Now.Missed++
		l.records.Now.Lost++
		l.records.Now.series.Of(RTT(reply)).Record(o.Timeout)
	}
}

// probeDue is when the next probe is due, never if there is none. While the
// connection is closing none is: the run is over, or they are missed.
func (g *guest) probeDue() clock.Time {
	if g.next == 0 || g.next >= g.loop.run.end() || !g.conversation.Ready() || !g.conn.Open() {
		return never
	}
	return g.next
}

// probe makes the probe that is due. The next one's due time does not move
// when this one is late.
func (g *guest) probe() {
	l, o := g.loop, &g.loop.run.o
	due := g.next
	g.next = due.Add(o.Interval)
	g.probes++
	l.id = g.appendID(l.id[:0])
	l.records.Now.Probes++
	g.written = 0
	if err := g.conversation.Probe(g, l.id, o.Payload, due); err != nil {
		l.records.Now.Unsent++
		l.complaints.Unsent(err)
		g.missOne()
		return
	}
	if g.written == 0 {
		l.records.Now.Unsent++ // its replies will time out, or be lost with the connection
		return
	}
	g.conversation.Sent(l.id, g.written)
	if o.Protocol.ProbeHTTP == nil { // else it is known later
		l.records.Now.series.Of(SendDelay).Record(g.written.Sub(due))
	}
}

// appendID names the probe that is made.
func (g *guest) appendID(id []byte) []byte {
	o := &g.loop.run.o
	switch {
	case o.Protocol.ProbeHTTP != nil:
		return appendSharedID(id, o.Name, o.Protocol.NumericIDs(), g.number, g.probes)
	case !o.Protocol.NumericIDs():
		id = append(strconv.AppendInt(id, int64(g.number), 10), '-')
	}
	return strconv.AppendInt(id, int64(g.probes), 10)
}

// wait sets the alarm for what comes next.
func (g *guest) wait() {
	g.note()
	if g.conn == nil {
		return
	}
	next := never
	if g.failed {
		next = g.now
	} else if due := g.conversation.NextDue(); due != 0 {
		next = due
	}
	if next = min(next, g.probeDue()); next != never {
		g.conn.SetAlarm(next)
	} else {
		g.conn.StopAlarm()
	}
}

// note keeps the loop's count of the guests that await a reply, or their turn to ask. A loop that
// is late must not be taken for one that is done.
func (g *guest) note() {
	awaiting := g.conversation.OpenProbes() > 0 || g.probeDue() != never
	if awaiting == g.awaiting {
		return
	}
	g.awaiting = awaiting
	if awaiting {
		g.loop.awaiting++
	} else {
		g.loop.awaiting--
	}
}

// Send is called by the conversation.
func (g *guest) Send(message []byte, binary bool, why protocol.Purpose) {
	if why == protocol.ForProbe && g.loop.run.o.Protocol.ProbeHTTP != nil {
		g.written = clock.Now()
		g.post(message)
		return
	}
	written, err := g.conn.SendMessage(message, binary)
	if why == protocol.ForProbe && err == nil {
		g.written = written
	}
}

// Ready is called by the conversation.
func (g *guest) Ready() {
	g.begin(g.now)
	g.attempts = 0
	if g.downSince == 0 {
		return
	}
	g.miss(min(g.now, g.loop.run.end()))
	r := g.loop.records.Now
	r.Reconnects++
	r.series.Of(ReconnectTime).Record(g.now.Sub(g.downSince))
	g.downSince = 0
}

// SessionFailed is called by the conversation.
func (g *guest) SessionFailed(step string, _ protocol.Fault, detail []byte) {
	g.loop.complaints.SessionFailed(int(g.number), step, detail)
	g.loop.records.Now.Sessions++
	g.failed = true // closed by the alarm, not within the call
}

// Replied is called by the conversation.
func (g *guest) Replied(reply *protocol.Reply) {
	r := g.loop.records.Now
	switch reply.Outcome {
	case protocol.InTime:
		at := reply.At
		if at < reply.Sent {
			at = g.now // the wall clock, which the kernel stamps by, was set back just now
		}
		sent := reply.Sent
		if sent == 0 {
			sent = reply.Due // a server that answers what was not asked
		}
		r.InTime++
		// Read late, it may have come after its timeout; it is not held against the server. Its
		// probe may have been sent after that, too.
		timeout := g.loop.run.o.Timeout
		r.series.Of(RTT(reply.Index)).Record(min(at.Sub(reply.Due), timeout))
		r.series.Of(Service(reply.Index)).Record(min(at.Sub(sent), timeout))
	case protocol.TimedOut:
		r.TimedOut++
		g.overdue++
		r.series.Of(RTT(reply.Index)).Record(g.loop.run.o.Timeout)
	case protocol.Lost:
		if g.ending {
			return // this side did not wait for it
		}
		r.Cut++
		r.Lost++
		r.series.Of(RTT(reply.Index)).Record(g.loop.run.o.Timeout)
	case protocol.Late:
		r.Late++
		g.overdue--
	case protocol.Duplicate:
		r.Duplicated++
	}
}

// Failed is called by the conversation.
func (g *guest) Failed(reason []byte, _ *protocol.Probe, missing uint16) {
	g.loop.complaints.Failed(int(g.number), reason)
	g.loop.records.Now.Errors++
	g.loop.records.Now.Refused += int64(bits.OnesCount16(missing))
}

// Invalid is called by the conversation.
func (g *guest) Invalid(why protocol.Fault, detail string) {
	g.loop.complaints.Invalid(int(g.number), why, detail)
	g.loop.records.Now.Invalid[why]++
}

// Delivered is called by the conversation.
func (g *guest) Delivered(*protocol.Delivery) { g.loop.records.Now.Deliveries++ }

// Ignored is called by the conversation.
func (g *guest) Ignored() {}

// Captured is called by the conversation.
func (g *guest) Captured(string, string) {}

// Renew is called by the swarm.
func (g *guest) Renew(token string, ends clock.Time) {
	g.conversation.SetToken(token, ends)
	g.wait()
}
