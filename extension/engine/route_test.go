package engine

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
)

// proxy opens tunnels to wherever it is told, whatever name was asked for.
type proxy struct {
	addr    string
	tunnels atomic.Int64
	heads   chan *http.Request
}

func startProxy(t *testing.T, to string) *proxy {
	p := &proxy{heads: make(chan *http.Request, 16)}
	p.addr = strings.TrimPrefix(rawPeer(t, func(c *net.TCPConn) {
		r, err := http.ReadRequest(bufio.NewReader(c))
		if err != nil {
			return
		}
		p.heads <- r
		up, err := net.Dial("tcp", to)
		if err != nil {
			fmt.Fprint(c, "HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n")
			return
		}
		defer up.Close()
		p.tunnels.Add(1)
		fmt.Fprint(c, "HTTP/1.1 103 Early\r\n\r\nHTTP/1.1 200 Connection established\r\nX-Padding: ")
		fmt.Fprint(c, strings.Repeat("x", 3000)+"\r\n\r\n")
		go func() {
			copyPlainly(up, c)
			up.(*net.TCPConn).CloseWrite()
		}()
		copyPlainly(c, up)
	}), "ws://")
	return p
}

// copyPlainly is io.Copy without the pipes that Go keeps for it on Linux.
func copyPlainly(to io.Writer, from io.Reader) {
	io.Copy(struct{ io.Writer }{to}, struct{ io.Reader }{from})
}

// through makes all connections go by a proxy at addr.
func through(o Options, addr string) Options {
	e, _, err := ParseURL("ws://" + addr)
	if err != nil {
		panic(err)
	}
	o.Route = func(Endpoint) Route {
		return Route{Proxy: &Proxy{Endpoint: e, Authorization: "Basic dXNlcjpwYXNz"}}
	}
	return o
}

func TestAProxyOpensTheWay(t *testing.T) {
	to := peer(t, echo)
	p := startProxy(t, strings.TrimPrefix(to, "ws://"))
	onEachTransport(t, func(t *testing.T, o Options) {
		before := p.tunnels.Load()
		e, w := start(t, through(o, p.addr)), newWitness(t)
		// The name is the proxy's to look up: nobody else knows it.
		c := dial(t, e, "ws://only-the-proxy-knows.invalid:81/chat", w)
		opened := w.next("opened").opening
		if opened.Connected < opened.Began || opened.Tunnelled <= opened.Connected || opened.Opened <= opened.Tunnelled {
			t.Errorf("the phases are out of order: %+v", opened)
		}
		if sum := opened.Resolve() + opened.TCP() + opened.Proxy() + opened.TLS() + opened.Upgrade(); sum != opened.Latency()-opened.Late() {
			t.Errorf("the phases take %v together, the whole %v", sum, opened.Latency()-opened.Late())
		}
		head := <-p.heads
		if head.Method != "CONNECT" || head.RequestURI != "only-the-proxy-knows.invalid:81" ||
			head.Host != head.RequestURI || head.Header.Get("Proxy-Authorization") != "Basic dXNlcjpwYXNz" {
			t.Errorf("the proxy was asked %s %s, %v", head.Method, head.RequestURI, head.Header)
		}
		if n := p.tunnels.Load() - before; n != 1 {
			t.Errorf("%d tunnels, want 1", n)
		}
		do(c, func() { c.Send(Text, []byte("hello")) })
		if m := w.next("message").message; string(m.Data) != "hello" {
			t.Errorf("got %q", m.Data)
		}
		do(c, func() { c.CloseWith(1000, "") })
		w.next("closed")
	})
}

func TestAProxyOpensTheWayForTLS(t *testing.T) {
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { upgradeAnd(echo, w, r) }))
	defer server.Close()
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	p := startProxy(t, server.Listener.Addr().String())
	onEachTransport(t, func(t *testing.T, o Options) {
		o = through(o, p.addr)
		o.TLS = &tls.Config{RootCAs: roots}
		e, w := start(t, o), newWitness(t)
		c := dial(t, e, "wss://example.com/", w) // the name in the certificate
		opened := w.next("opened").opening
		if opened.Tunnelled <= opened.Connected || opened.Secured <= opened.Tunnelled || opened.TLS() <= 0 {
			t.Errorf("the phases are out of order: %+v", opened)
		}
		<-p.heads
		do(c, func() { c.Send(Text, []byte("hello")) })
		if m := w.next("message").message; string(m.Data) != "hello" {
			t.Errorf("got %q", m.Data)
		}
		do(c, func() { c.CloseWith(1000, "") })
		w.next("closed")
		dial(t, e, "wss://another.example/", w)
		if f := w.next("failed").failure; f.Reason != ReasonTLS {
			t.Errorf("failed as %v, want tls", f)
		}
		<-p.heads
	})
}

func TestWhatAProxyDoesIsTheProxys(t *testing.T) {
	answers := func(b string) string {
		return strings.TrimPrefix(rawPeer(t, func(c *net.TCPConn) {
			http.ReadRequest(bufio.NewReader(c))
			io.WriteString(c, b)
		}), "ws://")
	}
	silent := strings.TrimPrefix(rawPeer(t, untilGone), "ws://")
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody := l.Addr().String()
	l.Close()
	tests := []struct{ name, addr, want string }{
		{"wants credentials", answers("HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n"), "proxy_407"},
		{"cannot reach the server", answers("HTTP/1.0 502 Bad Gateway\r\n\r\n"), "proxy_502"},
		{"is somebody's home page", answers("HTTP/1.1 302 Found\r\nLocation: http://portal/\r\n\r\n"), "proxy_302"},
		{"answers with its login page", answers("HTTP/1.1 200 OK\r\nContent-Length: 18\r\n\r\n<html>login</html>"), "proxy_200"},
		{"speaks something else", answers("SSH-2.0-OpenSSH\r\n"), "proxy_bad_answer"},
		{"never ends its head", answers("HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", 64<<10)), "proxy_bad_answer"},
		{"hangs up", answers(""), "proxy_closed"},
		{"hangs up within its answer", answers("HTTP/1.1 200 O"), "proxy_closed"},
		{"is not there", nobody, "proxy_refused"},
		{"has no address", "no-such-proxy.invalid:3128", "proxy_dns"},
		{"never answers", silent, "proxy_timeout"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			onEachTransport(t, func(t *testing.T, o Options) {
				if test.want == "proxy_timeout" {
					o = impatient(o)
				}
				e, w := start(t, through(o, test.addr)), newWitness(t)
				dial(t, e, "ws://127.0.0.1:1/", w)
				f := w.next("failed").failure
				if f.Reason.String() != test.want || !f.Reason.OfProxy() {
					t.Errorf("failed as %v, want %s", f, test.want)
				}
				if l := e.Loops()[0]; !l.Await(func() {
					if l.Connections() != 0 || l.opening != 0 {
						t.Errorf("%d connections, %d opening, want none", l.Connections(), l.opening)
					}
				}) {
					t.Error("the loop has ended")
				}
			})
		})
	}
}

// The head of its answer looks like an open tunnel, and the page answers what was sent into it.
func TestAPageThatComesLaterIsTheProxysToo(t *testing.T) {
	for _, test := range []struct{ name, head, url, want string }{
		{"announced", "Content-Length: 18\r\n", "ws://server.example/", "proxy_200"},
		{"announced, of unknown length", "Transfer-Encoding: chunked\r\n", "ws://server.example/", "proxy_200"},
		{"announced, under TLS", "Content-Length: 18\r\n", "wss://server.example/", "proxy_200"},
		{"not announced", "", "ws://server.example/", "bad_upgrade"},
	} {
		t.Run(test.name, func(t *testing.T) {
			portal := strings.TrimPrefix(rawPeer(t, func(c *net.TCPConn) {
				http.ReadRequest(bufio.NewReader(c))
				io.WriteString(c, "HTTP/1.1 200 OK\r\n"+test.head+"\r\n")
				c.Read(make([]byte, 1))
				io.WriteString(c, "<html>login</html>")
				untilGone(c)
			}), "ws://")
			onEachTransport(t, func(t *testing.T, o Options) {
				e, w := start(t, through(o, portal)), newWitness(t)
				dial(t, e, test.url, w)
				if f := w.next("failed").failure; f.Reason.String() != test.want {
					t.Errorf("failed as %v, want %s", f, test.want)
				}
			})
		})
	}
}

// What the server does behind the tunnel is the server's.
func TestBehindAProxyTheServerHasItsOwnReasons(t *testing.T) {
	p := startProxy(t, strings.TrimPrefix(rawPeer(t, sends("HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n")), "ws://"))
	onEachTransport(t, func(t *testing.T, o Options) {
		e, w := start(t, through(o, p.addr)), newWitness(t)
		dial(t, e, "ws://server.example/", w)
		if f := w.next("failed").failure; f.Reason.String() != "http_401" || f.Reason.OfProxy() {
			t.Errorf("failed as %v, want http_401", f)
		}
		<-p.heads
	})
}

func TestAllAddressesOfANameAreTried(t *testing.T) {
	to := netip.MustParseAddrPort(strings.TrimPrefix(peer(t, echo), "ws://"))
	refuses := netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), closedPort(t))
	nowhere := netip.AddrPortFrom(netip.MustParseAddr("::1"), to.Port())
	blocked := netip.MustParseAddrPort("127.0.0.9:9")
	tests := []struct {
		name  string
		addrs []netip.AddrPort
		want  string // empty where the connection opens
	}{
		{"the first refuses", []netip.AddrPort{refuses, to}, ""},
		{"all but the last refuse", []netip.AddrPort{refuses, nowhere, refuses, to}, ""},
		{"one that may not be dialled is left out", []netip.AddrPort{blocked, to}, ""},
		{"all refuse", []netip.AddrPort{refuses, refuses}, "refused"},
		{"the first one's reason counts", []netip.AddrPort{refuses, blocked}, "refused"},
		{"none may be dialled", []netip.AddrPort{blocked, blocked}, "blocked"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			onEachTransport(t, func(t *testing.T, o Options) {
				o.Resolve = func(context.Context, string, uint16) ([]netip.AddrPort, error) { return test.addrs, nil }
				o.Blocked = func(_ string, addr netip.Addr) bool { return addr == blocked.Addr() }
				e, w := start(t, o), newWitness(t)
				c := dial(t, e, "ws://several.example/", w)
				if test.want != "" {
					if f := w.next("failed").failure; f.Reason.String() != test.want {
						t.Errorf("failed as %v, want %s", f, test.want)
					}
					return
				}
				w.next("opened")
				do(c, func() { c.CloseWith(1000, "") })
				w.next("closed")
			})
		})
	}
}

// An address may be sent elsewhere, as k6's hosts do; the Host header stays.
func TestARouteLeadsElsewhere(t *testing.T) {
	host := make(chan string, 1)
	to := peerOf(t, func(r *http.Request) { host <- r.Host })
	hop, _, err := ParseURL(to)
	if err != nil {
		t.Fatal(err)
	}
	onEachTransport(t, func(t *testing.T, o Options) {
		asked := 0
		o.Route = func(Endpoint) Route { asked++; return Route{Hop: hop} }
		e, w := start(t, o), newWitness(t)
		for range 2 {
			c := dial(t, e, "ws://192.0.2.1:81/", w)
			w.next("opened")
			if got := <-host; got != "192.0.2.1:81" {
				t.Errorf("Host is %q", got)
			}
			do(c, func() { c.CloseWith(1000, "") })
			w.next("closed")
		}
		if asked != 1 {
			t.Errorf("the way was asked for %d times, want once", asked)
		}
	})
}

func closedPort(t *testing.T) uint16 {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).AddrPort().Port()
}
