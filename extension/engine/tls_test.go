package engine

import (
	"bufio"
	"crypto/tls"
	"io"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

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
