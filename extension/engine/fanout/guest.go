package fanout

import (
	"bytes"
	"sync/atomic"
	"time"

	"xk6-realtime/engine"
	"xk6-realtime/engine/clock"
	"xk6-realtime/engine/ledger"
	"xk6-realtime/engine/protocol"
	"xk6-realtime/engine/swarm"
)

// guest is one connection's part in a Run, through all its stays. It is used
// on its loop's goroutine.
type guest struct {
	loop         *loop
	conn         *engine.Conn // nil while there is none
	publisher    *publisher   // nil of subscribers
	alarm        clock.Time   // what is waited for
	leaveBy      clock.Time   // 0 while it does not leave
	joinedAt     clock.Time   // from when on it counts as there, where nobody publishes here
	number       int32
	room         int32
	failed       bool                  // its session could not be had
	joining      bool                  // it does not count as there yet
	conversation protocol.Conversation // of the present stay
	subscription ledger.Subscription   // likewise; not of publishers
}

// publisher is what only a publisher has.
type publisher struct {
	stream *ledger.Stream
	number int
	next   clock.Time // 0 before the publications begin
	taken  int
	due    clock.Time // of the publication that is being sent
	made   uint64     // its sequence
}

func (g *guest) Opened(c *engine.Conn, o *engine.Opening) {
	r := g.loop.run
	g.conn = c
	g.alarm, g.leaveBy, g.failed, g.joining = 0, 0, false, false
	interpret := g.loop.publishing
	if g.publisher == nil {
		interpret = g.loop.interpret
		r.room(int(g.room)).Subscribe(&g.subscription)
	}
	interpret.Open(&g.conversation, g, protocol.Init{
		Variables:    r.o.Variables(int(g.number)),
		Authenticate: r.o.Authenticate,
	}, clock.Now())
	g.wait()
}

func (g *guest) Message(c *engine.Conn, m engine.Message) {
	if !m.Kind.IsData() {
		return
	}
	g.loop.now = m.Read
	g.conversation.Receive(g, m.Data, m.Kind == engine.Binary, m.Since, m.At, m.Read)
	if g.leaveBy != 0 && g.isComplete() {
		g.end()
		return
	}
	g.wait()
}

func (g *guest) Alarm(c *engine.Conn, now clock.Time) {
	g.alarm = 0
	if g.failed || g.leaveBy != 0 && g.leaveBy <= now {
		g.end()
		return
	}
	g.conversation.Due(g, c.Settled())
	if g.joining && g.joinedAt <= now {
		g.joining = false
		g.subscription.Confirm()
	}
	if g.publisher != nil {
		g.publish(now)
	}
	g.wait()
}

// Unopened leaves it to the swarm.
func (g *guest) Unopened(clock.Time) swarm.Return { return swarm.Return{} }

func (g *guest) Closed(c *engine.Conn, e engine.End) swarm.Return {
	g.conn = nil
	g.conversation.Drop(g, e.At)
	g.subscription.Leave()
	g.loop.records.Now.Lost += int64(g.lost(e))
	g.subscription = ledger.Subscription{}
	if g.publisher != nil && (!e.Planned || g.failed) {
		g.forsake()
	}
	left := g.leaveBy != 0 && e.Planned
	return swarm.Return{Wanted: left && !g.loop.run.leaving.Load()}
}

// lost is how many publications were due to a subscriber that has ended and did not come.
// Publications that a stopped run did not wait for are not lost.
func (g *guest) lost(e engine.End) uint64 {
	r := g.loop.run
	if r.compares() {
		g.credit()
		return g.subscription.PassedOver(e.At.Add(-r.o.Timeout))
	}
	if stopped := clock.Time(r.stopped.Load()); stopped != 0 && e.Planned {
		return g.subscription.LostBefore(stopped.Add(-r.o.Timeout))
	}
	return g.subscription.Lost()
}

// wait sets the alarm for what comes next.
func (g *guest) wait() {
	if g.conn == nil {
		return
	}
	if next := g.due(); next != 0 && next != g.alarm {
		g.alarm = next
		g.conn.SetAlarm(next)
	}
}

// due is when the guest has something to do, 0 for never.
func (g *guest) due() (next clock.Time) {
	if g.failed {
		return clock.Now()
	}
	next = g.conversation.NextDue()
	if g.leaveBy != 0 && (next == 0 || g.leaveBy < next) {
		next = g.leaveBy
	}
	if g.joining && (next == 0 || g.joinedAt < next) {
		next = g.joinedAt
	}
	if p := g.publisher; p != nil && p.next != 0 && (next == 0 || p.next < next) {
		next = p.next
	}
	return next
}

// leave begins the end of a subscriber's stay: it waits for what it is due,
// then closes. False when it is not there to leave.
func (g *guest) leave() bool {
	if g.conn == nil || g.leaveBy != 0 || !g.conversation.Ready() {
		return false
	}
	g.subscription.Leave()
	g.leaveBy = clock.Now().Add(g.loop.run.o.Timeout)
	if g.isComplete() {
		g.end()
	} else {
		g.wait()
	}
	return true
}

func (g *guest) end() {
	if g.conn != nil {
		g.conn.StopAlarm()
		g.conn.Close()
	}
}

// publish makes the publications that have fallen due.
func (g *guest) publish(now clock.Time) {
	p, r := g.publisher, g.loop.run
	ends := clock.Time(r.ends.Load())
	for p.next != 0 && p.next <= now {
		p.due = p.next
		p.taken++
		start := clock.Time(r.began.Load())
		p.next = start.Add(r.o.Plan.offset(p.number) + time.Duration(p.taken)*r.o.Plan.interval())
		if p.due >= ends || r.leaving.Load() {
			p.next = 0
			return
		}
		// One that is closing sends nothing, and must publish nothing: all its
		// subscribers would miss it.
		if !g.conversation.Ready() || !g.conn.Open() {
			g.loop.records.Now.Unsent++
			continue
		}
		sequence := p.stream.Publish(p.due)
		p.made = sequence
		id := appendID(g.loop.idBuffer[:0], r.o.Name, p.number, sequence)
		g.loop.idBuffer = id
		if err := g.conversation.Publish(g, id, int64(sequence), r.o.Payload, now); err != nil {
			g.loop.records.Now.Unsent++
			p.stream.Answered(sequence, false)
			g.loop.complaints.Unsent(err)
		}
	}
}

// forsake counts the publications that a publisher without a connection will not make.
func (g *guest) forsake() {
	p, r := g.publisher, g.loop.run
	ends := clock.Time(r.ends.Load())
	for ; p.next != 0 && p.next < ends; p.next = p.next.Add(r.o.Plan.interval()) {
		g.loop.records.Now.Unsent++
	}
	p.next = 0
}

// isDecided tells whether it is known if the guest takes part.
func (g *guest) isDecided() bool {
	return g.conn == nil || g.failed || g.conversation.Ready()
}

// isComplete tells whether all that is due to the guest has come.
func (g *guest) isComplete() bool {
	if g.loop.run.compares() {
		g.credit()
		return !g.subscription.Outstanding()
	}
	return g.subscription.Complete()
}

// Send is called by the conversation.
func (g *guest) Send(message []byte, binary bool, why protocol.Purpose) {
	if why == protocol.ForPublish && g.loop.run.o.Publishing.PublishHTTP != nil {
		g.post(message)
		return
	}
	written, err := g.conn.SendMessage(message, binary)
	r := g.loop.records.Now
	if why != protocol.ForPublish {
		return
	}
	if err != nil {
		r.Unsent++
		g.publisher.stream.Answered(g.publisher.made, false)
		return
	}
	r.Published++
	r.series.Of(SendDelay).Record(written.Sub(g.publisher.due))
}

// post sends a publication beside the connection.
func (g *guest) post(message []byte) {
	l, late := g.loop, clock.Now().Sub(g.publisher.due)
	stream, sequence := g.publisher.stream, g.publisher.made
	stream.Await(sequence)
	var delay atomic.Int64
	l.run.o.Post(int(g.number), bytes.Clone(message), protocol.Posted{
		Wrote: func(_ clock.Time, ours time.Duration) { delay.Store(int64(ours)) },
		Done: func(err error) {
			stream.Answered(sequence, err == nil)
			l.loop.Do(func() {
				r := l.records.Now
				if err == nil {
					r.Published++
					r.series.Of(SendDelay).Record(late + time.Duration(delay.Load()))
					return
				}
				r.Untaken.Count(err)
				l.complaints.Unsent(err)
			})
		},
	})
}

// Ready is called by the conversation.
func (g *guest) Ready() {
	if g.loop.run.listens() {
		g.joining, g.joinedAt = true, clock.Now().Add(joinedAfter)
		return
	}
	g.subscription.Confirm()
}

// SessionFailed is called by the conversation.
func (g *guest) SessionFailed(step string, _ protocol.Fault, detail []byte) {
	g.loop.complaints.SessionFailed(int(g.number), step, detail)
	g.loop.records.Now.Sessions++
	g.failed = true // closed by the alarm, not within the call
}

// Delivered is called by the conversation.
func (g *guest) Delivered(d *protocol.Delivery) {
	if g.publisher != nil {
		return // a publisher that hears itself
	}
	l, r := g.loop, g.loop.records.Now
	if l.run.listens() {
		g.overheard(d)
		return
	}
	number, sequence, ours := parseID(d.ID, l.run.o.Name)
	plan := l.run.o.Plan
	if !ours || number >= plan.Publishers || number%plan.Rooms != int(g.room) {
		r.Foreign++
		return
	}
	arrival := g.subscription.Deliver(number/plan.Rooms, sequence)
	switch {
	case arrival.Foreign:
		r.Foreign++
		return
	case arrival.Early:
		r.Deliveries++ // its lag would be the subscriber's doing
		return
	case arrival.Duplicate:
		r.Duplicated++
		return
	case arrival.Forgotten:
		r.Undecided++
		return
	case arrival.Reordered:
		r.Reordered++
	}
	r.Deliveries++
	stream := l.run.streams[number/plan.Shards]
	due, known := stream.Due(sequence)
	if known {
		r.series.Of(Lag).Record(d.At.Sub(due))
	}
	if lag, of, ok := g.serverLag(d, due); ok {
		l.stamped(lag, of)
	}
	if !arrival.Due {
		return
	}
	// One that may have come in time did: reading late is this side's doing.
	if timeout := l.run.o.Timeout; known && d.Since.Sub(due) <= timeout {
		r.InTime++
		l.arrivals[number/plan.Shards].Note(sequence, min(d.At, due.Add(timeout)))
	} else {
		r.Late++
	}
}

// Failed is called by the conversation.
func (g *guest) Failed(reason []byte, _ *protocol.Probe, _ uint16) {
	g.loop.complaints.Failed(int(g.number), reason)
	g.loop.records.Now.Errors++
}

// Invalid is called by the conversation.
func (g *guest) Invalid(why protocol.Fault, detail string) {
	g.loop.complaints.Invalid(int(g.number), why, detail)
	switch r := g.loop.records.Now; why {
	case protocol.TooMany:
		r.TooMany++
	case protocol.PiecesLimit:
		r.PiecesLimit++
	default:
		r.Invalid++
	}
}

// Replied is called by the conversation; there are no probes.
func (g *guest) Replied(*protocol.Reply) {}

// Ignored is called by the conversation.
func (g *guest) Ignored() {}

// Captured is called by the conversation.
func (g *guest) Captured(string, string) {}

// Renew is called by the swarm.
func (g *guest) Renew(token string, ends clock.Time) {
	g.conversation.SetToken(token, ends)
	g.wait()
}
