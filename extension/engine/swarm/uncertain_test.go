//go:build linux

package swarm

import (
	"testing"
	"time"

	"xk6-realtime/engine"
	"xk6-realtime/engine/internal/enginetest"
	"xk6-realtime/engine/serve"
)

// A loop that is away while several messages arrive on a connection cannot
// know when the first of them did, and says so.
func TestArrivalsThatAreNotKnownAreCounted(t *testing.T) {
	server := startServer(t, serve.Options{Interval: time.Millisecond})
	e := enginetest.Start(t, engine.Options{Transport: engine.Epoll, Loops: 1})
	s := start(t, e, Options{Servers: []string{server.URL()}, Connections: 1, Pace: Rate(1), Hold: time.Hour})
	defer s.Stop(0)
	await(t, "settled", s.Settled())
	var uncertain int64
	for deadline := time.Now().Add(patience); uncertain == 0 && time.Now().Before(deadline); {
		const away = 50 * time.Millisecond
		e.Loops()[0].Await(func() { time.Sleep(away) })
		w := s.Snapshot()
		uncertain += w.Uncertain
		if w.Uncertain > 0 && w.Series[ReceiveDelay].Max < away/5 {
			t.Errorf("%d arrivals are uncertain, and the receive delay is %v at most, want it to tell of the %v",
				w.Uncertain, w.Series[ReceiveDelay].Max, away)
		}
	}
	if uncertain == 0 {
		t.Error("no arrival is uncertain, want some: the loop was away while messages came")
	}
}
