package swarm

import (
	"time"

	"xk6-realtime/engine"
	"xk6-realtime/engine/clock"
)

// session is one connection of a Swarm, through all its attempts.
type session struct {
	share    *share
	conn     *engine.Conn
	handler  Handler    // nil for none
	openedAt clock.Time // 0 before the first time
	index    int32      // of all connections of all shards
	retries  int32
	access   *access // nil where no login comes first
	// lastEventID is where an event stream that dropped goes on, and retry how long
	// its server asked to wait before.
	lastEventID string
	retry       time.Duration
}

func (s *session) Opened(c *engine.Conn, o *engine.Opening) {
	sh := s.share
	r := sh.records.Now
	if s.openedAt == 0 {
		sh.reached++
	}
	s.openedAt = o.Opened
	sh.active++
	r.Opened++
	if o.Deflate != nil {
		r.Compressed++
	}
	r.series.Of(ConnectLatency).Record(o.Latency())
	r.series.Of(ConnectDelay).Record(o.Late())
	r.series.Of(UpgradePhase).Record(o.Upgrade())
	if o.OpenedTCP() {
		r.founded(o)
	}
	if s.handler != nil {
		s.handler.Opened(c, o)
	}
	if s.access != nil {
		s.renewLater(s.access.RenewAt)
	}
	sh.settle()
}

// founded records what came before the request on a TCP connection of its own.
func (r *record) founded(o *engine.Opening) {
	r.TCPConnections++
	r.series.Of(TCPPhase).Record(o.TCP())
	if o.Resolved != o.Began {
		r.series.Of(ResolvePhase).Record(o.Resolve())
	}
	if o.Tunnelled != 0 {
		r.series.Of(ProxyPhase).Record(o.Proxy())
	}
	if o.Secured != 0 {
		r.series.Of(TLSPhase).Record(o.TLS())
	}
	if o.Settings != 0 {
		r.series.Of(SettingsPhase).Record(o.AwaitSettings())
	}
}

func (s *session) Failed(_ *engine.Conn, o *engine.Opening, f engine.Failure) {
	sh := s.share
	s.conn = nil
	if o.OpenedTCP() {
		sh.records.Now.TCPConnections++
	}
	sh.records.Now.Failures[f.Reason]++
	sh.notice(s, noticeOfFailure(f))
	sh.swarm.noteFailure(f, sh)
	s.attemptFailed()
}

// attemptFailed has the handler or the plan decide whether there is another.
func (s *session) attemptFailed() {
	sh := s.share
	if !sh.stopping && s.handler != nil {
		if now := clock.Now(); s.reopens(now, s.handler.AttemptFailed(now)) {
			return
		}
	}
	if sh.stopping || sh.swarm.o.Retries >= 0 && int(s.retries) >= sh.swarm.o.Retries {
		sh.giveUp(s)
		sh.settle()
		return
	}
	sh.retryLater(s)
}

// Message hears nothing: messages go to the handler, if there is one, and the
// share's traffic counts them.
func (s *session) Message(*engine.Conn, engine.Message) {}

func (s *session) Alarm(c *engine.Conn, now clock.Time) {
	if s.handler != nil {
		s.handler.Alarm(c, now)
	}
}

func (s *session) Closed(c *engine.Conn, e engine.End) {
	sh := s.share
	r := sh.records.Now
	s.conn = nil
	sh.active--
	r.Closed++
	r.series.Of(SessionTime).Record(e.At.Sub(s.openedAt))
	switch {
	case !e.Planned:
		r.Drops[Drop{e.Code, e.By}]++
		if e.By == engine.ByServer && (e.Breach == "" || e.Text != "") {
			sh.notice(s, Notice{Code: e.Code, Text: e.Text})
		}
	case e.By == engine.ByTimeout:
		r.Unanswered++
	}
	if e.Breach != "" {
		r.Breaches[e.Breach]++
	}
	s.lastEventID, s.retry = "", 0
	if !e.Planned {
		on := c.Resumption()
		s.lastEventID, s.retry = on.LastEventID, max(on.Retry, 0)
	}
	if s.handler != nil && s.reopens(clock.Now(), s.handler.Closed(c, e)) {
		return
	}
	sh.ended++
	sh.settle()
}

// reopens sees to it that the connection is opened again, if that is wanted.
func (s *session) reopens(now clock.Time, r Reopen) bool {
	if !r.Wanted || s.share.stopping {
		return false
	}
	s.share.later(retry{at: now.Add(max(r.After, s.retry)), session: s})
	return true
}
