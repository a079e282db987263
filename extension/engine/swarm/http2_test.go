package swarm

import (
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"xk6-realtime/engine"
	"xk6-realtime/engine/clock"
	"xk6-realtime/engine/internal/enginetest"
	"xk6-realtime/engine/serve"
)

// restless is a handler that sends, pauses, and leaves as it likes, and comes again.
type restless struct{ open, closed int }

func (r *restless) Opened(c *engine.Conn, _ *engine.Opening) {
	r.open++
	c.SetAlarm(clock.Now().Add(time.Millisecond))
}

func (r *restless) Message(c *engine.Conn, _ engine.Message) {
	if rand.IntN(3) == 0 {
		c.Pause()
		c.Resume()
	}
}

func (r *restless) Alarm(c *engine.Conn, now clock.Time) {
	switch rand.IntN(12) {
	case 0:
		c.Close()
	case 1:
		c.Reset()
	case 2:
		c.Pause()
	case 3:
		c.SetReadRate(50_000)
	default:
		c.Resume()
		c.SendMessage(make([]byte, rand.IntN(20_000)), true)
	}
	c.SetAlarm(now.Add(time.Duration(rand.IntN(5)) * time.Millisecond))
}

func (r *restless) AttemptFailed(clock.Time) Reopen { return Reopen{} }

func (r *restless) Closed(*engine.Conn, engine.End) Reopen {
	r.closed++
	return Reopen{Wanted: true, After: time.Duration(rand.IntN(4)) * time.Millisecond}
}

// Streams come and go in every state, and each is accounted for.
func TestStreamsThatComeAndGoAreAccountedFor(t *testing.T) {
	s, err := serve.Start(serve.Options{Listen: netip.MustParseAddrPort("127.0.0.1:0")})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	e := enginetest.Start(t, engine.Options{Loops: 1, ReceiveBuffer: 30_000})
	handlers := make([]restless, 60)
	w, err := Start(e, Options{
		Servers: []string{s.URL()}, Connections: len(handlers), Pace: Rate(1_000), Hold: time.Hour, StreamsPerConnection: 7,
		Handler: func(_, i int) Handler { return &handlers[i] },
	})
	if err != nil {
		t.Fatal(err)
	}
	const opened = 600
	for total := int64(0); total < opened; total += w.Snapshot().Opened {
		time.Sleep(10 * time.Millisecond)
	}
	w.Stop(0)
	<-w.Done()
	r := w.Result()
	delete(r.Failures, engine.ReasonAborted) // by our own Stop
	open, closed := 0, 0
	for i := range handlers {
		open += handlers[i].open
		closed += handlers[i].closed
	}
	if r.Opened != int64(open) || r.Closed != int64(closed) || open != closed || len(r.Breaches) > 0 || len(r.Failures) > 0 {
		t.Errorf("opened %d, closed %d; to the handlers %d and %d; breaches %v, failures %v", r.Opened, r.Closed, open, closed, r.Breaches, r.Failures)
	}
	if most := int64(open); r.TCPConnections < int64(len(handlers)/7) || r.TCPConnections > most {
		t.Errorf("%d TCP connections for %d streams", r.TCPConnections, open)
	}
	for end := time.Now().Add(20 * time.Second); s.Connections() > 0; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("the server still has %d connections", s.Connections())
		}
	}
}
