package probing

import (
	"net/netip"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"xk6-realtime/engine"
	"xk6-realtime/engine/clock"
	"xk6-realtime/engine/internal/enginetest"
	"xk6-realtime/engine/serve"
)

// occupier keeps its loop occupied from a message on until released.
type occupier struct{ occupied, released chan struct{} }

func (h *occupier) Message(*engine.Conn, engine.Message) {
	close(h.occupied)
	<-h.released
}
func (h *occupier) Opened(*engine.Conn, *engine.Opening)                 {}
func (h *occupier) Failed(*engine.Conn, *engine.Opening, engine.Failure) {}
func (h *occupier) Alarm(*engine.Conn, clock.Time)                       {}
func (h *occupier) Closed(*engine.Conn, engine.End)                      {}

// A reply is in time or not by when the kernel had it. That another connection
// keeps the loop until after the time-out changes nothing; where it leaves that
// in doubt, the reply is in time.
func TestRepliesAreJudgedByTheirArrival(t *testing.T) {
	const timeout = 2 * time.Second
	for _, row := range []struct {
		sentence                string
		inTime, late            []string // what the server says, in that order
		wantInTime, wantTooLate int64
	}{
		{"both came in time", []string{"first", "second"}, nil, 2, 0},
		{"both came in time, and something else was read with them that did not", []string{"first", "second"}, []string{"other"}, 2, 0},
		{"the second came too late", []string{"first"}, []string{"second"}, 1, 1},
	} {
		t.Run(row.sentence, func(t *testing.T) {
			t.Parallel()
			echo, err := serve.Start(serve.Options{Listen: netip.MustParseAddrPort("127.0.0.1:0")})
			if err != nil {
				t.Fatal(err)
			}
			defer echo.Close()
			e := enginetest.Start(t, engine.Options{Loops: 1})
			l := e.Loops()[0]
			h := &occupier{make(chan struct{}), make(chan struct{})}
			endpoint, _, err := engine.ParseURL(echo.URL())
			if err != nil {
				t.Fatal(err)
			}
			var other *engine.Conn
			l.Await(func() { other = l.Dial(&engine.Dial{Endpoint: endpoint}, h) })
			for open := false; !open; {
				l.Await(func() { open = other.Open() })
			}
			url := answerer(t, func(n int64, say func(kind string), _ *websocket.Conn) {
				l.Do(func() { other.Send(engine.Text, []byte("x")) })
				<-h.occupied
				for _, kind := range row.inTime {
					say(kind)
				}
				time.Sleep(timeout + 10*time.Millisecond) // it was due some time before
				for _, kind := range row.late {
					say(kind)
				}
				close(h.released)
			})
			r, s := start(t, e, url, 1, Options{Interval: time.Hour, For: time.Hour, Timeout: timeout}) // a single probe
			stop, driven := make(chan struct{}), make(chan error)
			go func() { driven <- r.Drive(s, stop) }()
			var got Counts
			add := func(w *Window) {
				got.InTime += w.InTime
				got.TimedOut += w.TimedOut
				got.Late += w.Late
			}
			for deadline := time.Now().Add(patience); got.InTime+got.TimedOut < 2; {
				if time.Now().After(deadline) {
					t.Fatalf("%+v, want both replies to have come, or not", got)
				}
				w := r.Snapshot()
				add(w)
				for i := range 2 {
					if d := w.Series[RTT(i)]; d != nil && d.Max > timeout+timeout/100 { // the histogram's own error
						t.Errorf("reply %d took %v, want no more than the time-out", i, d.Max)
					}
				}
				time.Sleep(time.Millisecond)
			}
			close(stop)
			if err := <-driven; err != nil {
				t.Error(err)
			}
			<-s.Done()
			add(r.Snapshot())
			if got.InTime != row.wantInTime || got.TimedOut != row.wantTooLate || got.Late != row.wantTooLate {
				t.Errorf("in time %d, timed out %d, late %d; want %d, %d, %[5]d",
					got.InTime, got.TimedOut, got.Late, row.wantInTime, row.wantTooLate)
			}
		})
	}
}
