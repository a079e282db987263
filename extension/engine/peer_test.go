package engine

import (
	"bufio"
	"crypto/tls"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"xk6-realtime/engine/handshake"
)

// securePeer starts an echo server behind TLS, whose configuration may be nil.
func securePeer(t *testing.T, config *tls.Config) *httptest.Server {
	t.Helper()
	upgrader := websocket.Upgrader{}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ws, err := upgrader.Upgrade(w, r, nil)
		if err != nil {
			return
		}
		defer ws.Close()
		echo(ws)
	}))
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // of the handshakes that are meant to fail
	server.TLS = config
	server.StartTLS()
	t.Cleanup(server.Close)
	return server
}

func secureURL(server *httptest.Server) string {
	return "wss" + strings.TrimPrefix(server.URL, "https")
}

// rawPeer starts a TCP server that does to each connection what serve does.
func rawPeer(t *testing.T, serve func(c *net.TCPConn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan struct{})
	go func() {
		defer close(served)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				serve(c.(*net.TCPConn))
			}()
		}
	}()
	t.Cleanup(func() {
		l.Close()
		<-served
	})
	return "ws://" + l.Addr().String()
}

func raw(t *testing.T, serve func(c *net.TCPConn)) func() string {
	return func() string { return rawPeer(t, serve) }
}

func secured(url func() string) func() string {
	return func() string { return "wss" + strings.TrimPrefix(url(), "ws") }
}

// untilGone keeps a connection until the other side ends it, and reads what it
// says.
func untilGone(c *net.TCPConn) { io.Copy(io.Discard, c) }

// upgraded answers the handshake rightly and sends what follows.
func upgraded(then func(c *net.TCPConn)) func(c *net.TCPConn) {
	return func(c *net.TCPConn) {
		r, err := http.ReadRequest(bufio.NewReader(c))
		if err != nil {
			return
		}
		key := handshake.Key([]byte(r.Header.Get("Sec-WebSocket-Key")))
		c.Write(handshake.AppendResponse(nil, key, ""))
		then(c)
	}
}

// sends answers whatever is asked with b.
func sends(b string) func(c *net.TCPConn) {
	return func(c *net.TCPConn) {
		c.Write([]byte(b))
		untilGone(c)
	}
}

func upgradedThenSends(b []byte) func(c *net.TCPConn) {
	return upgraded(func(c *net.TCPConn) {
		c.Write(b)
		untilGone(c)
	})
}

func endlessly(c net.Conn, first, again []byte) {
	for b := first; ; b = again {
		if _, err := c.Write(b); err != nil {
			return
		}
	}
}

// short bounds a phase that never ends by itself. Phases that do end keep the
// default: a busy machine may take its time.
const short = 150 * time.Millisecond

func impatient(o Options) Options {
	o.Timeouts = Timeouts{Resolve: short, TCP: short, Proxy: short, TLS: short, Upgrade: short, Close: short}
	return o
}

func impatientToClose(o Options) Options {
	o.Timeouts.Close = short
	return o
}
