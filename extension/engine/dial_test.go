package engine

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"syscall"
	"testing"
	"time"

	"xk6-realtime/engine/handshake"
)

func TestFailuresAreNamed(t *testing.T) {
	nobody := func() string { // a port where nothing listens
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		return "ws://" + l.Addr().String()
	}
	tests := []struct {
		name string
		url  func() string
		want string
	}{
		{"nothing listens", nobody, "refused"},
		{"never answers", raw(t, untilGone), "timeout_upgrade"},
		{"never answers a TLS hello", secured(raw(t, untilGone)), "timeout_tls"},
		{"answers a TLS hello with garbage", secured(raw(t, sends("garbage"))), "tls"},
		{"closes a TLS connection", secured(raw(t, func(c *net.TCPConn) {
			c.Read(make([]byte, 4<<10)) // the whole hello: what is left unread would make it a reset
		})), "closed"},
		{"answers with garbage", raw(t, sends("\x00\xff\x17garbage\r\n\r\n")), "bad_upgrade"},
		{"answers with half a handshake and waits", raw(t, sends("HTTP/1.1 101 Switching Protocols\r\nUpgra")), "timeout_upgrade"},
		{"answers with half a handshake and goes", raw(t, func(c *net.TCPConn) {
			http.ReadRequest(bufio.NewReader(c))
			c.Write([]byte("HTTP/1.1 101 Switching Protocols\r\nUpgra"))
		}), "closed"},
		{"answers with a header of 10 MB", raw(t, sends("HTTP/1.1 101 Switching Protocols\r\nX: "+strings.Repeat("x", 10<<20))), "header_too_large"},
		{"answers for another key", raw(t, sends("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+
			"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n")), "bad_accept"},
		{"wants a token", raw(t, sends("HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n")), "http_401"},
		{"is a plain page", raw(t, sends("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")), "http_200"},
		{"is overloaded", raw(t, sends("HTTP/1.1 503 Service Unavailable\r\n\r\n")), "http_503"},
		{"resets", raw(t, func(c *net.TCPConn) {
			http.ReadRequest(bufio.NewReader(c))
			c.SetLinger(0)
		}), "reset"},
		{"has no address", func() string { return "ws://no-such-host.invalid" }, "dns"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			url := test.url()
			onEachTransport(t, func(t *testing.T, o Options) {
				if strings.HasPrefix(test.want, "timeout") {
					o = impatient(o)
				}
				e, w := start(t, o), newWitness(t)
				dial(t, e, url, w)
				if f := w.next("failed").failure; f.Reason.String() != test.want {
					t.Errorf("failed as %v, want %s", f, test.want)
				}
				e.Loops()[0].Await(func() {
					if n := e.Loops()[0].Connections(); n != 0 {
						t.Errorf("%d connections are left", n)
					}
				})
			})
		})
	}
}

func TestAPortThatSwallowsConnectionsTimesOut(t *testing.T) {
	// The backlog of a listener that never accepts fills up; what comes then
	// gets no answer at all.
	l, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if err := shrinkBacklog(l); err != nil {
		t.Skip(err)
	}
	onEachTransport(t, func(t *testing.T, o Options) {
		e, w := start(t, impatient(o)), newWitness(t)
		for range 8 {
			dial(t, e, "ws://"+l.Addr().String(), w)
		}
		reasons := map[string]int{}
		for range 8 {
			reasons[w.next("failed").failure.Reason.String()]++
		}
		if reasons["timeout_tcp"] == 0 || reasons["timeout_tcp"]+reasons["timeout_upgrade"] != 8 {
			t.Errorf("failed as %v, want timeout_tcp for those beyond the backlog", reasons)
		}
	})
}

// A look-up that fails for want of what this machine has says nothing of the
// name.
func TestALookUpWithoutMeansIsOurs(t *testing.T) {
	tests := []struct {
		name string
		err  error
		want Reason
	}{
		{"no such name", &net.DNSError{Err: "no such host", Name: "a.example", IsNotFound: true}, ReasonDNS},
		{"no descriptor, in words", &net.DNSError{Err: "dial udp 127.0.0.53:53: socket: too many open files", Name: "a.example"}, ReasonNoDescriptors},
		{"no descriptor, as an error", fmt.Errorf("look up: %w", syscall.EMFILE), ReasonNoDescriptors},
		{"no port", &net.DNSError{Err: "dial udp 127.0.0.53:53: bind: cannot assign requested address", Name: "a.example"}, ReasonNoPorts},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			o := Options{Resolve: func(context.Context, string, uint16) ([]netip.AddrPort, error) {
				return nil, test.err
			}}
			e, w := start(t, o), newWitness(t)
			dial(t, e, "ws://a.example", w)
			if f := w.next("failed").failure; f.Reason != test.want {
				t.Errorf("failed as %v, want %v", f, test.want)
			}
		})
	}
}

func TestANameThatNobodyResolvesTimesOut(t *testing.T) {
	onEachTransport(t, func(t *testing.T, o Options) {
		o = impatient(o)
		o.Resolve = func(ctx context.Context, _ string, _ uint16) ([]netip.AddrPort, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}
		e, w := start(t, o), newWitness(t)
		dial(t, e, "ws://slow.example", w)
		if f := w.next("failed").failure; f.Reason != ReasonTimeoutResolve {
			t.Errorf("failed as %v, want timeout_resolve", f)
		}
	})
}

// Each look-up asks for its own connection's name, also when that connection
// was given up before the look-up began, and its memory serves the next.
func TestALookUpAsksForItsOwnName(t *testing.T) {
	onEachTransport(t, func(t *testing.T, o Options) {
		const names = 100
		asked := make(chan string, names)
		o.Resolve = func(ctx context.Context, host string, _ uint16) ([]netip.AddrPort, error) {
			asked <- host
			<-ctx.Done()
			return nil, ctx.Err()
		}
		e, w := start(t, o), newWitness(t)
		l := e.Loops()[0]
		l.Await(func() {
			for i := range names {
				l.Dial(&Dial{Endpoint: Endpoint{Host: fmt.Sprintf("host%d.example", i), Port: 80}}, w).CloseWith(1000, "")
			}
		})
		seen := map[string]bool{}
		for range names {
			w.next("failed")
			select {
			case host := <-asked:
				seen[host] = true
			case <-time.After(patience):
				t.Fatal("a look-up never began")
			}
		}
		if seen[""] || len(seen) != names {
			t.Errorf("%d different names were looked up, want %d", len(seen), names)
		}
	})
}

func TestANameMayBeBlocked(t *testing.T) {
	onEachTransport(t, func(t *testing.T, o Options) {
		o.Resolve = func(context.Context, string, uint16) ([]netip.AddrPort, error) {
			return nil, fmt.Errorf("secret.example: %w", ErrBlocked)
		}
		e, w := start(t, o), newWitness(t)
		dial(t, e, "ws://secret.example", w)
		if f := w.next("failed").failure; f.Reason != ReasonBlocked {
			t.Errorf("failed as %v, want blocked", f)
		}
	})
}

func TestBlockedAddressesAreNotDialled(t *testing.T) {
	url := rawPeer(t, func(*net.TCPConn) { t.Error("was dialled") })
	onEachTransport(t, func(t *testing.T, o Options) {
		o.Blocked = func(_ string, addr netip.Addr) bool { return addr.IsLoopback() }
		e, w := start(t, o), newWitness(t)
		dial(t, e, url, w)
		if f := w.next("failed").failure; f.Reason != ReasonBlocked {
			t.Errorf("failed as %v, want blocked", f)
		}
	})
}

func TestASourceThatIsNotOursIsNoLackOfPorts(t *testing.T) {
	url := rawPeer(t, untilGone)
	onEachTransport(t, func(t *testing.T, o Options) {
		e, w := start(t, o), newWitness(t)
		endpoint, _, err := ParseURL(url)
		if err != nil {
			t.Fatal(err)
		}
		e.Loops()[0].Await(func() {
			// TEST-NET-1 (RFC 5737) is nobody's.
			e.Loops()[0].Dial(&Dial{Endpoint: endpoint, Source: netip.MustParseAddr("192.0.2.1")}, w)
		})
		f := w.next("failed").failure
		if f.Reason != ReasonOther || f.Err == nil || !strings.Contains(f.Err.Error(), "source address 192.0.2.1: want an address of this machine") {
			t.Errorf("failed as %v, want that the source is no address of this machine", f)
		}
	})
}

func TestARedirectIsSaidWithoutSecrets(t *testing.T) {
	tests := []struct{ name, answer, want string }{
		{"with user, query and fragment", "302 Found\r\nServer: x\r\nLocation: https://me:s3cr3t@login.example:8443/sso?token=s3cr3t#s3cr3t\r\n\r\n",
			"it redirects to https://login.example:8443/sso"},
		{"to a path", "307 Temporary Redirect\r\nlocation: /login?next=s3cr3t\r\n\r\n", "it redirects to /login"},
		{"without a target", "302 Found\r\n\r\n", handshake.ErrStatus.Error()},
		{"to what is no URL", "302 Found\r\nLocation: http://s3cr3t:%zz\r\n\r\n", handshake.ErrStatus.Error()},
		{"a refusal with a Location", "403 Forbidden\r\nLocation: /s3cr3t\r\n\r\n", handshake.ErrStatus.Error()},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			url := rawPeer(t, sends("HTTP/1.1 "+test.answer))
			onEachTransport(t, func(t *testing.T, o Options) {
				e, w := start(t, o), newWitness(t)
				dial(t, e, url, w)
				f := w.next("failed").failure
				if f.Reason.String() != "http_"+test.answer[:3] || f.Err.Error() != test.want {
					t.Errorf("failed as %v, want %q", f, test.want)
				}
			})
		})
	}
}
