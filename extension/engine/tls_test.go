package engine

import (
	"bufio"
	"crypto/tls"
	"io"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"xk6-realtime/engine/clock"
)

// TLS 1.3 lets a server refuse our certificate once our handshake is over. Its
// alert says so, and its end may come with it, before the loop knows that the
// handshake is over. The test is the loop, to have it in this order.
func TestARefusedCertificateIsNamedWhateverComesFirst(t *testing.T) {
	strict := securePeer(t, &tls.Config{ClientAuth: tls.RequireAnyClientCert, MinVersion: tls.VersionTLS13})
	endpoint, _, err := ParseURL(secureURL(strict))
	if err != nil {
		t.Fatal(err)
	}
	onEachTransport(t, func(t *testing.T, o Options) {
		o.TLS = &tls.Config{InsecureSkipVerify: true}
		o, err := o.withDefaults()
		if err != nil {
			t.Fatal(err)
		}
		l, err := newLoop(&o)
		if err != nil {
			t.Fatal(err)
		}
		defer l.poll.stop()
		w := newWitness(t)
		c := l.Dial(&Dial{Endpoint: endpoint}, w)
		turnUntil := func(what string, holds func() bool) {
			for deadline := time.Now().Add(patience); !holds(); l.poll.wait(clock.Now()) {
				if time.Now().After(deadline) {
					t.Fatalf("waited in vain for %s", what)
				}
				runtime.Gosched()
			}
		}
		turnUntil("TCP", func() bool { return c.state == securing })
		// What the handshake has posted runs while more is to come of it. Its last
		// call, that it is over, has to wait for the peer's end.
		turnUntil("the peer's end", func() bool {
			s := c.secure
			s.mu.Lock()
			waiting := s.waiting && len(s.in) == 0
			s.mu.Unlock()
			l.posted.Lock()
			calls := l.posted.calls
			if !waiting && len(calls) > 0 {
				calls = calls[:len(calls)-1]
			}
			l.posted.calls = l.posted.calls[len(calls):]
			l.posted.Unlock()
			for _, send := range calls {
				send()
			}
			return s.ended != nil
		})
		l.runPosted()
		turnUntil("the connection's", func() bool { return c.state == dead })
		if f := w.next("failed").failure; f.Reason != ReasonTLS {
			t.Errorf("failed as %v, want tls", f)
		}
	})
}

// A server of TLS 1.2 may want the handshake once more, such as for a
// certificate that only some paths ask for. That is refused at once, whatever
// the configuration given says.
func TestRenegotiationIsRefused(t *testing.T) {
	const openssl = "openssl"
	if version, err := exec.Command(openssl, "version").Output(); err != nil || !strings.HasPrefix(string(version), "OpenSSL ") {
		t.Skip("there is no OpenSSL to renegotiate with")
	}
	key, certificate := filepath.Join(t.TempDir(), "key"), filepath.Join(t.TempDir(), "certificate")
	out, err := exec.Command(openssl, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
		"-keyout", key, "-out", certificate, "-subj", "/CN=localhost").CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	onEachTransport(t, func(t *testing.T, o Options) {
		server := exec.Command(openssl, "s_server", "-accept", "127.0.0.1:0", "-tls1_2", "-key", key, "-cert", certificate)
		commands, err := server.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		said, err := server.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := server.Start(); err != nil {
			t.Fatal(err)
		}
		defer server.Wait()
		defer server.Process.Kill()
		lines := bufio.NewReader(said)
		until := func(start string) string {
			for {
				line, err := lines.ReadString('\n')
				if err != nil {
					t.Fatalf("the server never said %q", start)
				}
				if strings.HasPrefix(line, start) {
					return strings.TrimSpace(line[len(start):])
				}
			}
		}
		addr := until("ACCEPT ")
		o.TLS = &tls.Config{InsecureSkipVerify: true, Renegotiation: tls.RenegotiateFreelyAsClient} // as k6 has it
		e, w := start(t, o), newWitness(t)
		dial(t, e, "wss://"+addr, w)
		until("GET ")
		io.WriteString(commands, "R\n")
		go io.Copy(io.Discard, lines)
		if f := w.next("failed").failure; f.Reason != ReasonTLS {
			t.Errorf("failed as %v, want tls", f)
		}
	})
}
