package swarm

import (
	"time"

	"xk6-realtime/engine"
	"xk6-realtime/engine/clock"
)

// Login is the credentials of a connection, given before it is dialled.
type Login struct {
	// Began is when this side began with it. Its lateness is the generator's.
	Began clock.Time
	// Failed says that there is none: the attempt to connect has failed.
	Failed bool
	// Endpoint is where the connection goes instead of to its server; nil for there.
	Endpoint *engine.Endpoint
	// Token is what an open connection renews its session with.
	Token string
	// RenewAt is when an open connection is to be given another login, 0 for never.
	RenewAt clock.Time
	// Ends is when this one stops being good.
	Ends clock.Time
}

// Renewable is a Handler whose open connection can take another token.
type Renewable interface {
	// Renew is called on the loop's goroutine. The token before is good until ends.
	Renew(token string, ends clock.Time)
}

// renewAgainAfter is how long after a renewal failed another is tried, while the
// login before is good.
const renewAgainAfter = time.Second

// access is what the logins of a connection came to.
type access struct {
	Login
	number int32      // of the connection's logins, from 1
	due    clock.Time // of the attempt to connect, or of the renewal
	asked  clock.Time // when the share came to it; 0 while none is under way
}

// begin begins an attempt to connect, after a login where there is one.
func (s *session) begin(due clock.Time) {
	if s.share.swarm.o.LogIn == nil {
		s.share.dial(s, due, nil)
		return
	}
	s.logIn(due, s.loggedIn)
}

// logIn asks for a login. What comes of it is dropped where nobody waits for it any
// more.
func (s *session) logIn(due clock.Time, then func(l Login, took time.Duration)) {
	sh := s.share
	if s.access == nil {
		s.access = &access{}
	}
	a := s.access
	a.number++
	a.due, a.asked = due, clock.Now()
	number := a.number
	sh.swarm.o.LogIn(int(s.index), due, func(l Login) {
		sh.loop.Do(func() {
			if a.number != number || a.asked == 0 {
				return
			}
			sh.records.Now.series.Of(LoginDelay).Record(max(0, l.Began.Sub(due)))
			took := clock.Now().Sub(a.asked)
			a.asked = 0
			then(l, took)
		})
	})
}

// loggedIn dials. The time that a login takes is its own: the connection is due that
// much later.
func (s *session) loggedIn(l Login, took time.Duration) {
	if l.Failed {
		s.share.records.Now.Failures[engine.ReasonLogin]++
		s.attemptFailed()
		return
	}
	s.access.Login = l
	s.share.dial(s, s.access.due.Add(took), l.Endpoint)
}

// renewLater has an open connection given another login at an instant.
func (s *session) renewLater(at clock.Time) {
	if _, can := s.handler.(Renewable); can && at != 0 && !s.share.stopping {
		s.share.later(retry{at: at, session: s, renews: s.access.number})
	}
}

// renew gives the connection that was opened after a login another one.
func (s *session) renew(number int32, due clock.Time) {
	if s.access.number != number || s.conn == nil || !s.conn.Open() {
		return
	}
	s.logIn(due, func(l Login, _ time.Duration) {
		before := s.access.Ends
		switch again := clock.Now().Add(renewAgainAfter); {
		case s.conn == nil || !s.conn.Open():
		case !l.Failed:
			s.access.Login = l
			s.handler.(Renewable).Renew(l.Token, before)
			s.renewLater(l.RenewAt)
		case again < before:
			s.renewLater(again)
		}
	})
}

// dropLogin gives up a login under way, and tells whether a connection waited for it.
func (s *session) dropLogin() bool {
	if s.access == nil || s.access.asked == 0 {
		return false
	}
	s.access.asked = 0
	return s.conn == nil
}
