package swarm

import (
	"xk6-realtime/engine"
	"xk6-realtime/engine/clock"
)

// session is one connection of a Swarm, through all its attempts.
type session struct {
	part     *part
	conn     *engine.Conn
	openedAt clock.Time
	index    int32 // of all connections of all shards
	retries  int32
}

func (s *session) Opened(c *engine.Conn, o *engine.Opening) {
	p := s.part
	r := p.record
	s.openedAt = o.Opened
	p.active++
	r.Opened++
	r.histogram(ConnectLatency).Record(o.Latency())
	r.histogram(ConnectDelay).Record(o.Late())
	r.histogram(TCPPhase).Record(o.TCP())
	r.histogram(UpgradePhase).Record(o.Upgrade())
	if o.Resolved != o.Began {
		r.histogram(ResolvePhase).Record(o.Resolve())
	}
	if o.Secured != 0 {
		r.histogram(TLSPhase).Record(o.TLS())
	}
	p.settle()
}

func (s *session) Failed(_ *engine.Conn, _ *engine.Opening, f engine.Failure) {
	p := s.part
	s.conn = nil
	p.record.Failures[f.Reason]++
	p.swarm.noteFailure(f, p)
	if p.stopping || p.swarm.o.Retries >= 0 && int(s.retries) >= p.swarm.o.Retries {
		p.givenUp++
		p.settle()
		return
	}
	p.retryLater(s)
}

func (s *session) Message(_ *engine.Conn, m engine.Message) {
	r := s.part.record
	r.histogram(ReceiveDelay).Record(m.Read.Sub(m.At))
	r.MessagesReceived++
}

func (s *session) Alarm(*engine.Conn, clock.Time) {}

func (s *session) Closed(_ *engine.Conn, e engine.End) {
	p := s.part
	r := p.record
	s.conn = nil
	p.active--
	p.ended++
	r.Closed++
	r.histogram(SessionTime).Record(e.At.Sub(s.openedAt))
	switch {
	case !e.Planned:
		r.Drops[Drop{e.Code, e.By}]++
	case e.By == engine.ByTimeout:
		r.Unanswered++
	}
	if e.Breach != nil {
		r.Breaches[e.Breach.Reason]++
	}
	p.settle()
}
