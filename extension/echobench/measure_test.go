package echobench

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"xk6-realtime/engine"
	"xk6-realtime/engine/clock"
	"xk6-realtime/engine/serve"
)

func echoServer(t *testing.T) string {
	t.Helper()
	s, err := serve.Start(serve.Options{Listen: netip.MustParseAddrPort("127.0.0.1:0")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s.URL()
}

func newEngine(t *testing.T) *engine.Engine {
	t.Helper()
	e, err := engine.New(engine.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Close)
	return e
}

// spec is of one server and case, which is given as JSON.
func spec(t *testing.T, uri, c string) (*Server, Case) {
	t.Helper()
	s, err := ParseSpec(fmt.Appendf(nil, `{"servers":[{"uri":%q}],"testsets":[{"mode":"echo","cases":[%s]}]}`, uri, c), 1)
	if err != nil {
		t.Fatal(err)
	}
	return &s.Servers[0], s.Testsets[0].Cases[0]
}

func TestEachModeGetsEveryEcho(t *testing.T) {
	tests := []struct{ name, c string }{
		{"one after the other", `{"count":200,"size":64,"verify":true}`},
		{"nothing but a head", `{"count":200,"size":0,"verify":true}`},
		{"text", `{"count":200,"size":7,"binary":false,"verify":true}`},
		{"all at once", `{"count":2000,"size":1024,"sync":false,"verify":true}`},
		{"all at once, more than the kernel takes", `{"count":60,"size":1048576,"sync":false,"verify":true}`},
		{"some at once", `{"count":1000,"size":64,"depth":16,"verify":true}`},
		{"several connections, of which some send one more", `{"count":103,"size":64,"connections":10,"verify":true}`},
		{"at a rate", `{"count":300,"size":64,"rate":5000,"verify":true}`},
		{"at a rate, several connections", `{"count":301,"size":64,"rate":5000,"connections":7,"verify":true}`},
	}
	url, e := echoServer(t), newEngine(t)
	for _, test := range tests {
		server, c := spec(t, url, test.c)
		row := Measure(context.Background(), e, server, c, Options{})
		if row.Outcome != Passed || len(row.latencies) != c.Count {
			t.Errorf("%s: %s, %q, after %d of %d echoes", test.name, row.Outcome, row.Why, len(row.latencies), c.Count)
			continue
		}
		if f := row.Figures(10); f.Min <= 0 || f.Quantiles[9] != f.Max || row.EchoesPerSecond <= 0 {
			t.Errorf("%s: figures %+v, %v a second", test.name, f, row.EchoesPerSecond)
		}
		if c.Rate > 0 && row.EchoesPerSecond > 1.1*c.Rate {
			t.Errorf("%s: %v echoes a second, want no more than %v", test.name, row.EchoesPerSecond, c.Rate)
		}
	}
}

// wrongServer is a server that answers each message as it is told to.
func wrongServer(t *testing.T, answer func(c *websocket.Conn, kind int, data []byte) error) string {
	t.Helper()
	upgrader := websocket.Upgrader{}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := upgrader.Upgrade(w, r, nil)
		if err != nil {
			return
		}
		defer c.Close()
		for {
			kind, data, err := c.ReadMessage()
			if err != nil || answer(c, kind, data) != nil {
				return
			}
		}
	}))
	t.Cleanup(s.Close)
	return "ws" + strings.TrimPrefix(s.URL, "http")
}

func TestAWrongServerFailsTheCase(t *testing.T) {
	const usual = `{"count":5,"size":64}`
	tests := []struct {
		name, c string
		answer  func(c *websocket.Conn, kind int, data []byte) error
		outcome Outcome
		want    string
	}{
		{"another content, which is asked for", `{"count":5,"size":64,"verify":true}`, func(c *websocket.Conn, kind int, data []byte) error {
			data[63] ^= 1
			return c.WriteMessage(kind, data)
		}, Failed, "echo 1: expected the content that was sent"},
		{"the echo of another message", `{"count":5,"size":4,"sync":false,"verify":true}`, func(c *websocket.Conn, kind int, data []byte) error {
			data[0] ^= 1
			return c.WriteMessage(kind, data)
		}, Failed, "echo 1: expected the content that was sent"},
		{"another length", usual, func(c *websocket.Conn, kind int, data []byte) error {
			return c.WriteMessage(kind, data[:63])
		}, Failed, "echo 1: expected 64 bytes, got 63"},
		{"another type", usual, func(c *websocket.Conn, _ int, data []byte) error {
			return c.WriteMessage(websocket.TextMessage, data)
		}, Failed, "echo 1: expected a message of the type that was sent"},
		{"two echoes, of which the second is no other message's", `{"count":5,"size":64,"verify":true}`, func(c *websocket.Conn, kind int, data []byte) error {
			c.WriteMessage(kind, data)
			return c.WriteMessage(kind, data)
		}, Failed, "echo 2: expected the content that was sent"},
		{"an end amid the case", usual, func(c *websocket.Conn, _ int, _ []byte) error {
			c.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(1013, "busy\x07"), time.Now().Add(time.Minute))
			return nil
		}, Failed, `code 1013 "busy\a", by server`},
		{"an end without a Close frame", usual, func(c *websocket.Conn, _ int, _ []byte) error {
			return c.UnderlyingConn().Close()
		}, Failed, "ended without a Close frame"},
		{"a message too many", `{"count":5,"size":64,"rate":1}`, func(c *websocket.Conn, kind int, data []byte) error {
			for range 3 {
				c.WriteMessage(kind, data)
			}
			return nil
		}, Failed, "a message that is not an echo came"},
		{"silence", usual, func(*websocket.Conn, int, []byte) error { return nil }, TimedOut, "no echo came for 100ms"},
		{"a time-out", `{"count":5,"size":64,"timeout":0.05}`, func(*websocket.Conn, int, []byte) error { return nil }, TimedOut, "not all echoes had come after 50ms"},
	}
	e := newEngine(t)
	for _, test := range tests {
		server, c := spec(t, wrongServer(t, test.answer), test.c)
		row := Measure(context.Background(), e, server, c, Options{Silence: 100 * time.Millisecond})
		if row.Outcome != test.outcome || !strings.Contains(row.Why, test.want) {
			t.Errorf("%s: %s, %q, want %s and %q", test.name, row.Outcome, row.Why, test.outcome, test.want)
		}
	}
}

func TestASilenceCountsFromWhatIsAwaited(t *testing.T) {
	const now = clock.Time(1000)
	tests := []struct {
		name   string
		probes []*probe
		want   time.Duration
	}{
		{"nothing was sent", []*probe{{times: []int64{0}}}, 0},
		{"all echoes came, and the next message is not due", []*probe{{times: []int64{20, 0}, sent: 1, got: 1, last: 120}}, 0},
		{"the first echo is awaited", []*probe{{times: []int64{100}, sent: 1}}, 900},
		{"an echo came since the awaited message", []*probe{{times: []int64{20, 100}, sent: 2, got: 1, last: 300}}, 700},
		{"a message was sent after a rest", []*probe{{times: []int64{20, 950}, sent: 2, got: 1, last: 120}}, 50},
		{"another connection has echoes", []*probe{{times: []int64{100}, sent: 1}, {times: []int64{20}, sent: 1, got: 1, last: 990}}, 10},
	}
	for _, test := range tests {
		var s silence
		for _, p := range test.probes {
			s.add(p)
		}
		if got := s.at(now); got != test.want {
			t.Errorf("%s: %s, want %s", test.name, got, test.want)
		}
	}
}

func TestAServerThatIsNotThereFailsTheCase(t *testing.T) {
	server, c := spec(t, "ws://127.0.0.1:1", `{"count":5,"size":64,"connections":5}`)
	row := Measure(context.Background(), newEngine(t), server, c, Options{})
	if row.Outcome != Failed || row.Why != "could not connect: refused: connection refused" {
		t.Errorf("%s, %q", row.Outcome, row.Why)
	}
	if row.Figures(10) != nil {
		t.Error("there are figures without an echo")
	}
}

func TestAnInterruptionEndsTheCase(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	url := wrongServer(t, func(*websocket.Conn, int, []byte) error { cancel(); return nil })
	server, c := spec(t, url, `{"count":5,"size":64}`)
	if row := Measure(ctx, newEngine(t), server, c, Options{}); row.Why != "interrupted" {
		t.Errorf("%s, %q", row.Outcome, row.Why)
	}
}

// handshakesOf is a case of handshakes with a server.
func handshakesOf(t *testing.T, uri, c string) (*Server, Case) {
	t.Helper()
	s, err := ParseSpec(fmt.Appendf(nil, `{"servers":[{"uri":%q}],"testsets":[{"mode":"handshake","cases":[%s]}]}`, uri, c), 1)
	if err != nil {
		t.Fatal(err)
	}
	return &s.Servers[0], s.Testsets[0].Cases[0]
}

func TestEachHandshakeIsCountedOnce(t *testing.T) {
	var asked, closed atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		c, err := (&websocket.Upgrader{}).Upgrade(w, r, nil)
		if err != nil {
			t.Error(err)
			return
		}
		defer c.Close()
		if _, _, err := c.ReadMessage(); websocket.IsCloseError(err, websocket.CloseNormalClosure, websocket.CloseNoStatusReceived) {
			closed.Add(1)
		}
	}))
	defer server.Close()
	uri := "ws" + strings.TrimPrefix(server.URL, "http")
	for _, test := range []struct{ name, c string }{
		{"one after the other", `{"count":50}`},
		{"ten at once", `{"count":103,"connections":10}`},
		{"at a rate", `{"count":60,"rate":600}`},
	} {
		t.Run(test.name, func(t *testing.T) {
			asked.Store(0)
			closed.Store(0)
			s, c := handshakesOf(t, uri, test.c)
			row := Measure(context.Background(), newEngine(t), s, c, Options{})
			if row.Outcome != Passed || len(row.latencies) != c.Count || row.EchoesPerSecond <= 0 {
				t.Fatalf("%s, %q, %d of %d handshakes, %.0f a second", row.Outcome, row.Why, len(row.latencies), c.Count, row.EchoesPerSecond)
			}
			if asked.Load() != int64(c.Count) || closed.Load() != int64(c.Count) {
				t.Errorf("the server saw %d handshakes and %d Close frames, want %d", asked.Load(), closed.Load(), c.Count)
			}
			for _, l := range row.latencies {
				if l <= 0 {
					t.Fatalf("a handshake took %s", l)
				}
			}
		})
	}
}

func TestHandshakesThatFailAreTold(t *testing.T) {
	refusing := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "full", http.StatusServiceUnavailable)
	}))
	defer refusing.Close()
	s, c := handshakesOf(t, "ws"+strings.TrimPrefix(refusing.URL, "http"), `{"count":50,"connections":5}`)
	row := Measure(context.Background(), newEngine(t), s, c, Options{})
	if row.Outcome != Failed || !strings.Contains(row.Why, "could not connect: ") || !strings.Contains(row.Why, "503") {
		t.Errorf("%s, %q, want FAILED and the status", row.Outcome, row.Why)
	}
}

func TestHandshakesThatAreNotAnsweredTimeOut(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	s, c := handshakesOf(t, "ws://"+silent.Addr().String(), `{"count":5,"connections":2,"timeout":0.2}`)
	row := Measure(context.Background(), newEngine(t), s, c, Options{})
	if row.Outcome != TimedOut || row.Why != "not all handshakes were done after 200ms" {
		t.Errorf("%s, %q", row.Outcome, row.Why)
	}
}
