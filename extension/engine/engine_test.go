package engine

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"xk6-realtime/engine/clock"
)

// patience bounds the wait for an event that must come; no test waits for it
// to pass.
const patience = 20 * time.Second

// onEachTransport runs a test on all that this platform has.
func onEachTransport(t *testing.T, test func(t *testing.T, o Options)) {
	transports := []Transport{Goroutines}
	if defaultTransport == Epoll {
		transports = append(transports, Epoll)
	}
	for _, transport := range transports {
		t.Run(string(transport), func(t *testing.T) { test(t, Options{Transport: transport}) })
	}
}

func start(t *testing.T, o Options) *Engine {
	t.Helper()
	e, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Close)
	return e
}

// happening is one call of a Handler.
type happening struct {
	what    string // opened, failed, message, alarm, closed
	conn    *Conn
	opening Opening
	failure Failure
	message Message
	end     End
}

// witness is a Handler that passes on what it hears.
type witness struct {
	t     *testing.T
	heard chan happening
	deaf  bool // to messages: a flood of them would block the loop

	atOpen   func(c *Conn) // on the loop's goroutine
	messages int           // how many came; of the loop's goroutine
}

func newWitness(t *testing.T) *witness {
	return &witness{t: t, heard: make(chan happening, 1024)}
}

func (w *witness) hear(h happening) {
	if h.what != "message" || !w.deaf {
		w.heard <- h
	}
}

func (w *witness) Opened(c *Conn, o *Opening) {
	if w.atOpen != nil {
		w.atOpen(c)
	}
	w.hear(happening{what: "opened", conn: c, opening: *o})
}
func (w *witness) Failed(c *Conn, o *Opening, f Failure) {
	w.hear(happening{what: "failed", conn: c, opening: *o, failure: f})
}
func (w *witness) Message(c *Conn, m Message) {
	w.messages++
	m.Data = bytes.Clone(m.Data)
	w.hear(happening{what: "message", conn: c, message: m})
}
func (w *witness) Alarm(c *Conn, _ clock.Time) { w.hear(happening{what: "alarm", conn: c}) }
func (w *witness) Closed(c *Conn, e End)       { w.hear(happening{what: "closed", conn: c, end: e}) }

// next waits for the next happening, which must be of the kind given.
func (w *witness) next(what string) happening {
	w.t.Helper()
	select {
	case h := <-w.heard:
		if h.what != what {
			w.t.Fatalf("got %s (failure %v, end %+v), want %s", h.what, h.failure, h.end, what)
		}
		return h
	case <-time.After(patience):
		w.t.Fatalf("%s never came", what)
		panic("unreachable")
	}
}

func dial(t *testing.T, e *Engine, url string, w *witness) *Conn {
	t.Helper()
	endpoint, path, err := ParseURL(url)
	if err != nil {
		t.Fatal(err)
	}
	var c *Conn
	l := e.Loops()[0]
	l.Await(func() {
		c = l.Dial(&Dial{Endpoint: endpoint, Request: withPath(path)}, w)
	})
	return c
}

// do runs f on the connection's loop and waits.
func do(c *Conn, f func()) { c.Loop().Await(f) }

// peer starts a server whose WebSocket side is another project's.
func peer(t *testing.T, serve func(ws *websocket.Conn)) string {
	t.Helper()
	return serving(t, func(w http.ResponseWriter, r *http.Request) { upgradeAnd(serve, w, r) })
}

// peerOf is an echoing peer that shows what it is asked.
func peerOf(t *testing.T, show func(r *http.Request)) string {
	t.Helper()
	return serving(t, func(w http.ResponseWriter, r *http.Request) {
		show(r)
		upgradeAnd(echo, w, r)
	})
}

func serving(t *testing.T, handler http.HandlerFunc) string {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return "ws" + strings.TrimPrefix(server.URL, "http")
}

func upgradeAnd(serve func(ws *websocket.Conn), w http.ResponseWriter, r *http.Request) {
	upgrader := websocket.Upgrader{Subprotocols: []string{"v2"}}
	ws, err := upgrader.Upgrade(w, r, nil)
	if err != nil {
		return
	}
	defer ws.Close()
	serve(ws)
}

func echo(ws *websocket.Conn) {
	for {
		kind, data, err := ws.ReadMessage()
		if err != nil {
			return
		}
		if ws.WriteMessage(kind, data) != nil {
			return
		}
	}
}

func TestEchoOfEverySize(t *testing.T) {
	onEachTransport(t, func(t *testing.T, o Options) {
		e, w := start(t, o), newWitness(t)
		c := dial(t, e, peer(t, echo)+"/chat?room=1", w)
		opened := w.next("opened").opening
		if opened.Connected < opened.Began || opened.Opened < opened.Connected {
			t.Errorf("the phases are out of order: %+v", opened)
		}
		for _, size := range []int{0, 1, 125, 126, 65_535, 65_536, 1 << 20} {
			payload := bytes.Repeat([]byte("x"), size)
			var written clock.Time
			do(c, func() { written, _ = c.Send(Text, payload) })
			m := w.next("message").message
			if m.Kind != Text || !bytes.Equal(m.Data, payload) {
				t.Fatalf("%d bytes came back as %d, opcode %d", size, len(m.Data), m.Kind)
			}
			if m.At <= written || m.Read < m.At {
				t.Errorf("%d bytes: written at %d, arrived at %d, read at %d", size, written, m.At, m.Read)
			}
		}
		do(c, func() { c.CloseWith(1000, "done") })
		end := w.next("closed").end
		if end.Code != 1000 || end.By != ByClient || !end.Planned {
			t.Errorf("closed with %+v, want the echo of our 1000, planned", end)
		}
	})
}
