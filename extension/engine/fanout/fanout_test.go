package fanout

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"xk6-realtime/engine"
	"xk6-realtime/engine/clock"
	"xk6-realtime/engine/internal/enginetest"
	"xk6-realtime/engine/internal/leaktest"
	"xk6-realtime/engine/protocol"
	"xk6-realtime/engine/swarm"
	"xk6-realtime/engine/tally"
)

func TestMain(m *testing.M) { os.Exit(leaktest.Main(m)) }

// patience bounds the wait for what must happen; no test waits for it to pass.
const patience = 30 * time.Second

const descriptor = `{
	"name": "rooms",
	"session": [{ "send": "{\"join\":${room},\"number\":${connection}}", "await": { "where": { "/joined": true } } }],
	"publish": { "send": "{\"room\":${room},\"id\":${id},\"payload\":${payload}}" },
	"delivery": { "where": { "/kind": "message" }, "id": "/id", "room": "/room", "sentAt": { "at": "/ms", "unit": "ms" } }
}`

func parse(t *testing.T, text string) *protocol.Protocol {
	t.Helper()
	var d protocol.Descriptor
	if err := json.Unmarshal([]byte(text), &d); err != nil {
		t.Fatal(err)
	}
	p, err := protocol.Compile(&d)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// roomServer speaks the descriptor's protocol, and loses, repeats and reorders
// deliveries to subscribers as it is told, by their numbers from 1.
type roomServer struct {
	rooms                     map[string][]*roomClient
	lose, repeat, delay       func(n int) bool
	faultsFrom                int // the first connection that is hit by them
	deliveries                int
	lost, repeated, reordered atomic.Int64
	ahead                     time.Duration // of its clock
	patience                  int           // publications of one connection that it takes; 0: all
}

type roomClient struct {
	server       *roomServer
	conn         *engine.Conn
	room         string
	held         []byte // a delivery that goes out after the next
	number       int
	silent       bool // a publisher, which gets no faults
	publications int
}

func never(int) bool { return false }

func startRooms(t *testing.T, s *roomServer) (url string) {
	t.Helper()
	e := enginetest.Start(t, engine.Options{Loops: 1})
	s.rooms = map[string][]*roomClient{}
	var err error
	e.Loops()[0].Await(func() {
		var l *engine.Listener
		l, err = e.Loops()[0].Listen(netip.MustParseAddrPort("127.0.0.1:0"), false, func(c *engine.Conn) engine.Handler {
			return &roomClient{server: s, conn: c}
		})
		if err == nil {
			url = "ws://" + l.Addr().String()
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return url
}

func (c *roomClient) Opened(*engine.Conn, *engine.Opening)                 {}
func (c *roomClient) Failed(*engine.Conn, *engine.Opening, engine.Failure) {}
func (c *roomClient) Alarm(*engine.Conn, clock.Time)                       {}

func (c *roomClient) Closed(*engine.Conn, engine.End) {
	there := c.server.rooms[c.room]
	for i, other := range there {
		if other == c {
			c.server.rooms[c.room] = append(there[:i:i], there[i+1:]...)
		}
	}
}

func (c *roomClient) Message(_ *engine.Conn, m engine.Message) {
	var in struct {
		Join, Room, ID string
		Number         int
	}
	if m.Kind != engine.Text || json.Unmarshal(m.Data, &in) != nil {
		return
	}
	if in.Join != "" {
		c.room, c.number = in.Join, in.Number
		c.server.rooms[c.room] = append(c.server.rooms[c.room], c)
		c.conn.Send(engine.Text, []byte(`{"joined":true}`))
		return
	}
	c.silent = true
	if c.publications++; c.server.patience != 0 && c.publications > c.server.patience {
		c.conn.CloseWith(1011, "")
		return
	}
	out := fmt.Appendf(nil, `{"kind":"message","id":%q,"room":%q,"ms":%.3f}`, in.ID, in.Room, float64(time.Now().Add(c.server.ahead).UnixNano())/1e6)
	for _, to := range c.server.rooms[in.Room] {
		to.deliver(out)
	}
}

func (c *roomClient) deliver(message []byte) {
	s := c.server
	if c.silent {
		return
	}
	if c.number < s.faultsFrom {
		c.conn.Send(engine.Text, message)
		return
	}
	s.deliveries++
	switch n := s.deliveries; {
	case s.lose(n):
		s.lost.Add(1)
		return
	case s.delay(n) && c.held == nil:
		c.held = message
		return
	case s.repeat(n):
		s.repeated.Add(1)
		c.conn.Send(engine.Text, message)
	}
	c.conn.Send(engine.Text, message)
	if c.held != nil {
		s.reordered.Add(1)
		c.conn.Send(engine.Text, c.held)
		c.held = nil
	}
}

// fanOut runs a fan-out to its end and sums up its windows.
func fanOut(t *testing.T, e *engine.Engine, url string, o Options) (total Counts, last *Window, r *swarm.Result) {
	t.Helper()
	if o.Plan.Shards == 0 {
		o.Plan.Shards = 1
	}
	o.Name = "test"
	if o.Protocol == nil {
		o.Protocol = parse(t, descriptor)
	}
	o.Variables = func(i int) []string { return []string{fmt.Sprint("room-", i%o.Plan.Rooms), fmt.Sprint(i)} }
	run, err := New(e, o)
	if err != nil {
		t.Fatal(err)
	}
	s, err := swarm.Start(e, swarm.Options{
		Servers: []string{url}, Connections: o.Plan.Connections(), Pace: swarm.Rate(5_000), Hold: time.Hour, Handler: run.Handler,
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := run.Drive(s, nil); err != nil {
		t.Fatal(err)
	}
	select {
	case <-s.Done():
	case <-time.After(patience):
		t.Fatal("the connections did not end")
	}
	w := run.Snapshot()
	tally.Add(&total, &w.Counts)
	return total, w, s.Result()
}

func TestEveryPublicationComesOnceToAllOfItsRoom(t *testing.T) {
	enginetest.OnEachTransport(t, func(t *testing.T, e *engine.Engine) {
		url := startRooms(t, &roomServer{lose: never, repeat: never, delay: never})
		c, w, r := fanOut(t, e, url, Options{
			Plan: Plan{Subscribers: 60, Rooms: 3, Publishers: 6, Rate: 100}, For: time.Second, Payload: []byte("x"),
		})
		if c.Published != 100 || c.Deliveries != 100*20 || c.InTime != c.Deliveries {
			t.Errorf("got %+v, want 100 publications, each to the 20 of its room", c)
		}
		if c.Lost+c.Late+c.Duplicated+c.Reordered+c.Foreign+c.Unsent+c.Sessions+c.Errors+c.Invalid+c.Forgotten != 0 {
			t.Errorf("got %+v, want no fault", c)
		}
		if w.Series[Lag].Count != c.Deliveries || w.Series[ServerLag].Count != c.Deliveries || w.Series[Spread].Count != c.Published {
			t.Errorf("got %d lags, %d server lags, %d spreads", w.Series[Lag].Count, w.Series[ServerLag].Count, w.Series[Spread].Count)
		}
		if lag, spread := w.Series[Lag].Max, w.Series[Spread].Max; lag != spread {
			t.Errorf("the slowest delivery took %v, the widest spread is %v", lag, spread)
		}
		if lag, server := w.Series[Lag].SumNs, w.Series[ServerLag].SumNs; server >= lag || w.Series[ServerLag].Min <= 0 {
			t.Errorf("from the server's stamp %v ns, least %v, from the due time %v ns", server, w.Series[ServerLag].Min, lag)
		}
		if r.Opened != 66 || len(r.Drops) != 0 {
			t.Errorf("opened %d, drops %v", r.Opened, r.Drops)
		}
	})
}

func TestWhatADroppedPublisherDoesNotPublishIsCounted(t *testing.T) {
	enginetest.OnEachTransport(t, func(t *testing.T, e *engine.Engine) {
		url := startRooms(t, &roomServer{lose: never, repeat: never, delay: never, patience: 5})
		c, _, r := fanOut(t, e, url, Options{
			Plan: Plan{Subscribers: 4, Rooms: 2, Publishers: 2, Rate: 100}, For: time.Second, Timeout: 500 * time.Millisecond,
		})
		if c.Published+c.Unsent != 100 || c.Published < 10 || c.Unsent < 10 || len(r.Drops) == 0 {
			t.Errorf("got %+v and drops %v, want 100 publications made or counted as not", c, r.Drops)
		}
	})
}

// A healthy server has lost nothing when a run is stopped in its midst.
func TestWhatAStoppedRunDidNotWaitForIsNotLost(t *testing.T) {
	enginetest.OnEachTransport(t, func(t *testing.T, e *engine.Engine) {
		for range 3 {
			plan := Plan{Subscribers: 200, Rooms: 2, Publishers: 4, Rate: 500, Shards: 1}
			r, err := New(e, Options{
				Plan: plan, Protocol: parse(t, descriptor), Name: "test", For: time.Hour,
				Variables: func(i int) []string { return []string{fmt.Sprint("room-", i%plan.Rooms), fmt.Sprint(i)} },
			})
			if err != nil {
				t.Fatal(err)
			}
			url := startRooms(t, &roomServer{lose: never, repeat: never, delay: never})
			s, err := swarm.Start(e, swarm.Options{
				Servers: []string{url}, Connections: plan.Connections(), Pace: swarm.Rate(10_000), Hold: time.Hour, Handler: r.Handler,
			})
			if err != nil {
				t.Fatal(err)
			}
			stop, driven := make(chan struct{}), make(chan error)
			go func() { driven <- r.Drive(s, stop) }()
			var c Counts
			for c.Published < 100 {
				tally.Add(&c, &r.Snapshot().Counts)
			}
			close(stop)
			if err := <-driven; err != nil {
				t.Fatal(err)
			}
			<-s.Done()
			tally.Add(&c, &r.Snapshot().Counts)
			if c.Lost != 0 || c.Unsent != 0 || c.Deliveries < 100*100/2 {
				t.Errorf("got %+v, want many deliveries, none lost", c)
			}
		}
	})
}

func TestTheStampsOfAnotherClockAreNoLags(t *testing.T) {
	enginetest.OnEachTransport(t, func(t *testing.T, e *engine.Engine) {
		for _, ahead := range []time.Duration{5 * time.Minute, -5 * time.Minute} {
			url := startRooms(t, &roomServer{lose: never, repeat: never, delay: never, ahead: ahead})
			c, w, _ := fanOut(t, e, url, Options{
				Plan: Plan{Subscribers: 4, Rooms: 1, Publishers: 1, Rate: 50}, For: 200 * time.Millisecond,
			})
			if c.ClockDiffers != c.Deliveries || c.Deliveries != 40 || w.Series[ServerLag] != nil {
				t.Errorf("with a server %v ahead, got %+v and lags %v", ahead, c, w.Series[ServerLag])
			}
			if w.Series[Lag].Count != c.Deliveries {
				t.Errorf("with a server %v ahead, got %d lags from the due time", ahead, w.Series[Lag].Count)
			}
		}
	})
}

func TestFaultsAreCountedExactlyWhileSubscribersComeAndGo(t *testing.T) {
	enginetest.OnEachTransport(t, func(t *testing.T, e *engine.Engine) {
		first := func(every, count int) func(int) bool {
			return func(n int) bool { return n%every == 0 && n/every <= count }
		}
		// Those that come and go get no faults: what the server loses on its way to one that has begun to leave
		// was not due, which the server cannot know.
		const stable = 20
		s := &roomServer{lose: first(101, 10), repeat: first(103, 10), delay: first(107, 10), faultsFrom: stable}
		c, _, r := fanOut(t, e, startRooms(t, s), Options{
			Plan:    Plan{Subscribers: 40, Rooms: 2, Publishers: 2, Rate: 200},
			For:     2 * time.Second,
			Timeout: 3 * time.Second,
			Churn:   stable / 4,
		})
		if s.lost.Load() != 10 || s.repeated.Load() != 10 || s.reordered.Load() != 10 {
			t.Fatalf("the server lost %d, repeated %d and reordered %d", s.lost.Load(), s.repeated.Load(), s.reordered.Load())
		}
		if c.Lost != 10 || c.Duplicated != 10 || c.Reordered != 10 {
			t.Errorf("lost %d, duplicated %d, reordered %d, want 10 each", c.Lost, c.Duplicated, c.Reordered)
		}
		if c.Foreign+c.Unsent+c.Sessions+c.Invalid != 0 || c.Published != 400 {
			t.Errorf("got %+v", c)
		}
		if r.Opened != 42+stable/2 {
			t.Errorf("opened %d, want the 42 and the 10 that came back", r.Opened)
		}
	})
}

func TestASessionThatFailsIsCounted(t *testing.T) {
	url := startRooms(t, &roomServer{lose: never, repeat: never, delay: never})
	wrong := strings.Replace(descriptor, `"/joined": true`, `"/joined": false`, 1)
	wrong = strings.Replace(wrong, `} } }],`, `} }, "within": "50ms" }],`, 1)
	c, _, r := fanOut(t, enginetest.Start(t, engine.Options{Transport: engine.Goroutines, Loops: 2}), url, Options{
		Protocol: parse(t, wrong), Plan: Plan{Subscribers: 4, Rooms: 1, Publishers: 1, Rate: 10}, For: 100 * time.Millisecond,
	})
	if c.Sessions != 5 || c.Published != 0 || r.Opened != 5 {
		t.Errorf("got %+v, opened %d; want 5 failed sessions", c, r.Opened)
	}
}

func TestOptionsAreRefused(t *testing.T) {
	e := enginetest.Start(t, engine.Options{Loops: 1})
	listener := parse(t, `{"name":"listener","delivery":{"where":{"/a":1}}}`)
	for _, row := range []struct {
		sentence string
		o        Options
		want     string
	}{
		{"nothing to publish with", Options{Plan: Plan{Subscribers: 1, Rooms: 1, Publishers: 1, Rate: 1, Shards: 1}, Protocol: listener, Name: "x", For: 1}, "publish message"},
		{"no name to know its own by", Options{Plan: Plan{Subscribers: 1, Rooms: 1, Publishers: 1, Rate: 1, Shards: 1}, Protocol: parse(t, descriptor), For: 1}, "Name: want one"},
		{"a year to wait in", Options{Plan: Plan{Subscribers: 1, Rooms: 1, Publishers: 1, Rate: 5, Shards: 1}, Protocol: parse(t, descriptor), Name: "x", For: 1, Timeout: 365 * 24 * time.Hour},
			"Timeout: want at most 58h15m10.2s with 5 publications a second, each of which is remembered for that long, got 8760h0m0s"},
		{"more publications than can be remembered", Options{Plan: Plan{Subscribers: 1, Rooms: 1, Publishers: 1, Rate: 1e6, Shards: 1}, Protocol: parse(t, descriptor), Name: "x", For: 1},
			"Timeout: want at most 0s with 1e+06 publications a second"},
		{"no time", Options{Plan: Plan{Subscribers: 1, Rooms: 1, Shards: 1}, Protocol: listener}, "For above 0"},
	} {
		t.Run(row.sentence, func(t *testing.T) {
			if _, err := New(e, row.o); err == nil || !strings.Contains(err.Error(), row.want) {
				t.Errorf("got %v, want %q", err, row.want)
			}
		})
	}
}
