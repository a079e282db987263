package swarm

import (
	"time"

	"xk6-realtime/engine"
	"xk6-realtime/engine/clock"
	"xk6-realtime/engine/handshake"
	"xk6-realtime/engine/tally"
)

// startsEach is how many connections a share begins before its loop looks to
// the others again. A loop that keeps a share waiting gives it a quarter of that
// time, so that connections which are open already cannot hold up the rest.
const (
	startsEach = 16
	waitShare  = 4
)

// mayStart tells whether a share may begin another connection in its turn, of
// which it has begun n in the time spent, after it waited for the turn.
func mayStart(n int, spent, waited time.Duration) bool {
	return n < startsEach || spent < waited/waitShare
}

// share is the connections of a Swarm that one loop drives. All of it is used on that
// loop's goroutine only.
type share struct {
	swarm   *Swarm
	loop    *engine.Loop
	number  int // of the loop within the engine
	records tally.Pair[record]
	traffic engine.Traffic
	fill    func(*engine.Conn, *handshake.Request)
	timer   *engine.Timer
	turn    clock.Time // for which timer is set, 0 for none
	closer  *engine.Timer

	first, step int // the connections first, first+step, … are this share's
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

// size is how many connections are this share's.
func (sh *share) size() int {
	return max(0, (sh.swarm.o.Connections-sh.first+sh.step-1)/sh.step)
}

func (sh *share) start() {
	sh.sessions = make([]*session, 0, sh.size())
	sh.measure()
	sh.fill = sh.request
	sh.timer = sh.loop.NewTimer(sh.begin)
	sh.closer = sh.loop.NewTimer(sh.closeDue)
	sh.turn = clock.Now()
	sh.begin(sh.turn)
	sh.settle()
}

// begin begins the due connections, a few at a time.
func (sh *share) begin(now clock.Time) {
	if sh.stopping {
		return
	}
	began, waited := clock.Now(), now.Sub(sh.turn)
	sh.turn = 0
	for n := 0; mayStart(n, clock.Now().Sub(began), waited); n++ {
		due, again := sh.next()
		if due == 0 {
			return
		}
		if due > now {
			sh.setTurn(due)
			return
		}
		if again {
			r := sh.retries.take()
			if r.renews != 0 {
				r.session.renew(r.renews, due)
				continue
			}
			if r.failed {
				r.session.retries++
				sh.records.Now.Retries++
			}
			r.session.begin(due)
			continue
		}
		s := &session{share: sh, index: int32(sh.first + len(sh.sessions)*sh.step)}
		if handler := sh.swarm.o.Handler; handler != nil {
			s.handler = handler(sh.number, int(s.index))
		}
		sh.sessions = append(sh.sessions, s)
		s.begin(due)
	}
	sh.setTurn(clock.Now() + 1)
}

// setTurn has the share begin connections at an instant.
func (sh *share) setTurn(at clock.Time) {
	sh.turn = at
	sh.timer.Set(at)
}

// next is when the next attempt is due, 0 for none, and whether it is a retry.
func (sh *share) next() (due clock.Time, again bool) {
	if len(sh.sessions) < sh.size() {
		due = sh.swarm.began.Add(sh.swarm.o.Pace.Due(sh.first + len(sh.sessions)*sh.step))
	}
	if r := sh.retries.first(); r != nil && (due == 0 || r.at < due) {
		return r.at, true
	}
	return due, false
}

func (sh *share) retryLater(s *session) {
	sh.later(retry{at: clock.Now().Add(sh.swarm.o.RetryDelay), session: s, failed: true})
}

// later dials a connection again.
func (sh *share) later(r retry) {
	sh.retries.add(r)
	due, _ := sh.next() // there is one
	if at := max(due, clock.Now()); sh.turn == 0 || at < sh.turn {
		sh.setTurn(at)
	}
}

// dial begins a connection, to its server where it is not sent elsewhere.
func (sh *share) dial(s *session, due clock.Time, elsewhere *engine.Endpoint) {
	o := &sh.swarm.o
	server := &sh.swarm.servers[int(s.index)%len(sh.swarm.servers)]
	d := engine.Dial{Endpoint: server.endpoint, Request: sh.fill, Due: due, Deflate: o.Deflate, Traffic: &sh.traffic,
		EventStream: server.isStream, StreamsPerConnection: o.StreamsPerConnection}
	if s.handler != nil {
		d.Receiver = s.handler
	}
	if elsewhere == nil && o.Elsewhere != nil {
		elsewhere = o.Elsewhere(int(s.index))
	}
	if elsewhere != nil {
		d.Endpoint = *elsewhere
	}
	if len(o.Sources) > 0 {
		// By rounds of the servers, so that each server sees each source.
		d.Source = o.Sources[int(s.index)/len(sh.swarm.servers)%len(o.Sources)]
	}
	sh.records.Now.Attempts++
	s.conn = sh.loop.Dial(&d, s)
}

// request is called when a connection's request is about to be written.
func (sh *share) request(c *engine.Conn, r *handshake.Request) {
	s := c.Handler().(*session)
	r.Path = sh.swarm.servers[int(s.index)%len(sh.swarm.servers)].path
	if sh.swarm.o.Request != nil {
		sh.swarm.o.Request(int(s.index), r)
	}
	if s.lastEventID != "" {
		r.Fields = append(r.Fields, handshake.Field{Name: "Last-Event-ID", Value: s.lastEventID})
	}
}

func (sh *share) giveUp(s *session) {
	sh.givenUp++
	if s.openedAt == 0 {
		sh.unreached++
	}
}

// settle is called when something was decided: whether the hold may begin, or
// all is over.
func (sh *share) settle() {
	decided := sh.reached+sh.unreached == sh.size()
	if decided && !sh.settled {
		sh.settled = true
		sh.swarm.shareSettled()
	}
	if sh.stopping && !sh.finished && sh.active == 0 && sh.ended+sh.givenUp == len(sh.sessions) {
		sh.finished = true
		sh.timer.Stop()
		sh.closer.Stop()
		sh.swarm.shareFinished()
	}
}

// stop begins the planned end: attempts are given up, and what is open is
// closed over the time given.
func (sh *share) stop(over time.Duration) {
	now := clock.Now()
	if sh.stopping {
		if left := now.Add(over).Sub(sh.closeBegan); left < sh.closeOver {
			sh.closeOver = left
			sh.closeDue(now)
		}
		return
	}
	sh.stopping = true
	sh.closeBegan, sh.closeOver = now, over
	sh.timer.Stop()
	for _, r := range sh.retries.due {
		if r.renews == 0 {
			sh.giveUp(r.session)
		}
	}
	sh.retries = retries{}
	for _, s := range sh.sessions {
		if s.dropLogin() {
			sh.giveUp(s)
		}
		if s.conn != nil && !s.conn.Open() && s.openedAt == 0 {
			s.conn.Close()
		}
	}
	sh.toClose = len(sh.sessions)
	sh.closeDue(now)
	sh.settle()
}

// take gives away the record, and goes on with an empty one.
func (sh *share) take() *record {
	r, t := sh.records.Swap(), &sh.traffic
	r.BytesSent, r.BytesReceived = t.Sent, t.Received
	r.MessageBytesSent, r.MessageBytesReceived = t.MessageBytesSent, t.MessageBytes
	r.WireBytesSent, r.WireBytesReceived = t.WireBytesSent, t.WireBytes
	r.MessagesSent, r.MessagesReceived, r.Uncertain = t.MessagesSent, t.Messages, t.Uncertain
	if t.Streams != nil {
		r.Streams = t.Streams.StreamCounts
	}
	*t = engine.Traffic{}
	sh.measure()
	return r
}

// measure has the traffic measured into the present record.
func (sh *share) measure() {
	series := sh.records.Now.series
	sh.traffic.ReceiveDelay = series.Of(ReceiveDelay)
	if sh.swarm.servers[0].isStream {
		sh.traffic.Streams = &engine.StreamMeter{Times: &engine.StreamTimes{
			FirstByte: series.Of(FirstByte), FirstEvent: series.Of(FirstEvent),
			Gap: series.Of(EventGap), LongestStall: series.Of(LongestStall),
		}}
	}
}

// closeDue closes the connections whose close is due, the last opened first.
func (sh *share) closeDue(now clock.Time) {
	total := len(sh.sessions)
	for ; sh.toClose > 0; sh.toClose-- {
		due := sh.closeBegan.Add(time.Duration(float64(sh.closeOver) * float64(total-sh.toClose) / float64(total)))
		if due > now {
			sh.closer.Set(due)
			return
		}
		if s := sh.sessions[sh.toClose-1]; s.conn != nil {
			s.conn.Close()
		}
	}
}
