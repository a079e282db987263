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
	const away = 50 * time.Millisecond
	var uncertain int64
	var latest time.Duration
	for deadline := time.Now().Add(patience); uncertain == 0 || latest < away/2; {
		if time.Now().After(deadline) {
			t.Fatalf("%d arrivals are uncertain, and the receive delay is %v at most; the loop was away for %v while messages came",
				uncertain, latest, away)
		}
		e.Loops()[0].Await(func() { time.Sleep(away) })
		w := s.Snapshot()
		uncertain += w.Uncertain
		if d := w.Series[ReceiveDelay]; d != nil {
			latest = max(latest, d.Max)
		}
	}
}
