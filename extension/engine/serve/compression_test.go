package serve

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"xk6-realtime/engine"
	"xk6-realtime/engine/clock"
	"xk6-realtime/engine/deflate"
	"xk6-realtime/engine/internal/enginetest"
)

var takeover = &deflate.Options{ServerTakeover: true, ClientTakeover: true}

// messages is how many are exchanged; MESSAGES asks for more by hand.
func messages(t *testing.T) int {
	if given := os.Getenv("MESSAGES"); given != "" {
		n, err := strconv.Atoi(given)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	return 2_000
}

// mixed is message i: text or bytes, short or long, of words that come again or
// of what cannot be compressed.
func mixed(random *rand.Rand, i int) (payload []byte, binary bool) {
	size := random.IntN(300)
	switch random.IntN(50) {
	case 0:
		size = random.IntN(200_000)
	case 1:
		size = 0
	}
	binary = i%3 == 0
	for len(payload) < size {
		if binary && i%2 == 0 {
			payload = append(payload, byte(random.Uint32()))
		} else {
			payload = fmt.Appendf(payload, `{"room":"%d","text":"it said so before","id":%d}`, random.IntN(5), i)
		}
	}
	return payload[:size], binary
}

// Another's client reads what it sent, which our server read and sent back.
func TestCompressionAgainstAnothersClient(t *testing.T) {
	s, err := Start(Options{Listen: loopback, Engine: engine.Options{Deflate: takeover}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
	defer cancel()
	c, r, err := websocket.Dial(ctx, s.URL(), &websocket.DialOptions{
		CompressionMode: websocket.CompressionContextTakeover, CompressionThreshold: 1,
	})
	if err != nil {
		t.Fatal(err)
	}
	defer c.CloseNow()
	c.SetReadLimit(-1)
	if got := r.Header.Get("Sec-WebSocket-Extensions"); got != "permessage-deflate" {
		t.Fatalf("agreed on %q, want context takeover of both sides", got)
	}
	n, sent := messages(t), rand.New(rand.NewPCG(1, 1))
	go func() {
		for i := range n {
			payload, binary := mixed(sent, i)
			kind := websocket.MessageText
			if binary {
				kind = websocket.MessageBinary
			}
			if c.Write(ctx, kind, payload) != nil {
				return
			}
		}
	}()
	read := rand.New(rand.NewPCG(1, 1))
	for i := range n {
		want, binary := mixed(read, i)
		kind, got, err := c.Read(ctx)
		if err != nil || !bytes.Equal(got, want) || (kind == websocket.MessageBinary) != binary {
			t.Fatalf("message %d of %d bytes: %d bytes came back (%v)", i, len(want), len(got), err)
		}
	}
}

// echoer sends messages to a server that sends them back, a few at a time.
type echoer struct {
	t          *testing.T
	n          int
	sent, read *rand.Rand
	out, in    int
	agreed     chan *deflate.Params
	over       chan error
	traffic    engine.Traffic
}

func (e *echoer) Opened(c *engine.Conn, o *engine.Opening) {
	e.agreed <- o.Deflate
	for range 20 {
		e.send(c)
	}
}

func (e *echoer) send(c *engine.Conn) {
	if e.out == e.n {
		return
	}
	payload, binary := mixed(e.sent, e.out)
	e.out++
	if _, err := c.SendMessage(payload, binary); err != nil {
		e.over <- err
	}
}

func (e *echoer) Message(c *engine.Conn, m engine.Message) {
	want, binary := mixed(e.read, e.in)
	if !bytes.Equal(m.Data, want) || (m.Kind == engine.Binary) != binary {
		e.over <- fmt.Errorf("message %d of %d bytes: %d bytes came back", e.in, len(want), len(m.Data))
		c.Reset()
		return
	}
	if e.in++; e.in == e.n {
		c.Close()
		return
	}
	e.send(c)
}

func (e *echoer) Failed(_ *engine.Conn, _ *engine.Opening, f engine.Failure) { e.over <- f }
func (e *echoer) Alarm(*engine.Conn, clock.Time)                             {}
func (e *echoer) Closed(_ *engine.Conn, end engine.End) {
	if end.Code != 1000 || end.Breach != "" {
		e.over <- fmt.Errorf("ended with %+v after %d messages", end, e.in)
	}
	e.over <- nil
}

// exchange runs an echoer against a server.
func exchange(t *testing.T, url string, offer *deflate.Options, n int) (*deflate.Params, *echoer) {
	t.Helper()
	endpoint, _, err := engine.ParseURL(url)
	if err != nil {
		t.Fatal(err)
	}
	e := &echoer{
		t: t, n: n, agreed: make(chan *deflate.Params, 1), over: make(chan error, 4),
		sent: rand.New(rand.NewPCG(2, 2)), read: rand.New(rand.NewPCG(2, 2)),
	}
	l := enginetest.Start(t, engine.Options{Loops: 1, UnsentBytes: 64 << 20}).Loops()[0]
	l.Do(func() { l.Dial(&engine.Dial{Endpoint: endpoint, Deflate: offer, Traffic: &e.traffic}, e) })
	if err := <-e.over; err != nil {
		t.Fatal(err)
	}
	return <-e.agreed, e
}

// Another's server sends back what our client sent, which reads it. ECHO_URL names
// a further one by hand.
func TestCompressionAgainstAnothersServer(t *testing.T) {
	if url := os.Getenv("ECHO_URL"); url != "" {
		echoesWithTakeover(t, url)
		return
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := websocket.Accept(w, r, &websocket.AcceptOptions{
			CompressionMode: websocket.CompressionContextTakeover, CompressionThreshold: 1,
		})
		if err != nil {
			return
		}
		defer c.CloseNow()
		c.SetReadLimit(-1)
		for {
			kind, payload, err := c.Read(r.Context())
			if err != nil || c.Write(r.Context(), kind, payload) != nil {
				return
			}
		}
	}))
	t.Cleanup(server.Close)
	echoesWithTakeover(t, "ws"+strings.TrimPrefix(server.URL, "http"))
}

func echoesWithTakeover(t *testing.T, url string) {
	t.Helper()
	agreed, _ := exchange(t, url, takeover, messages(t))
	if agreed == nil || !agreed.ServerTakeover || !agreed.ClientTakeover {
		t.Errorf("agreed on %v, want context takeover of both sides", agreed)
	}
}

// Client and server are ours, whatever they agree on.
func TestMessagesAreTheSameWhateverIsAgreedOn(t *testing.T) {
	for _, row := range []struct {
		sentence      string
		offer, accept *deflate.Options
		want          string
	}{
		{"not offered", nil, takeover, ""},
		{"not accepted", takeover, nil, ""},
		{"no takeover, the default", &deflate.Options{}, takeover, "permessage-deflate; server_no_context_takeover; client_no_context_takeover"},
		{"takeover of the client alone", &deflate.Options{ClientTakeover: true}, takeover, "permessage-deflate; server_no_context_takeover"},
		{"takeover of the server alone", &deflate.Options{ServerTakeover: true}, takeover, "permessage-deflate; client_no_context_takeover"},
		{"the smallest windows", &deflate.Options{ServerTakeover: true, ClientTakeover: true, ServerBits: 8, ClientBits: 8}, takeover,
			"permessage-deflate; server_max_window_bits=8; client_max_window_bits=8"},
		{"the server's smaller windows", takeover, &deflate.Options{ServerTakeover: true, ServerBits: 10, ClientBits: 9},
			"permessage-deflate; client_no_context_takeover; server_max_window_bits=10; client_max_window_bits=9"},
	} {
		s, err := Start(Options{Listen: loopback, Engine: engine.Options{Deflate: row.accept}})
		if err != nil {
			t.Fatal(err)
		}
		agreed, e := exchange(t, s.URL(), row.offer, 300)
		s.Close()
		got := ""
		if agreed != nil {
			got = agreed.String()
		}
		if got != row.want {
			t.Errorf("%s: agreed on %q, want %q", row.sentence, got, row.want)
		}
		smaller := e.traffic.WireBytes < e.traffic.MessageBytes && e.traffic.WireBytesSent < e.traffic.MessageBytesSent
		if smaller != (row.want != "") {
			t.Errorf("%s: %d bytes of messages took %d on the wire, %d of them sent took %d", row.sentence,
				e.traffic.MessageBytes, e.traffic.WireBytes, e.traffic.MessageBytesSent, e.traffic.WireBytesSent)
		}
	}
}
