package subcommand

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"go.k6.io/k6/v2/cmd/state"
)

// Whatever connects straight to a server says so where the environment names a
// proxy for it, and sends nothing.
func TestCommandsThatConnectStraightRefuseAProxy(t *testing.T) {
	spec := filepath.Join(t.TempDir(), "spec.json")
	benchSpec := filepath.Join(t.TempDir(), "bench.json")
	for path, text := range map[string]string{
		spec:      `{"servers": [{"agent": "one", "url": "wss://server.test:1/"}]}`,
		benchSpec: `{"servers": [{"name": "one", "uri": "wss://server.test:1/"}], "testsets": [{"mode": "echo", "options": {"count": 1}, "cases": [{"size": 1}]}]}`,
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, one := range []struct {
		variable string
		make     func(*state.GlobalState) *cobra.Command
		args     string
	}{
		{"HTTP_PROXY", NewConform, "server --url ws://server.test:1/"},
		{"http_proxy", NewConform, "server --http-version 2 --url ws://server.test:1/"},
		{"HTTPS_PROXY", NewConform, "server --spec " + spec},
		{"HTTP_PROXY", NewConform, "sse-server --url http://server.test:1/"},
		{"HTTPS_PROXY", NewConform, "sse-server --url http://127.0.0.1:1/ --publish https://server.test:1/"},
		{"HTTP_PROXY", NewConform, "sse-client --url http://server.test:1/"},
		{"HTTP_PROXY", NewConform, "testee --url ws://server.test:1"},
		{"HTTP_PROXY", NewEchoClient, "--url ws://server.test:1/"},
		{"HTTPS_PROXY", NewBroadcastClient, "--url wss://server.test:1/"},
		{"https_proxy", NewWAMPClient, "--url wss://server.test:1/"},
		{"HTTPS_PROXY", NewEchoBench, benchSpec},
	} {
		t.Run(one.variable+" "+one.args, func(t *testing.T) {
			for _, name := range []string{"HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy"} {
				t.Setenv(name, "")
			}
			t.Setenv(one.variable, "http://user:secret@127.0.0.1:2")
			cmd := one.make(nil)
			cmd.SetArgs(strings.Fields(one.args))
			var said bytes.Buffer
			cmd.SetOut(&said)
			cmd.SetErr(&said)
			err := cmd.ExecuteContext(t.Context())
			if want := one.variable + ": expected no proxy to server.test"; err == nil || !strings.HasPrefix(err.Error(), want) {
				t.Errorf("got %v, want %s…", err, want)
			}
			if strings.Contains(said.String(), "secret") {
				t.Error("it shows the credentials")
			}
			t.Setenv("NO_PROXY", "server.test")
			if err := requireNoProxy("ws://server.test:1/", "https://server.test/"); err != nil {
				t.Error(err)
			}
		})
	}
}
