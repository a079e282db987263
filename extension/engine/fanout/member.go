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

// member is one connection of a Run, through all its stays. It is used
// on its loop's goroutine.
type member struct {
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

func (m *member) Opened(c *engine.Conn, o *engine.Opening) {
	r := m.loop.run
	m.conn = c
	m.alarm, m.leaveBy, m.failed, m.joining = 0, 0, false, false
	interpret := m.loop.publishing
	if m.publisher == nil {
		interpret = m.loop.interpret
		r.room(int(m.room)).Subscribe(&m.subscription)
	}
	interpret.Open(&m.conversation, m, protocol.Init{
		Variables:    r.o.Variables(int(m.number)),
		Authenticate: r.o.Authenticate,
	}, clock.Now())
	m.wait()
}

func (m *member) Message(c *engine.Conn, message engine.Message) {
	if !message.Kind.IsData() {
		return
	}
	m.loop.now = message.Read
	m.conversation.Receive(m, message.Data, message.Kind == engine.Binary, message.Since, message.At, message.Read)
	if m.leaveBy != 0 && m.isComplete() {
		m.end()
		return
	}
	m.wait()
}

func (m *member) Alarm(c *engine.Conn, now clock.Time) {
	m.alarm = 0
	if m.failed || m.leaveBy != 0 && m.leaveBy <= now {
		m.end()
		return
	}
	m.conversation.Due(m, c.Settled())
	if m.joining && m.joinedAt <= now {
		m.joining = false
		m.subscription.Confirm()
	}
	if m.publisher != nil {
		m.publish(now)
	}
	m.wait()
}

// AttemptFailed leaves it to the swarm.
func (m *member) AttemptFailed(clock.Time) swarm.Reopen { return swarm.Reopen{} }

func (m *member) Closed(c *engine.Conn, e engine.End) swarm.Reopen {
	m.conn = nil
	m.conversation.Drop(m, e.At)
	m.subscription.Leave()
	m.loop.records.Now.Lost += int64(m.lost(e))
	m.subscription = ledger.Subscription{}
	if m.publisher != nil && (!e.Planned || m.failed) {
		m.forsake()
	}
	left := m.leaveBy != 0 && e.Planned
	return swarm.Reopen{Wanted: left && !m.loop.run.leaving.Load()}
}

// lost is how many publications were due to a subscriber that has ended and did not come.
// Publications that a stopped run did not wait for are not lost.
func (m *member) lost(e engine.End) uint64 {
	r := m.loop.run
	if r.compares() {
		m.credit()
		return m.subscription.PassedOver(e.At.Add(-r.o.Timeout))
	}
	if stopped := clock.Time(r.stopped.Load()); stopped != 0 && e.Planned {
		return m.subscription.LostBefore(stopped.Add(-r.o.Timeout))
	}
	return m.subscription.Lost()
}

// wait sets the alarm for what comes next.
func (m *member) wait() {
	if m.conn == nil {
		return
	}
	if next := m.due(); next != 0 && next != m.alarm {
		m.alarm = next
		m.conn.SetAlarm(next)
	}
}

// due is when the member has something to do, 0 for never.
func (m *member) due() (next clock.Time) {
	if m.failed {
		return clock.Now()
	}
	next = m.conversation.NextDue()
	if m.leaveBy != 0 && (next == 0 || m.leaveBy < next) {
		next = m.leaveBy
	}
	if m.joining && (next == 0 || m.joinedAt < next) {
		next = m.joinedAt
	}
	if p := m.publisher; p != nil && p.next != 0 && (next == 0 || p.next < next) {
		next = p.next
	}
	return next
}

// leave begins the end of a subscriber's stay: it waits for what it is due,
// then closes. False when it is not there to leave.
func (m *member) leave() bool {
	if m.conn == nil || m.leaveBy != 0 || !m.conversation.Ready() {
		return false
	}
	m.subscription.Leave()
	m.leaveBy = clock.Now().Add(m.loop.run.o.Timeout)
	if m.isComplete() {
		m.end()
	} else {
		m.wait()
	}
	return true
}

func (m *member) end() {
	if m.conn != nil {
		m.conn.StopAlarm()
		m.conn.Close()
	}
}

// publish makes the publications that have fallen due.
func (m *member) publish(now clock.Time) {
	p, r := m.publisher, m.loop.run
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
		if !m.conversation.Ready() || !m.conn.Open() {
			m.loop.records.Now.Unsent++
			continue
		}
		sequence := p.stream.Publish(p.due)
		p.made = sequence
		id := appendID(m.loop.idBuffer[:0], r.o.Name, p.number, sequence)
		m.loop.idBuffer = id
		if err := m.conversation.Publish(m, id, int64(sequence), r.o.Payload, now); err != nil {
			m.loop.records.Now.Unsent++
			p.stream.Answered(sequence, false)
			m.loop.complaints.Unsent(err)
		}
	}
}

// forsake counts the publications that a publisher without a connection will not make.
func (m *member) forsake() {
	p, r := m.publisher, m.loop.run
	ends := clock.Time(r.ends.Load())
	for ; p.next != 0 && p.next < ends; p.next = p.next.Add(r.o.Plan.interval()) {
		m.loop.records.Now.Unsent++
	}
	p.next = 0
}

// isDecided tells whether it is known if the member takes part.
func (m *member) isDecided() bool {
	return m.conn == nil || m.failed || m.conversation.Ready()
}

// isComplete tells whether all that is due to the member has come.
func (m *member) isComplete() bool {
	if m.loop.run.compares() {
		m.credit()
		return !m.subscription.Outstanding()
	}
	return m.subscription.Complete()
}

// Send is called by the conversation.
func (m *member) Send(message []byte, binary bool, why protocol.Purpose) {
	if why == protocol.ForPublish && m.loop.run.o.Publishing.PublishHTTP != nil {
		m.post(message)
		return
	}
	written, err := m.conn.SendMessage(message, binary)
	r := m.loop.records.Now
	if why != protocol.ForPublish {
		return
	}
	if err != nil {
		r.Unsent++
		m.publisher.stream.Answered(m.publisher.made, false)
		return
	}
	r.Published++
	r.series.Of(SendDelay).Record(written.Sub(m.publisher.due))
}

// post sends a publication beside the connection.
func (m *member) post(message []byte) {
	l, late := m.loop, clock.Now().Sub(m.publisher.due)
	stream, sequence := m.publisher.stream, m.publisher.made
	stream.Await(sequence)
	var delay atomic.Int64
	l.run.o.Post(int(m.number), bytes.Clone(message), protocol.Posted{
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
func (m *member) Ready() {
	if m.loop.run.listens() {
		m.joining, m.joinedAt = true, clock.Now().Add(joinedAfter)
		return
	}
	m.subscription.Confirm()
}

// SessionFailed is called by the conversation.
func (m *member) SessionFailed(step string, _ protocol.Fault, detail []byte) {
	m.loop.complaints.SessionFailed(int(m.number), step, detail)
	m.loop.records.Now.Sessions++
	m.failed = true // closed by the alarm, not within the call
}

// Delivered is called by the conversation.
func (m *member) Delivered(d *protocol.Delivery) {
	if m.publisher != nil {
		return // a publisher that hears itself
	}
	l, r := m.loop, m.loop.records.Now
	if l.run.listens() {
		m.overheard(d)
		return
	}
	number, sequence, ours := parseID(d.ID, l.run.o.Name)
	plan := l.run.o.Plan
	if !ours || number >= plan.Publishers || number%plan.Rooms != int(m.room) {
		r.Foreign++
		return
	}
	arrival := m.subscription.Deliver(number/plan.Rooms, sequence)
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
	if lag, of, ok := m.serverLag(d, due); ok {
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
func (m *member) Failed(reason []byte, _ *protocol.Probe, _ uint16) {
	m.loop.complaints.Failed(int(m.number), reason)
	m.loop.records.Now.Errors++
}

// Invalid is called by the conversation.
func (m *member) Invalid(why protocol.Fault, detail string) {
	m.loop.complaints.Invalid(int(m.number), why, detail)
	switch r := m.loop.records.Now; why {
	case protocol.TooMany:
		r.TooMany++
	case protocol.PiecesLimit:
		r.PiecesLimit++
	default:
		r.Invalid++
	}
}

// Replied is called by the conversation; there are no probes.
func (m *member) Replied(*protocol.Reply) {}

// Ignored is called by the conversation.
func (m *member) Ignored() {}

// Captured is called by the conversation.
func (m *member) Captured(string, string) {}

// Renew is called by the swarm.
func (m *member) Renew(token string, ends clock.Time) {
	m.conversation.SetToken(token, ends)
	m.wait()
}
