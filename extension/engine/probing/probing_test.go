package probing

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"xk6-realtime/engine"
	"xk6-realtime/engine/clock"
	"xk6-realtime/engine/internal/enginetest"
	"xk6-realtime/engine/internal/leaktest"
	"xk6-realtime/engine/protocol"
	"xk6-realtime/engine/swarm"
)

func TestMain(m *testing.M) { os.Exit(leaktest.Main(m)) }

// patience bounds the wait for what must happen; no test waits for it to pass.
const patience = 30 * time.Second

const slowSession = 200 * time.Millisecond

const descriptor = `{
	"name": "asks",
	"session": [{ "send": "{\"hello\":${user}}", "await": { "where": { "/welcome": true } } }],
	"probe": { "send": "{\"ask\":${id},\"pad\":${payload}}" },
	"reply": [{ "name": "first", "where": { "/kind": "first" }, "match": "id", "id": "/id" },
	          { "name": "second", "where": { "/kind": "second" }, "match": "id", "id": "/id" }],
	"error": { "where": { "/kind": "error" }, "settles": "id" }
}`

// answerer serves the descriptor's protocol; answer is called for the n-th
// question, from 1. Under /rude there are no sessions, under /slow each takes
// slowSession to be had.
func answerer(t *testing.T, answer func(n int64, say func(kind string), ws *websocket.Conn)) (url string) {
	t.Helper()
	var asked atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		upgrader := websocket.Upgrader{}
		ws, err := upgrader.Upgrade(w, r, nil)
		if err != nil {
			return
		}
		defer ws.Close()
		for {
			var m struct{ Hello, Ask *string }
			if err := ws.ReadJSON(&m); err != nil {
				return
			}
			if m.Hello != nil && r.URL.Path == "/rude" {
				ws.WriteMessage(websocket.TextMessage, []byte(`{"kind":"error"}`))
				continue
			}
			if m.Hello != nil && r.URL.Path == "/slow" {
				time.Sleep(slowSession)
			}
			if m.Hello != nil {
				ws.WriteMessage(websocket.TextMessage, []byte(`{"welcome":true}`))
				continue
			}
			id, _ := json.Marshal(m.Ask)
			answer(asked.Add(1), func(kind string) {
				ws.WriteMessage(websocket.TextMessage, []byte(`{"kind":"`+kind+`","id":`+string(id)+`}`))
			}, ws)
		}
	}))
	t.Cleanup(server.Close)
	return "ws" + strings.TrimPrefix(server.URL, "http")
}

// start makes a Run of connections to a server.
func start(t *testing.T, e *engine.Engine, url string, connections int, o Options) (*Run, *swarm.Swarm) {
	t.Helper()
	p, err := protocol.Parse([]byte(descriptor))
	if err != nil {
		t.Fatal(err)
	}
	o.Protocol = p
	o.Variables = func(int) []string { return []string{"ann"} }
	r, err := New(e, o)
	if err != nil {
		t.Fatal(err)
	}
	s, err := swarm.Start(e, swarm.Options{
		Servers: []string{url}, Connections: connections, Pace: swarm.Rate(1e6), Hold: time.Hour, Handler: r.Handler,
	})
	if err != nil {
		t.Fatal(err)
	}
	return r, s
}

// run probes a server and returns the whole account.
func run(t *testing.T, e *engine.Engine, url string, connections int, o Options) *Window {
	t.Helper()
	r, s := start(t, e, url, connections, o)
	if err := r.Drive(s, nil); err != nil {
		t.Fatal(err)
	}
	select {
	case <-s.Done():
	case <-time.After(patience):
		t.Fatal("the swarm never ended")
	}
	return r.Snapshot()
}

func TestEveryReplyIsAccountedFor(t *testing.T) {
	enginetest.OnEachTransport(t, func(t *testing.T, e *engine.Engine) {
		var missing, refused, repeated atomic.Int64
		url := answerer(t, func(n int64, say func(string), _ *websocket.Conn) {
			switch {
			case n%7 == 0:
				missing.Add(1)
				say("first")
			case n%11 == 0:
				refused.Add(1)
				say("error")
			case n%13 == 0:
				repeated.Add(1)
				say("first")
				say("first")
				say("second")
			default:
				say("first")
				say("second")
			}
		})
		const timeout = 3 * time.Second
		w := run(t, e, url, 20, Options{Interval: 20 * time.Millisecond, For: 400 * time.Millisecond, Timeout: timeout})
		want := Counts{
			Probes:     w.Probes,
			InTime:     2*w.Probes - missing.Load() - 2*refused.Load(),
			TimedOut:   missing.Load(),
			Lost:       missing.Load(),
			Refused:    2 * refused.Load(),
			Errors:     refused.Load(),
			Duplicated: repeated.Load(),
		}
		if w.Counts != want || missing.Load() == 0 || refused.Load() == 0 || repeated.Load() == 0 {
			t.Errorf("counted %+v\n want %+v", w.Counts, want)
		}
		first, second, delay := w.Series[RTT(0)], w.Series[RTT(1)], w.Series[SendDelay]
		if first.Count != w.Probes-refused.Load() || second.Count != first.Count || delay.Count != w.Probes {
			t.Errorf("%d and %d response times and %d delays of %d probes", first.Count, second.Count, delay.Count, w.Probes)
		}
		if second.Max != timeout || first.Min <= 0 || w.Series[Service(0)].Min <= 0 {
			t.Errorf("response times from %v to %v, want those that timed out to count as the time-out", first.Min, second.Max)
		}
	})
}

// A server that stalls once is late for every probe that fell due meanwhile,
// not only for the one that it had in hand.
func TestAStallShowsWhole(t *testing.T) {
	enginetest.OnEachTransport(t, func(t *testing.T, e *engine.Engine) {
		const stall, interval = 300 * time.Millisecond, 10 * time.Millisecond
		url := answerer(t, func(n int64, say func(string), _ *websocket.Conn) {
			if n == 10 {
				time.Sleep(stall)
			}
			say("first")
			say("second")
		})
		w := run(t, e, url, 1, Options{Interval: interval, For: 600 * time.Millisecond})
		slow := int64(0)
		for _, bar := range w.Series[RTT(0)].Bars {
			if bar.Value >= stall/2 {
				slow += bar.Count
			}
		}
		if want := int64(stall / 2 / interval * 8 / 10); slow < want || w.Series[RTT(0)].Max < stall {
			t.Errorf("%d response times of half the stall or more, the longest %v; want at least %d, and %v",
				slow, w.Series[RTT(0)].Max, want, stall)
		}
	})
}

// A generator that was away sends what fell due meanwhile, and says how late.
func TestDueTimesDoNotMove(t *testing.T) {
	enginetest.OnEachTransport(t, func(t *testing.T, e *engine.Engine) {
		const away, interval = 200 * time.Millisecond, 10 * time.Millisecond
		url := answerer(t, func(n int64, say func(string), _ *websocket.Conn) {
			if n == 5 {
				for _, l := range e.Loops() {
					l.Do(func() { time.Sleep(away) })
				}
			}
			say("first")
			say("second")
		})
		w := run(t, e, url, 1, Options{Interval: interval, For: 500 * time.Millisecond})
		late := int64(0)
		for _, bar := range w.Series[SendDelay].Bars {
			if bar.Value >= away/4 {
				late += bar.Count
			}
		}
		if want := int64(away / 2 / interval); late < want || w.TimedOut > 0 {
			t.Errorf("%d probes were sent late by %v or more, want at least %d: %+v", late, away/4, want, w.Counts)
		}
	})
}

// A loop that is behind sends one probe of each connection, then looks to all
// else: to send all at once would set it back further.
func TestALoopThatIsBehindCatchesUpProbeByProbe(t *testing.T) {
	e := enginetest.Start(t, engine.Options{Loops: 1})
	ready := make(chan struct{}, 1)
	url := answerer(t, func(n int64, say func(string), _ *websocket.Conn) {
		say("first")
		say("second")
		select {
		case ready <- struct{}{}:
		default:
		}
	})
	r, s := start(t, e, url, 1, Options{Interval: time.Millisecond, For: time.Hour})
	l := r.loops[0]
	<-ready
	sent := make(chan int32)
	l.loop.Do(func() {
		const behind = 20
		p := l.probers[0]
		for until := p.next.Add(behind * time.Millisecond); clock.Now() < until; {
			time.Sleep(time.Millisecond)
		}
		before := p.probes
		l.loop.Do(func() { sent <- p.probes - before }) // after the next turn's alarms
	})
	if n := <-sent; n != 1 {
		t.Errorf("%d probes were sent in one turn, want 1", n)
	}
	s.Stop(0)
	<-s.Done()
}

// What was sent after its time-out and answered at once was served at once.
func TestServiceTimesBeginWithTheSending(t *testing.T) {
	e := enginetest.Start(t, engine.Options{Loops: 1})
	p, err := protocol.Parse([]byte(descriptor))
	if err != nil {
		t.Fatal(err)
	}
	const timeout = time.Second
	r, err := New(e, Options{
		Protocol: p, Variables: func(int) []string { return []string{"ann"} }, Interval: time.Hour, For: time.Hour, Timeout: timeout,
	})
	if err != nil {
		t.Fatal(err)
	}
	l := r.loops[0]
	l.loop.Await(func() {
		due := clock.Now()
		sent := due.Add(3 * timeout)
		at := sent.Add(timeout / 2)
		(&prober{loop: l, now: at}).Replied(&protocol.Reply{Outcome: protocol.InTime, Due: due, Sent: sent, At: at})
	})
	w := r.Snapshot()
	if rtt, service := w.Series[RTT(0)], w.Series[Service(0)]; rtt.Max.Round(10*time.Millisecond) != timeout ||
		service.Max.Round(10*time.Millisecond) != timeout/2 {
		t.Errorf("response time %v, service time %v; want %v and %v", rtt.Max, service.Max, timeout, timeout/2)
	}
}

func TestAConnectionThatDropsLosesItsReplies(t *testing.T) {
	enginetest.OnEachTransport(t, func(t *testing.T, e *engine.Engine) {
		url := answerer(t, func(n int64, say func(kind string), ws *websocket.Conn) {
			if n == 5 {
				ws.Close()
				return
			}
			say("first")
			say("second")
		})
		// The other connection goes on, and the load that was planned stays.
		w := run(t, e, url, 2, Options{
			Interval: 20 * time.Millisecond, For: 400 * time.Millisecond,
			BackoffBase: 1000 * time.Hour, // it does not come back
		})
		if w.Cut < 2 || w.Lost != w.Cut+w.Missed || w.InTime+w.Cut+w.Missed != 2*w.Probes {
			t.Errorf("%+v, want the replies of the fifth probe, and of those after it there, lost", w.Counts)
		}
		if fewest := int64(2 * 400 / 20 / 2); w.Probes < fewest || w.Missed < fewest/2 {
			t.Errorf("%d probes fell due, %d replies of them without a connection: want at least %d and %d",
				w.Probes, w.Missed, fewest, fewest/2)
		}
		if rtt := w.Series[RTT(0)]; rtt.Count != w.Probes || rtt.Max != 5*time.Second {
			t.Errorf("%d response times of %d probes, the longest %v: want each, those lost with the time-out",
				rtt.Count, w.Probes, rtt.Max)
		}
	})
}

func TestAConnectionThatDropsComesBack(t *testing.T) {
	enginetest.OnEachTransport(t, func(t *testing.T, e *engine.Engine) {
		var lost atomic.Int64
		url := answerer(t, func(n int64, say func(kind string), ws *websocket.Conn) {
			if n == 5 || n == 12 {
				ws.Close()
				lost.Add(1)
				return
			}
			say("first")
			say("second")
		})
		w := run(t, e, url+"/slow", 1, Options{
			Interval: 20 * time.Millisecond, For: 2 * time.Second,
			BackoffBase: 50 * time.Millisecond, BackoffCap: 50 * time.Millisecond,
		})
		if w.Reconnects != 2 || w.Lost != w.Cut+w.Missed || w.InTime+w.Cut+w.Missed != 2*w.Probes || w.Cut < 2*lost.Load() {
			t.Errorf("%+v, want that it came back twice, and every reply accounted for", w.Counts)
		}
		// What fell due while it was away is not asked all at once when it is back.
		if away := int64(2 * slowSession / (20 * time.Millisecond)); w.Missed < 2*(away-2) || w.InTime < 2*15 {
			t.Errorf("%d replies missed and %d in time, want at least %d and 30", w.Missed, w.InTime, 2*(away-2))
		}
		if took := w.Series[ReconnectTime]; took == nil || took.Count != 2 || took.Min < slowSession*99/100 {
			t.Errorf("times to come back %+v: want 2, no less than %v", took, slowSession)
		}
	})
}

func TestBackOff(t *testing.T) {
	o := Options{BackoffBase: time.Second, BackoffCap: 10 * time.Second}
	for _, test := range []struct {
		name    string
		attempt int
		random  float64
		want    time.Duration
	}{
		{"at once at the least", 0, 0, 0},
		{"up to the base at first", 0, 0.5, 500 * time.Millisecond},
		{"then up to twice that", 1, 0.5, time.Second},
		{"and so on", 3, 0.5, 4 * time.Second},
		{"up to the cap", 4, 0.5, 5 * time.Second},
		{"for ever", 127, 0.5, 5 * time.Second},
	} {
		if got := o.backOff(test.attempt, test.random); got != test.want {
			t.Errorf("%s: %v, want %v", test.name, got, test.want)
		}
	}
}

func TestWithoutASessionEveryProbeIsLost(t *testing.T) {
	enginetest.OnEachTransport(t, func(t *testing.T, e *engine.Engine) {
		url := answerer(t, func(int64, func(string), *websocket.Conn) { t.Error("a probe came") })
		w := run(t, e, url+"/rude", 3, Options{Interval: 20 * time.Millisecond, For: 400 * time.Millisecond})
		if w.Sessions < 3 || w.Errors != w.Sessions || w.Reconnects != 0 || w.Probes < 3*400/20/2 || w.Missed != 2*w.Probes || w.Lost != w.Missed {
			t.Errorf("%+v, want failed sessions only, and every probe that fell due lost", w.Counts)
		}
	})
}

func TestWhatAStoppedRunDidNotWaitForIsNotLost(t *testing.T) {
	enginetest.OnEachTransport(t, func(t *testing.T, e *engine.Engine) {
		stop := make(chan struct{})
		url := answerer(t, func(n int64, _ func(string), _ *websocket.Conn) {
			if n == 10 {
				close(stop)
			}
		})
		r, s := start(t, e, url, 2, Options{Interval: 10 * time.Millisecond, For: time.Hour, Timeout: time.Hour})
		if err := r.Drive(s, stop); err != nil {
			t.Fatal(err)
		}
		<-s.Done()
		w := r.Snapshot()
		if want := (Counts{Probes: w.Probes}); w.Counts != want || w.Probes < 10 {
			t.Errorf("%+v, want probes and nothing else", w.Counts)
		}
	})
}

func TestPhasesAreSpreadEvenly(t *testing.T) {
	o := Options{Interval: time.Second}
	for _, n := range []int{1, 10, 1000} {
		var quarters [4]int
		for i := range n {
			phase := o.phase(i)
			if phase < 0 || phase >= o.Interval {
				t.Fatalf("connection %d begins after %v", i, phase)
			}
			quarters[phase*4/o.Interval]++
		}
		for q, count := range quarters {
			if n >= 10 && (count < n/4-1 || count > n/4+2) {
				t.Errorf("of %d connections %d begin in quarter %d", n, count, q)
			}
		}
	}
}

func TestOptionsAreChecked(t *testing.T) {
	p, err := protocol.Parse([]byte(descriptor))
	if err != nil {
		t.Fatal(err)
	}
	silent, err := protocol.Parse([]byte(`{"name":"silent"}`))
	if err != nil {
		t.Fatal(err)
	}
	good := Options{Protocol: p, Interval: 1, For: 1, Variables: func(int) []string { return nil }}
	tests := []struct {
		name   string
		change func(o *Options)
		want   string
	}{
		{"no protocol", func(o *Options) { o.Protocol = nil }, "Protocol"},
		{"a protocol without a probe", func(o *Options) { o.Protocol = silent }, "want one with a probe"},
		{"no variables", func(o *Options) { o.Variables = nil }, "[user]"},
		{"no interval", func(o *Options) { o.Interval = 0 }, "Interval"},
		{"no time", func(o *Options) { o.For = 0 }, "For"},
		{"a cap below the base", func(o *Options) { o.BackoffBase, o.BackoffCap = 2, 1 }, "BackoffCap"},
	}
	for _, test := range tests {
		o := good
		test.change(&o)
		if _, err := New(nil, o); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: error %v, want one that says %q", test.name, err, test.want)
		}
	}
}
