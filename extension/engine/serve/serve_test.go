package serve

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"xk6-realtime/engine"
	"xk6-realtime/engine/internal/leaktest"
)

func TestMain(m *testing.M) { os.Exit(leaktest.Main(m)) }

var loopback = netip.MustParseAddrPort("127.0.0.1:0")

func start(t *testing.T, o Options) *Server {
	t.Helper()
	o.Listen = loopback
	s, err := Start(o)
	return running(t, s, err)
}

// running is a server that started, until the test ends.
func running[S interface{ Close() }](t *testing.T, s S, err error) S {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

func connect(t *testing.T, s interface{ URL() string }) *websocket.Conn {
	t.Helper()
	ws, _, err := websocket.DefaultDialer.Dial(s.URL()+"/any/path", nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ws.Close() })
	ws.SetReadDeadline(time.Now().Add(20 * time.Second))
	return ws
}

func read(t *testing.T, ws *websocket.Conn) string {
	t.Helper()
	_, b, err := ws.ReadMessage()
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestEcho(t *testing.T) {
	s := start(t, Options{})
	a, b := connect(t, s), connect(t, s)
	for _, ws := range []*websocket.Conn{a, b} {
		if err := ws.WriteMessage(websocket.TextMessage, []byte("Hello")); err != nil {
			t.Fatal(err)
		}
		if got := read(t, ws); got != "Hello" {
			t.Errorf("got %q back", got)
		}
	}
	a.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(4000, ""), time.Now().Add(time.Second))
	if _, _, err := a.ReadMessage(); !websocket.IsCloseError(err, 4000) {
		t.Errorf("our Close was answered with %v", err)
	}
	if n := s.Connections(); n != 1 {
		t.Errorf("%d connections, want 1", n)
	}
}

func TestBroadcast(t *testing.T) {
	s := start(t, Options{Broadcast: true})
	a, b := connect(t, s), connect(t, s)
	if err := a.WriteMessage(websocket.TextMessage, []byte("Hello")); err != nil {
		t.Fatal(err)
	}
	for _, ws := range []*websocket.Conn{a, b} {
		if got := read(t, ws); got != "Hello" {
			t.Errorf("got %q", got)
		}
	}
}

func TestInterval(t *testing.T) {
	s := start(t, Options{Interval: time.Millisecond, Bytes: 200})
	ws := connect(t, s)
	before := time.Now()
	for last := int64(0); last < 100; {
		text := read(t, ws)
		var m struct {
			Type           string
			Seq, Timestamp int64
		}
		if err := json.Unmarshal([]byte(text), &m); err != nil || len(text) != 200 || m.Type != "message" {
			t.Fatalf("got %d bytes, %s: %v", len(text), text, err)
		}
		if last > 0 && m.Seq != last+1 {
			t.Fatalf("number %d after %d", m.Seq, last)
		}
		if at := time.Unix(0, m.Timestamp); at.Before(before.Add(-time.Minute)) || at.After(time.Now()) {
			t.Errorf("sent at %v", at)
		}
		last = m.Seq
	}
}

// certificate is for 127.0.0.1, with what a client must trust for it.
func certificate(t *testing.T) (*tls.Config, *x509.CertPool) {
	t.Helper()
	s := httptest.NewTLSServer(http.NotFoundHandler())
	defer s.Close()
	trusted := x509.NewCertPool()
	trusted.AddCert(s.Certificate())
	return &tls.Config{Certificates: s.TLS.Certificates}, trusted
}

func TestEchoOverTLS(t *testing.T) {
	config, trusted := certificate(t)
	for _, transport := range []engine.Transport{"", engine.Goroutines} {
		s := start(t, Options{Engine: engine.Options{ServerTLS: config, Transport: transport}})
		if !strings.HasPrefix(s.URL(), "wss://127.0.0.1:") {
			t.Errorf("listens on %s", s.URL())
		}
		// Who speaks no TLS is refused, and harms nobody else.
		if _, _, err := websocket.DefaultDialer.Dial("ws"+strings.TrimPrefix(s.URL(), "wss"), nil); err == nil {
			t.Error("it speaks without TLS too")
		}
		for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
			dialer := websocket.Dialer{TLSClientConfig: &tls.Config{RootCAs: trusted, MaxVersion: version}}
			ws, _, err := dialer.Dial(s.URL(), nil)
			if err != nil {
				t.Fatal(err)
			}
			defer ws.Close()
			ws.SetReadDeadline(time.Now().Add(20 * time.Second))
			for _, bytes := range []int{0, 5, 1 << 20} {
				sent := strings.Repeat("x", bytes)
				if err := ws.WriteMessage(websocket.TextMessage, []byte(sent)); err != nil {
					t.Fatal(err)
				}
				if got := read(t, ws); got != sent {
					t.Errorf("got %d bytes back, want the %d sent", len(got), bytes)
				}
			}
			goodbye := websocket.FormatCloseMessage(websocket.CloseNormalClosure, "")
			if err := ws.WriteControl(websocket.CloseMessage, goodbye, time.Now().Add(time.Second)); err != nil {
				t.Fatal(err)
			}
			if _, _, err := ws.ReadMessage(); !websocket.IsCloseError(err, websocket.CloseNormalClosure) {
				t.Errorf("ended with %v, want the Close frame's answer", err)
			}
		}
	}
}
