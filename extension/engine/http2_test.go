package engine

import (
	"bytes"
	"crypto/tls"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"testing"

	xhttp2 "golang.org/x/net/http2"

	"xk6-realtime/engine/clock"
	"xk6-realtime/engine/frame"
)

// echoing is a Handler that sends each message back.
type echoing struct{}

func (echoing) Opened(*Conn, *Opening)          {}
func (echoing) Failed(*Conn, *Opening, Failure) {}
func (echoing) Alarm(*Conn, clock.Time)         {}
func (echoing) Closed(*Conn, End)               {}
func (echoing) Message(c *Conn, m Message) {
	if m.Kind.IsData() {
		c.Send(m.Kind, m.Data)
	}
}

// echoServer is one of the engine's own, for HTTP/1.1 and HTTP/2.
func echoServer(t *testing.T, o Options) string {
	t.Helper()
	o.UnsentBytes = 64 << 20
	e := start(t, o)
	var addr netip.AddrPort
	e.Loops()[0].Await(func() {
		l, err := e.Loops()[0].Listen(netip.MustParseAddrPort("127.0.0.1:0"), false, func(*Conn) Handler { return echoing{} })
		if err != nil {
			t.Error(err)
			return
		}
		addr = l.Addr()
	})
	if o.ServerTLS != nil {
		return "wss://" + addr.String()
	}
	return "ws://" + addr.String()
}

// certified is a configuration for a server on this machine.
func certified(t *testing.T) *tls.Config {
	t.Helper()
	s := httptest.NewUnstartedServer(nil)
	s.StartTLS()
	defer s.Close()
	return &tls.Config{Certificates: s.TLS.Certificates}
}

func dialOverHTTP2(t *testing.T, e *Engine, url string, most int, h Handler) *Conn {
	t.Helper()
	endpoint, path, err := ParseURL(url)
	if err != nil {
		t.Fatal(err)
	}
	var c *Conn
	l := e.Loops()[0]
	l.Await(func() {
		c = l.Dial(&Dial{Endpoint: endpoint, Request: withPath(path), StreamsPerConnection: most}, h)
	})
	return c
}

func TestEchoOverHTTP2(t *testing.T) {
	onEachTransport(t, func(t *testing.T, o Options) {
		for _, secure := range []bool{false, true} {
			t.Run("secure "+strconv.FormatBool(secure), func(t *testing.T) {
				server, o := o, o
				if secure {
					server.ServerTLS = certified(t)
					o.TLS = &tls.Config{InsecureSkipVerify: true}
				}
				url := echoServer(t, server)
				e := start(t, o)
				const streams = 5
				var ws [streams]*witness
				var cs [streams]*Conn
				for i := range streams {
					ws[i] = newWitness(t)
					cs[i] = dialOverHTTP2(t, e, url+"/chat", 2, ws[i])
				}
				founded := 0
				for _, w := range ws {
					opened := w.next("opened").opening
					if opened.OpenedTCP() {
						founded++
					}
					if opened.Asked < opened.Began || opened.Opened < opened.Asked {
						t.Errorf("the phases are out of order: %+v", opened)
					}
				}
				if founded != 3 {
					t.Errorf("%d TCP connections were opened for 5 streams, 2 to each, want 3", founded)
				}
				for _, size := range []int{0, 1, 125, 126, 65_535, 65_536, 1 << 20} {
					for i, c := range cs {
						payload := bytes.Repeat([]byte{byte('a' + i)}, size)
						var written clock.Time
						do(c, func() { written, _ = c.Send(Text, payload) })
						m := ws[i].next("message").message
						if m.Kind != Text || !bytes.Equal(m.Data, payload) {
							t.Fatalf("%d bytes came back as %d, opcode %d", size, len(m.Data), m.Kind)
						}
						if m.At <= written || m.Read < m.At {
							t.Errorf("%d bytes: written at %d, arrived at %d, read at %d", size, written, m.At, m.Read)
						}
					}
				}
				for i, c := range cs {
					do(c, func() { c.CloseWith(1000, "done") })
					end := ws[i].next("closed").end
					if end.Code != 1000 || end.By != ByClient || !end.Planned {
						t.Errorf("closed with %+v, want the echo of our 1000, planned", end)
					}
				}
			})
		}
	})
}

// Another's client, of whose frames ours know nothing.
func TestAnothersClientIsServedOverHTTP2(t *testing.T) {
	onEachTransport(t, func(t *testing.T, o Options) {
		server := o
		server.ServerTLS = certified(t)
		address := strings.TrimPrefix(echoServer(t, server), "wss://")
		transport := &xhttp2.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
		defer transport.CloseIdleConnections()
		body, says := io.Pipe()
		request := &http.Request{
			Method: http.MethodConnect,
			URL:    &url.URL{Scheme: "https", Host: address, Path: "/chat"},
			Host:   address,
			Header: http.Header{":protocol": {"websocket"}, "Sec-Websocket-Version": {"13"}},
			Body:   body,
		}
		answer, err := transport.RoundTrip(request)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		if answer.StatusCode != http.StatusOK {
			t.Fatalf("the status is %s", answer.Status)
		}
		payload := bytes.Repeat([]byte("x"), 100_000)
		go func() {
			says.Write(frame.AppendMasked(nil, frame.Text, [4]byte{1, 2, 3, 4}, payload))
			says.Write(frame.AppendMasked(nil, frame.Close, [4]byte{1, 2, 3, 4}, []byte("\x03\xe8")))
			says.Close()
		}()
		got, err := io.ReadAll(answer.Body)
		want := frame.Append(frame.Append(nil, frame.Text, payload), frame.Close, []byte("\x03\xe8"))
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%d bytes came back (%v), want the %d of the message and the Close", len(got), err, len(want))
		}
	})
}
