package swarm

import (
	"net/netip"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"xk6-realtime/engine"
	"xk6-realtime/engine/handshake"
	"xk6-realtime/engine/internal/enginetest"
	"xk6-realtime/engine/internal/leaktest"
	"xk6-realtime/engine/serve"
)

func TestMain(m *testing.M) {
	if serveForBenchmark() {
		return
	}
	os.Exit(leaktest.Main(m))
}

// patience bounds the wait for what must happen; no test waits for it to pass.
const patience = 20 * time.Second

var loopback = netip.MustParseAddrPort("127.0.0.1:0")

func startServer(t *testing.T, o serve.Options) *serve.Server {
	t.Helper()
	o.Listen = loopback
	s, err := serve.Start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

func start(t *testing.T, e *engine.Engine, o Options) *Swarm {
	t.Helper()
	s, err := Start(e, o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func await(t *testing.T, what string, done <-chan struct{}) {
	t.Helper()
	select {
	case <-done:
	case <-time.After(patience):
		t.Fatalf("the swarm never %s", what)
	}
}

func TestASwarmOpensHoldsAndCloses(t *testing.T) {
	enginetest.OnEachTransport(t, func(t *testing.T, e *engine.Engine) {
		a, b := startServer(t, serve.Options{}), startServer(t, serve.Options{})
		s := start(t, e, Options{
			Servers:     []string{a.URL(), b.URL()},
			Connections: 301,
			Pace:        Rate(10_000),
			Hold:        time.Hour,
		})
		await(t, "settled", s.Settled())
		if w := s.Snapshot(); w.Active != 301 || w.Opened != 301 || w.Attempts != 301 {
			t.Errorf("active %d, opened %d of %d attempts; want 301", w.Active, w.Opened, w.Attempts)
		}
		if na, nb := a.Connections(), b.Connections(); na != 151 || nb != 150 {
			t.Errorf("the servers have %d and %d connections, want 151 and 150", na, nb)
		}
		s.Stop(time.Millisecond)
		await(t, "ended", s.Done())
		r := s.Result()
		if r.Opened != 301 || r.Closed != 301 || r.Active != 0 || r.Wanted != 301 ||
			len(r.Drops) != 0 || len(r.Failures) != 0 || r.Unanswered != 0 {
			t.Errorf("%+v", r.Counts)
		}
		for _, series := range []Series{ConnectLatency, ConnectDelay, TCPPhase, UpgradePhase, SessionTime} {
			if d := r.Series[series]; d == nil || d.Count != 301 {
				t.Errorf("series %d has %+v, want 301 values", series, d)
			}
		}
		if latency, tcp := r.Series[ConnectLatency], r.Series[TCPPhase]; latency.Min <= 0 || latency.SumNs < tcp.SumNs {
			t.Errorf("latency %v to %v, TCP %v to %v", latency.Min, latency.Max, tcp.Min, tcp.Max)
		}
	})
}

// notBefore has the first connection begin at once and the others later.
type notBefore time.Duration

func (d notBefore) Due(i int) time.Duration { return time.Duration(min(i, 1)) * time.Duration(d) }

// A loop that was busy for long begins at once what fell due meanwhile.
func TestABusyLoopDoesNotHoldUpTheRest(t *testing.T) {
	e := enginetest.Start(t, engine.Options{Loops: 1})
	server := startServer(t, serve.Options{})
	s := start(t, e, Options{Servers: []string{server.URL()}, Connections: 100, Pace: notBefore(time.Hour)})
	sh := s.shares[0]
	var before, after int
	sh.loop.Await(func() {
		before = len(sh.sessions)
		sh.begin(s.began.Add(24 * time.Hour))
		after = len(sh.sessions)
	})
	if before != 1 || after != 100 {
		t.Errorf("%d connections were begun, %d after a day; want 1 and 100", before, after)
	}
	await(t, "settled", s.Settled())
	s.Stop(0)
	await(t, "ended", s.Done())
}

// A share that did not wait leaves its loop to the others after a few.
func TestStartsAreShared(t *testing.T) {
	for _, row := range []struct {
		sentence      string
		n             int
		spent, waited time.Duration
		want          bool
	}{
		{"a few at any rate", startsEach - 1, time.Second, 0, true},
		{"no more without a wait", startsEach, 0, 0, false},
		{"more after a wait", 1_000, 20 * time.Millisecond, 100 * time.Millisecond, true},
		{"no more than its share of it", 1_000, 25 * time.Millisecond, 100 * time.Millisecond, false},
	} {
		t.Run(row.sentence, func(t *testing.T) {
			if got := mayStart(row.n, row.spent, row.waited); got != row.want {
				t.Errorf("got %v", got)
			}
		})
	}
}

// An interruption in the midst of a slow end is an end at once.
func TestALaterStopHastensTheEnd(t *testing.T) {
	enginetest.OnEachTransport(t, func(t *testing.T, e *engine.Engine) {
		server := startServer(t, serve.Options{})
		s := start(t, e, Options{Servers: []string{server.URL()}, Connections: 50, Pace: Rate(10_000), CloseOver: time.Hour})
		await(t, "settled", s.Settled())
		for server.Connections() == 50 { // until the first is closed
			time.Sleep(time.Millisecond)
		}
		s.Stop(2 * time.Hour)
		if w := s.Snapshot(); w.Active < 45 {
			t.Errorf("a later, slower stop left %d connections of 50", w.Active)
		}
		s.Stop(0)
		await(t, "ended", s.Done())
		if r := s.Result(); r.Opened != 50 || r.Closed != 50 || len(r.Drops) != 0 || r.Unanswered != 0 {
			t.Errorf("%+v, want 50 opened and closed as planned", r.Counts)
		}
	})
}

// A loop that tells its last connection settled waits for no reader: once, a
// snapshot at that moment waited for the loop in turn, for ever.
func TestSnapshotsWhileConnectionsSettle(t *testing.T) {
	enginetest.OnEachTransport(t, func(t *testing.T, e *engine.Engine) {
		server := startServer(t, serve.Options{})
		for range 100 {
			s := start(t, e, Options{
				Servers: []string{server.URL()}, Connections: 4, Pace: Rate(100_000), Hold: time.Hour,
			})
			ended := make(chan struct{})
			go func() {
				defer close(ended)
				for settled := false; !settled; {
					s.Snapshot()
					select {
					case <-s.Settled():
						settled = true
					default:
					}
				}
				s.Stop(0)
				<-s.Done()
			}()
			select {
			case <-ended:
			case <-time.After(patience):
				t.Fatal("a snapshot and a loop wait for each other")
			}
		}
	})
}

func TestShardsShareOutTheConnections(t *testing.T) {
	e := enginetest.Start(t, engine.Options{Loops: 2})
	server := startServer(t, serve.Options{})
	seen := make(chan int, 100)
	var shards []*Swarm
	for shard := range 3 {
		shards = append(shards, start(t, e, Options{
			Servers:     []string{server.URL()},
			Connections: 20,
			Pace:        Batches{Size: 5},
			Shard:       shard,
			Shards:      3,
			Request:     func(i int, _ *handshake.Request) { seen <- i },
		}))
	}
	times := map[int]int{}
	for range 20 {
		select {
		case i := <-seen:
			times[i]++
		case <-time.After(patience):
			t.Fatalf("only these were begun: %v", times)
		}
	}
	for i := range 20 {
		if times[i] != 1 {
			t.Errorf("connection %d was begun %d times", i, times[i])
		}
	}
	opened := int64(0)
	for _, s := range shards {
		await(t, "ended", s.Done())
		opened += s.Result().Opened
	}
	if opened != 20 {
		t.Errorf("%d were opened, want 20", opened)
	}
}

func TestFailuresAreRetriedUntilTheNumberIsReached(t *testing.T) {
	enginetest.OnEachTransport(t, func(t *testing.T, e *engine.Engine) {
		server := startServer(t, serve.Options{})
		url := server.URL()
		addr := server.Addr()
		server.Close()
		s := start(t, e, Options{
			Servers:     []string{url},
			Connections: 10,
			Pace:        Batches{Size: 10},
			Retries:     -1,
			RetryDelay:  time.Millisecond,
			Hold:        time.Hour,
		})
		refused := int64(0)
		for refused < 20 {
			refused += s.Snapshot().Failures[engine.ReasonRefused]
			time.Sleep(time.Millisecond)
		}
		again, err := serve.Start(serve.Options{Listen: addr})
		if err != nil {
			t.Skip("the port was taken meanwhile:", err)
		}
		defer again.Close()
		await(t, "settled", s.Settled())
		if n := again.Connections(); n != 10 {
			t.Errorf("%d connections, want 10", n)
		}
		s.Stop(0)
		await(t, "ended", s.Done())
		r := s.Result()
		if r.Opened != 10 || r.Retries != r.Failures[engine.ReasonRefused] || r.Attempts != 10+r.Retries {
			t.Errorf("%+v", r.Counts)
		}
	})
}

func TestAServerThatGoesIsADrop(t *testing.T) {
	enginetest.OnEachTransport(t, func(t *testing.T, e *engine.Engine) {
		server := startServer(t, serve.Options{})
		s := start(t, e, Options{Servers: []string{server.URL()}, Connections: 50, Pace: Rate(1e6), Hold: time.Hour})
		await(t, "settled", s.Settled())
		server.Close()
		dropped := int64(0)
		for deadline := time.Now().Add(patience); dropped < 50; {
			dropped += s.Snapshot().Drops[Drop{1006, engine.ByNetwork}]
			if time.Now().After(deadline) {
				t.Fatalf("%d drops were counted, want 50", dropped)
			}
		}
		s.Stop(0)
		await(t, "ended", s.Done())
		if r := s.Result(); len(r.Drops) != 1 || r.Closed != 50 {
			t.Errorf("%+v", r.Counts)
		}
	})
}

func TestSourcesAreUsedInTurn(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("other systems have one loopback address")
	}
	enginetest.OnEachTransport(t, func(t *testing.T, e *engine.Engine) {
		url, sources := sourceCounter(t)
		s := start(t, e, Options{
			Servers:     []string{url},
			Connections: 30,
			Pace:        Rate(1e6),
			Sources: []netip.Addr{
				netip.MustParseAddr("127.0.0.2"), netip.MustParseAddr("127.0.0.3"), netip.MustParseAddr("127.0.0.4")},
		})
		await(t, "ended", s.Done())
		for _, addr := range []string{"127.0.0.2", "127.0.0.3", "127.0.0.4"} {
			if n := sources()[addr]; n != 10 {
				t.Errorf("%d connections from %s, want 10", n, addr)
			}
		}
	})
}

func TestOutOfPorts(t *testing.T) {
	const want = "give more source addresses"
	e := &ExhaustedError{Reason: engine.ReasonNoPorts, Open: 28_000, Wanted: 50_000}
	if got := e.Error(); !strings.Contains(got, want) || !strings.Contains(got, "28000 open connections of 50000") {
		t.Errorf("the error says %q, want how far it came and %q", got, want)
	}
}

func TestOptionsAreChecked(t *testing.T) {
	e := enginetest.Start(t, engine.Options{})
	good := Options{Servers: []string{"ws://127.0.0.1:1"}, Connections: 1, Pace: Rate(1)}
	tests := []struct {
		name   string
		change func(o *Options)
		want   string
	}{
		{"no server", func(o *Options) { o.Servers = nil }, "Servers"},
		{"an ftp URL", func(o *Options) { o.Servers = []string{"ftp://x"} }, "want ws:// or wss://"},
		{"WebSockets and event streams", func(o *Options) { o.Servers = []string{"ws://x", "http://x"} }, "got both"},
		{"a URL with a password", func(o *Options) { o.Servers = []string{"ws://u:secret@x"} }, "no user or password"},
		{"no connections", func(o *Options) { o.Connections = 0 }, "Connections"},
		{"no pace", func(o *Options) { o.Pace = nil }, "Pace"},
		{"a rate of 0", func(o *Options) { o.Pace = Rate(0) }, "Pace"},
		{"batches of 0", func(o *Options) { o.Pace = Batches{} }, "Pace"},
		{"a shard beyond the last", func(o *Options) { o.Shard = 1 }, "Shard"},
		{"a negative hold", func(o *Options) { o.Hold = -1 }, "Hold"},
		{"an unknown policy", func(o *Options) { o.OnExhausted = "shrink" }, "OnExhausted"},
	}
	for _, test := range tests {
		o := good
		test.change(&o)
		_, err := Start(e, o)
		if err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: error %v, want one that says %q", test.name, err, test.want)
		}
	}
}

func TestPace(t *testing.T) {
	tests := []struct {
		name string
		pace Pace
		i    int
		want time.Duration
	}{
		{"the first goes at once", Rate(100), 0, 0},
		{"a hundred a second are 10 ms apart", Rate(100), 3, 30 * time.Millisecond},
		{"a rate below one", Rate(0.5), 1, 2 * time.Second},
		{"a rate that does not divide a second drifts by nothing", Rate(3), 3000, 1000 * time.Second},
		{"the whole first batch goes at once", Batches{100, time.Second}, 99, 0},
		{"the second waits for the delay", Batches{100, time.Second}, 100, time.Second},
		{"no delay, no wait", Batches{100, 0}, 1000, 0},
	}
	for _, test := range tests {
		if got := test.pace.Due(test.i); got != test.want {
			t.Errorf("%s: %v, want %v", test.name, got, test.want)
		}
	}
}
