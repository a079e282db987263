package engine

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// The seam between what moves bytes and what makes messages of them.
func TestWiresKnowNoSocketsAndTheirUsersNoWire(t *testing.T) {
	list := func(format, pkg string) []string {
		t.Helper()
		out, err := exec.Command("go", "list", "-f", "{{join ."+format+" \"\\n\"}}", pkg).CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		return strings.Fields(string(out))
	}
	const module = "xk6-realtime/engine"
	for _, row := range []struct {
		sentence  string
		what      string
		of        []string
		forbidden []string
	}{
		{"a wire stands on a link, not on the engine, sockets or TLS", "Deps",
			[]string{"./wire", "./websocket", "./eventstream", "./deflate", "./frame", "./handshake"},
			[]string{module, "net", "crypto/tls", "golang.org/x/sys/unix"}},
		{"who uses connections sees messages, whatever their wire", "Imports",
			[]string{"./swarm", "./probing", "./fanout", "./ledger", "./protocol"},
			[]string{module + "/websocket", module + "/eventstream", module + "/frame"}},
	} {
		for _, pkg := range row.of {
			for _, dep := range list(row.what, pkg) {
				if slices.Contains(row.forbidden, dep) {
					t.Errorf("%s: %s has %s", row.sentence, pkg, dep)
				}
			}
		}
	}
}
