package swarm

import (
	"time"

	"xk6-realtime/engine"
	"xk6-realtime/engine/clock"
	"xk6-realtime/engine/handshake"
	"xk6-realtime/engine/tally"
)

// startsEach is how many connections a part begins before its loop looks to
// the others again. A loop that keeps a part waiting gives it a share of that
// time, so that connections which are open already cannot hold up the rest.
const (
	startsEach = 16
	waitShare  = 4
)

// mayStart tells whether a part may begin another connection in its turn, of
// which it has begun n in the time spent, after it waited for the turn.
func mayStart(n int, spent, waited time.Duration) bool {
	return n < startsEach || spent < waited/waitShare
}

// part is the share of a Swarm that one loop drives. All of it is used on that
// loop's goroutine only.
type part struct {
	swarm   *Swarm
	loop    *engine.Loop
	number  int // of the loop within the engine
	records tally.Pair[record]
	traffic engine.Traffic
	fill    func(*engine.Conn, *handshake.Request)
	timer   *engine.Timer
	turn    clock.Time // for which timer is set, 0 for none
	closer  *engine.Timer

	first, step int // the connections first, first+step, … are this part's
	sessions    []*session
	retries     retries
	active      int // open now
	ended       int // opened and over
	reached     int // open at some time
	givenUp     int // not open, and not tried again
	unreached   int // of givenUp: never opened
	settled     bool
	stopping    bool
	closeBegan  clock.Time
	closeOver   time.Duration
	toClose     int // sessions not yet told to close
	finished    bool

	noticed map[Notice]bool // what Notice has heard
	wording map[Notice]int  // how many of them differ in their text alone
}

// size is how many connections are this part's.
func (p *part) size() int {
	return max(0, (p.swarm.o.Connections-p.first+p.step-1)/p.step)
}

func (p *part) start() {
	p.sessions = make([]*session, 0, p.size())
	p.measure()
	p.fill = p.request
	p.timer = p.loop.NewTimer(p.begin)
	p.closer = p.loop.NewTimer(p.closeDue)
	p.turn = clock.Now()
	p.begin(p.turn)
	p.settle()
}

// begin begins the due connections, a few at a time.
func (p *part) begin(now clock.Time) {
	if p.stopping {
		return
	}
	began, waited := clock.Now(), now.Sub(p.turn)
	p.turn = 0
	for n := 0; mayStart(n, clock.Now().Sub(began), waited); n++ {
		due, again := p.next()
		if due == 0 {
			return
		}
		if due > now {
			p.setTurn(due)
			return
		}
		if again {
			r := p.retries.take()
			if r.renews != 0 {
				r.session.renew(r.renews, due)
				continue
			}
			if r.failed {
				r.session.retries++
				p.records.Now.Retries++
			}
			r.session.begin(due)
			continue
		}
		s := &session{part: p, index: int32(p.first + len(p.sessions)*p.step)}
		if handler := p.swarm.o.Handler; handler != nil {
			s.handler = handler(p.number, int(s.index))
		}
		p.sessions = append(p.sessions, s)
		s.begin(due)
	}
	p.setTurn(clock.Now() + 1)
}

// setTurn has the part begin connections at an instant.
func (p *part) setTurn(at clock.Time) {
	p.turn = at
	p.timer.Set(at)
}

// next is when the next attempt is due, 0 for none, and whether it is a retry.
func (p *part) next() (due clock.Time, again bool) {
	if len(p.sessions) < p.size() {
		due = p.swarm.began.Add(p.swarm.o.Pace.Due(p.first + len(p.sessions)*p.step))
	}
	if r := p.retries.first(); r != nil && (due == 0 || r.at < due) {
		return r.at, true
	}
	return due, false
}

func (p *part) retryLater(s *session) {
	p.later(retry{at: clock.Now().Add(p.swarm.o.RetryDelay), session: s, failed: true})
}

// later dials a connection again.
func (p *part) later(r retry) {
	p.retries.add(r)
	due, _ := p.next() // there is one
	if at := max(due, clock.Now()); p.turn == 0 || at < p.turn {
		p.setTurn(at)
	}
}

// dial begins a connection, to its server where it is not sent elsewhere.
func (p *part) dial(s *session, due clock.Time, elsewhere *engine.Endpoint) {
	o := &p.swarm.o
	server := &p.swarm.servers[int(s.index)%len(p.swarm.servers)]
	d := engine.Dial{Endpoint: server.endpoint, Request: p.fill, Due: due, Deflate: o.Deflate, Traffic: &p.traffic,
		EventStream: server.isStream, StreamsPerConnection: o.StreamsPerConnection}
	if s.handler != nil {
		d.Receiver = s.handler
	}
	if elsewhere != nil {
		d.Endpoint = *elsewhere
	}
	if len(o.Sources) > 0 {
		// By rounds of the servers, so that each server sees each source.
		d.Source = o.Sources[int(s.index)/len(p.swarm.servers)%len(o.Sources)]
	}
	p.records.Now.Attempts++
	s.conn = p.loop.Dial(&d, s)
}

// request is called when a connection's request is about to be written.
func (p *part) request(c *engine.Conn, r *handshake.Request) {
	s := c.Handler().(*session)
	r.Path = p.swarm.servers[int(s.index)%len(p.swarm.servers)].path
	if p.swarm.o.Request != nil {
		p.swarm.o.Request(int(s.index), r)
	}
	if s.lastEventID != "" {
		r.Fields = append(r.Fields, handshake.Field{Name: "Last-Event-ID", Value: s.lastEventID})
	}
}

func (p *part) giveUp(s *session) {
	p.givenUp++
	if s.openedAt == 0 {
		p.unreached++
	}
}

// settle is called when something was decided: whether the hold may begin, or
// all is over.
func (p *part) settle() {
	decided := p.reached+p.unreached == p.size()
	if decided && !p.settled {
		p.settled = true
		p.swarm.partSettled()
	}
	if p.stopping && !p.finished && p.active == 0 && p.ended+p.givenUp == len(p.sessions) {
		p.finished = true
		p.timer.Stop()
		p.closer.Stop()
		p.swarm.partFinished()
	}
}

// stop begins the planned end: attempts are given up, and what is open is
// closed over the time given.
func (p *part) stop(over time.Duration) {
	now := clock.Now()
	if p.stopping {
		if left := now.Add(over).Sub(p.closeBegan); left < p.closeOver {
			p.closeOver = left
			p.closeDue(now)
		}
		return
	}
	p.stopping = true
	p.closeBegan, p.closeOver = now, over
	p.timer.Stop()
	for _, r := range p.retries.due {
		if r.renews == 0 {
			p.giveUp(r.session)
		}
	}
	p.retries = retries{}
	for _, s := range p.sessions {
		if s.dropLogin() {
			p.giveUp(s)
		}
		if s.conn != nil && !s.conn.Open() && s.openedAt == 0 {
			s.conn.Close()
		}
	}
	p.toClose = len(p.sessions)
	p.closeDue(now)
	p.settle()
}

// take gives away the record, and goes on with an empty one.
func (p *part) take() *record {
	r, t := p.records.Swap(), &p.traffic
	r.BytesSent, r.BytesReceived = t.Sent, t.Received
	r.MessageBytesSent, r.MessageBytesReceived = t.MessageBytesSent, t.MessageBytes
	r.WireBytesSent, r.WireBytesReceived = t.WireBytesSent, t.WireBytes
	r.MessagesSent, r.MessagesReceived, r.Uncertain = t.MessagesSent, t.Messages, t.Uncertain
	if t.Streams != nil {
		r.Streams = t.Streams.StreamCounts
	}
	*t = engine.Traffic{}
	p.measure()
	return r
}

// measure has the traffic measured into the present record.
func (p *part) measure() {
	series := p.records.Now.series
	p.traffic.ReceiveDelay = series.Of(ReceiveDelay)
	if p.swarm.servers[0].isStream {
		p.traffic.Streams = &engine.StreamMeter{Times: &engine.StreamTimes{
			FirstByte: series.Of(FirstByte), FirstEvent: series.Of(FirstEvent),
			Gap: series.Of(EventGap), LongestStall: series.Of(LongestStall),
		}}
	}
}

// closeDue closes the connections whose close is due, the last opened first.
func (p *part) closeDue(now clock.Time) {
	total := len(p.sessions)
	for ; p.toClose > 0; p.toClose-- {
		due := p.closeBegan.Add(time.Duration(float64(p.closeOver) * float64(total-p.toClose) / float64(total)))
		if due > now {
			p.closer.Set(due)
			return
		}
		if s := p.sessions[p.toClose-1]; s.conn != nil {
			s.conn.Close()
		}
	}
}
