package engine

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
)

// socksProxy opens ways to to. It wants user "user" and password "pass" where
// wantsPassword says so, and tells what host it was asked for.
func socksProxy(t *testing.T, to string, wantsPassword bool, asked chan<- string) string {
	return strings.TrimPrefix(rawPeer(t, func(c *net.TCPConn) {
		r := bufio.NewReader(c)
		read := func(n int) []byte {
			b := make([]byte, n)
			io.ReadFull(r, b)
			return b
		}
		methods := read(int(read(2)[1]))
		switch {
		case !wantsPassword:
			c.Write([]byte{5, 0})
		case len(methods) < 2:
			c.Write([]byte{5, 0xff})
			return
		default:
			c.Write([]byte{5, 2})
			user := string(read(int(read(2)[1])))
			if password := string(read(int(read(1)[0]))); user != "user" || password != "pass" {
				c.Write([]byte{1, 1})
				return
			}
			c.Write([]byte{1, 0})
		}
		read(4)
		asked <- string(read(int(read(1)[0])))
		read(2)
		up, err := net.Dial("tcp", to)
		if err != nil {
			c.Write([]byte{5, 5, 0, 1, 0, 0, 0, 0, 0, 0})
			return
		}
		defer up.Close()
		for _, b := range []byte{5, 0, 0, 3, 2, 'o', 'k', 0, 80} {
			c.Write([]byte{b}) // in pieces
		}
		go func() {
			copyPlainly(up, r)
			up.(*net.TCPConn).CloseWrite()
		}()
		copyPlainly(c, up)
	}), "ws://")
}

func throughSocks(o Options, addr, user, password string) Options {
	o = through(o, addr)
	route := o.Route
	o.Route = func(e Endpoint) Route {
		r := route(e)
		r.Proxy.Socks = &Socks{User: user, Password: password}
		return r
	}
	return o
}

func TestASocksProxyOpensTheWay(t *testing.T) {
	to := strings.TrimPrefix(peer(t, echo), "ws://")
	for _, wantsPassword := range []bool{false, true} {
		asked := make(chan string, 1)
		addr := socksProxy(t, to, wantsPassword, asked)
		onEachTransport(t, func(t *testing.T, o Options) {
			e, w := start(t, throughSocks(o, addr, "user", "pass")), newWitness(t)
			c := dial(t, e, "ws://only-the-proxy-knows.invalid/", w)
			opened := w.next("opened").opening
			if opened.Proxy() <= 0 || opened.Upgrade() <= 0 {
				t.Errorf("the phases are out of order: %+v", opened)
			}
			if host := <-asked; host != "only-the-proxy-knows.invalid" {
				t.Errorf("the proxy was asked for %q", host)
			}
			do(c, func() { c.Send(Text, []byte("hello")) })
			if m := w.next("message").message; string(m.Data) != "hello" {
				t.Errorf("got %q", m.Data)
			}
			do(c, func() { c.CloseWith(1000, "") })
			w.next("closed")
		})
	}
}

func TestWhatASocksProxyDoesIsTheProxys(t *testing.T) {
	asked := make(chan string, 100)
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody := closed.Addr().String()
	closed.Close()
	answers := func(b ...byte) string {
		return strings.TrimPrefix(rawPeer(t, func(c *net.TCPConn) {
			c.Read(make([]byte, 16))
			c.Write(b)
		}), "ws://")
	}
	wantsPassword := socksProxy(t, nobody, true, asked)
	tests := []struct{ name, addr, user, password, want string }{
		{"wants a password", wantsPassword, "", "", "proxy_407"},
		{"wants another password", wantsPassword, "user", "wrong", "proxy_407"},
		{"does not reach the server", socksProxy(t, nobody, false, asked), "", "", "proxy_502"},
		{"speaks HTTP", answers([]byte("HTTP/1.1 400 Bad Request\r\n\r\n")...), "", "", "proxy_bad_answer"},
		{"wants what was not offered", answers(5, 2), "", "", "proxy_bad_answer"},
		{"hangs up", answers(), "", "", "proxy_closed"},
		{"hangs up within its answer", answers(5), "", "", "proxy_closed"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			onEachTransport(t, func(t *testing.T, o Options) {
				e, w := start(t, throughSocks(o, test.addr, test.user, test.password)), newWitness(t)
				dial(t, e, "ws://server.example/", w)
				if f := w.next("failed").failure; f.Reason.String() != test.want {
					t.Errorf("failed as %v, want %s", f, test.want)
				}
			})
		})
	}
}

// A server may speak at once behind the tunnel: nothing of it is lost.
func TestWhatComesWithTheTunnelIsNotLost(t *testing.T) {
	onEachTransport(t, func(t *testing.T, o Options) {
		addr := strings.TrimPrefix(rawPeer(t, func(c *net.TCPConn) {
			http.ReadRequest(bufio.NewReader(c))
			io.WriteString(c, "HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 401 Unauthorized\r\n\r\n")
			untilGone(c)
		}), "ws://")
		e, w := start(t, through(o, addr)), newWitness(t)
		dial(t, e, "ws://server.example/", w)
		if f := w.next("failed").failure; f.Reason.String() != "http_401" {
			t.Errorf("failed as %v, want http_401", f)
		}
	})
}
