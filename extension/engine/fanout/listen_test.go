package fanout

import (
	"fmt"
	"net/netip"
	"sync/atomic"
	"testing"
	"time"

	"xk6-realtime/engine"
	"xk6-realtime/engine/clock"
	"xk6-realtime/engine/internal/enginetest"
	"xk6-realtime/engine/swarm"
	"xk6-realtime/engine/tally"
)

const heads = `{
	"name": "heads",
	"delivery": { "where": { "/hash": { "exists": true } }, "id": "/hash", "sentAt": { "at": "/ms", "unit": "ms" } }
}`

// publisherServer publishes by itself, once it is told to, to all who are there.
type publisherServer struct {
	loop  *engine.Loop
	conns []*publisherConn
	// messages are what connection i gets of publication n, counted from 1.
	messages func(n, i int) []string
	sent     atomic.Int64
}

type publisherConn struct {
	server *publisherServer
	conn   *engine.Conn
}

func startPublishing(t *testing.T, messages func(n, i int) []string) (s *publisherServer, url string) {
	t.Helper()
	s = &publisherServer{messages: messages, loop: enginetest.Start(t, engine.Options{Loops: 1}).Loops()[0]}
	var err error
	s.loop.Await(func() {
		var l *engine.Listener
		l, err = s.loop.Listen(netip.MustParseAddrPort("127.0.0.1:0"), false, func(c *engine.Conn) engine.Handler {
			return &publisherConn{s, c}
		})
		if err == nil {
			url = "ws://" + l.Addr().String()
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return s, url
}

func (c *publisherConn) Opened(*engine.Conn, *engine.Opening) {
	c.server.conns = append(c.server.conns, c)
}
func (c *publisherConn) Failed(*engine.Conn, *engine.Opening, engine.Failure) {}
func (c *publisherConn) Alarm(*engine.Conn, clock.Time)                       {}
func (c *publisherConn) Message(*engine.Conn, engine.Message)                 {}
func (c *publisherConn) Closed(*engine.Conn, engine.End)                      {}

// publish sends publication n to each connection in turn.
func (s *publisherServer) publish(n int) {
	s.loop.Await(func() {
		for i, c := range s.conns {
			for _, message := range s.messages(n, i) {
				s.sent.Add(1)
				c.conn.Send(engine.Text, []byte(message))
			}
		}
	})
}

// listen has subscribers hear so many publications, all of which begin once all
// subscribers are there, and stops when what was sent has come.
func listen(t *testing.T, e *engine.Engine, subscribers, publications int, messages func(n, i int) []string) (c Counts, series func(Series) int64) {
	t.Helper()
	s, url := startPublishing(t, messages)
	run, err := New(e, Options{
		Plan: Plan{Subscribers: subscribers, Rooms: 1, Shards: 1}, Protocol: parse(t, heads), For: time.Hour,
		Variables: func(int) []string { return nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	sw, err := swarm.Start(e, swarm.Options{
		Servers: []string{url}, Connections: subscribers, Pace: swarm.Rate(5_000), Hold: time.Hour, Handler: run.Handler,
	})
	if err != nil {
		t.Fatal(err)
	}
	stop, driven := make(chan struct{}), make(chan error)
	go func() { driven <- run.Drive(sw, stop) }()
	deadline := time.Now().Add(patience)
	for !run.all(func(m *member) bool { return m.conversation.Ready() && !m.joining }) || connected(run) < subscribers {
		if time.Now().After(deadline) {
			t.Fatal("not all subscribers came to be there")
		}
		time.Sleep(time.Millisecond)
	}
	counts := map[Series]int64{}
	look := func() {
		w := run.Snapshot()
		tally.Add(&c, &w.Counts)
		for i, d := range w.Series {
			if d != nil {
				counts[Series(i)] += d.Count
			}
		}
	}
	for n := range publications {
		if s.publish(n + 1); n < publications-2 {
			continue
		}
		// The last comes after all others have: it shows that they are not to come.
		for look(); c.Deliveries+c.Duplicated < s.sent.Load(); look() {
			if time.Now().After(deadline) {
				t.Fatalf("%+v, want %d deliveries", c, s.sent.Load())
			}
			time.Sleep(time.Millisecond)
		}
	}
	close(stop)
	if err := <-driven; err != nil {
		t.Fatal(err)
	}
	<-sw.Done()
	look()
	return c, func(s Series) int64 { return counts[s] }
}

func connected(r *Run) (members int) {
	for _, l := range r.loops {
		l.loop.Await(func() { members += len(l.members) })
	}
	return members
}

func head(id any, stamp string) string { return fmt.Sprintf(`{"hash":"0x%v"%s}`, id, stamp) }

func nowMs(unit time.Duration) string {
	return fmt.Sprintf(`,"ms":%d`, time.Now().Truncate(unit).UnixMilli())
}

func TestWhatSomeSubscribersNeverGetIsLost(t *testing.T) {
	const subscribers, publications = 20, 100
	enginetest.OnEachTransport(t, func(t *testing.T, e *engine.Engine) {
		for _, row := range []struct {
			sentence             string
			messages             func(n, i int) []string
			lost, again, inTimes int64
		}{
			{"all get all", func(n, _ int) []string { return []string{head(n, "")} }, 0, 0, 2000},
			{"every second one is kept from every second subscriber", func(n, i int) []string {
				if n%2 == 1 && i%2 == 1 {
					return nil
				}
				return []string{head(n, "")}
			}, 500, 0, 1500},
			{"some come twice, to the first who hears them too", func(n, i int) []string {
				if n%10 == 0 && i < 2 {
					return []string{head(n, ""), head(n, "")}
				}
				return []string{head(n, "")}
			}, 0, 20, 2000},
			{"each gets its own", func(n, i int) []string { return []string{head(fmt.Sprint(n, "-", i), "")} }, 0, 0, 0},
			{"they come to one in one order and to another in another", func(n, i int) []string {
				if i%2 == 0 {
					return []string{head(n, "")}
				}
				if n%2 == 0 {
					return []string{head(n, ""), head(n-1, "")}
				}
				return nil
			}, 0, 0, 2000},
		} {
			t.Run(row.sentence, func(t *testing.T) {
				c, _ := listen(t, e, subscribers, publications, row.messages)
				if c.Lost != row.lost || c.Duplicated != row.again || c.InTime != row.inTimes || c.Late+c.Reordered+c.Foreign+c.Undecided != 0 {
					t.Errorf("got %+v, want %d lost, %d again and %d in time", c, row.lost, row.again, row.inTimes)
				}
			})
		}
	})
}

func TestOnlyStampsThatAreFineEnoughTellALag(t *testing.T) {
	const subscribers, publications = 4, 50
	const all = subscribers * publications
	for _, row := range []struct {
		sentence string
		stamp    func() string
		lags     int64
		want     Counts
	}{
		{"milliseconds", func() string { return nowMs(time.Millisecond) }, all, Counts{}},
		{"whole seconds", func() string { return nowMs(time.Second) }, 0, Counts{Coarse: [fine]int64{all, 0, 0}}},
		{"tenths", func() string { return nowMs(100 * time.Millisecond) }, 0, Counts{Coarse: [fine]int64{0, all, 0}}},
		{"none", func() string { return "" }, 0, Counts{Unstamped: all}},
		{"a hexadecimal text", func() string { return `,"ms":"0x10"` }, 0, Counts{Unstamped: all, Invalid: all}},
		{"of another clock", func() string {
			return fmt.Sprintf(`,"ms":%d`, time.Now().Add(time.Hour).UnixMilli())
		}, 0, Counts{ClockDiffers: all}},
	} {
		t.Run(row.sentence, func(t *testing.T) {
			e := enginetest.Start(t, engine.Options{Loops: 1})
			n := 0
			c, series := listen(t, e, subscribers, publications, func(int, int) []string {
				n++
				if n%subscribers == 1 {
					time.Sleep(3 * time.Millisecond) // so that stamps differ
				}
				return []string{head(n, row.stamp())}
			})
			if series(Lag) != row.lags || series(ServerLag) != row.lags || c.Deliveries != all {
				t.Errorf("%d lags, %d by the server's stamps, of %d deliveries, want %d", series(Lag), series(ServerLag), c.Deliveries, row.lags)
			}
			if row.want.Coarse[Tenths] > 0 { // the first may happen to be a whole second
				c.Coarse = [fine]int64{0, c.Coarse[Seconds] + c.Coarse[Tenths], 0}
			}
			if c.Coarse != row.want.Coarse || c.Unstamped != row.want.Unstamped || c.Invalid != row.want.Invalid || c.ClockDiffers != row.want.ClockDiffers {
				t.Errorf("got %+v, want %+v", c, row.want)
			}
		})
	}
}
