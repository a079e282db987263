//go:build unix

package subcommand

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/spf13/cobra"
	"go.k6.io/k6/v2/cmd/state"
)

func TestWrongFlagsAreRefused(t *testing.T) {
	tests := []struct {
		name string
		args []string
		want string
	}{
		{"an address without a port", []string{"--listen", "127.0.0.1"}, `--listen: expected an address and port such as 127.0.0.1:9100, got "127.0.0.1"`},
		{"a negative interval", []string{"--interval", "-1s"}, "--interval: expected a duration of at least 0, got -1s"},
		{"a size beyond the largest", []string{"--size", "1048577"}, "--size: expected 0 to 1048576 bytes, got 1048577"},
		{"a word too many", []string{"now"}, "unknown command"},
	}
	for _, test := range tests {
		cmd := NewBroadcast(nil)
		cmd.SetArgs(test.args)
		cmd.SetOut(io.Discard)
		cmd.SetErr(io.Discard)
		if err := cmd.Execute(); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: error %v, want one that says %q", test.name, err, test.want)
		}
	}
}

func TestWrongFlagsOfWAMPAreRefused(t *testing.T) {
	tests := []struct {
		name string
		cmd  func(*state.GlobalState) *cobra.Command
		args []string
		want string
	}{
		{"an address without a port", NewWAMPServer, []string{"--listen", "127.0.0.1"}, `--listen: expected an address and port such as 127.0.0.1:9100, got "127.0.0.1"`},
		{"a certificate without its key", NewWAMPServer, []string{"--cert", "c.pem"}, "--cert and --key: expected both of them, got one"},
		{"an unknown serialization", NewWAMPClient, []string{"--serialization", "xml"}, `--serialization: expected json, msgpack or cbor, got "xml"`},
		{"a URL of another scheme", NewWAMPClient, []string{"--url", "tcp://127.0.0.1:1"}, "--url: "},
		{"a negative interval", NewWAMPClient, []string{"--interval", "-1s"}, "--interval: expected a duration of at least 0, got -1s"},
	}
	for _, test := range tests {
		cmd := test.cmd(nil)
		cmd.SetArgs(test.args)
		cmd.SetOut(io.Discard)
		cmd.SetErr(io.Discard)
		if err := cmd.Execute(); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: error %v, want one that says %q", test.name, err, test.want)
		}
	}
}

// start runs a command until the test ends, by the signal that ends it, and
// returns its URL.
func start(t *testing.T, cmd *cobra.Command, args ...string) string {
	t.Helper()
	out, in := io.Pipe()
	cmd.SetArgs(append(args, "--listen", "127.0.0.1:0"))
	cmd.SetOut(in)
	ended := make(chan error, 1)
	go func() { ended <- cmd.Execute() }()
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := syscall.Kill(os.Getpid(), syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		if err := <-ended; err != nil {
			t.Errorf("after SIGTERM: %v", err)
		}
	})
	return strings.TrimSpace(strings.TrimPrefix(line, "listening on "))
}

func dial(t *testing.T, url string) *websocket.Conn {
	t.Helper()
	c, _, err := websocket.DefaultDialer.Dial(url, http.Header{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetReadDeadline(time.Now().Add(20 * time.Second))
	return c
}

func TestEchoSendsBack(t *testing.T) {
	url := start(t, NewEcho(nil))
	if !strings.HasPrefix(url, "ws://127.0.0.1:") {
		t.Errorf("listens on %s", url)
	}
	c := dial(t, url)
	if err := c.WriteMessage(websocket.BinaryMessage, []byte("as it is")); err != nil {
		t.Fatal(err)
	}
	kind, data, err := c.ReadMessage()
	if err != nil || kind != websocket.BinaryMessage || string(data) != "as it is" {
		t.Errorf("got %d %q (%v), want what was sent", kind, data, err)
	}
}

func TestBroadcastSendsToAll(t *testing.T) {
	url := start(t, NewBroadcast(nil), "--interval", "5ms", "--size", "200")
	for _, c := range []*websocket.Conn{dial(t, url), dial(t, url)} {
		_, data, err := c.ReadMessage()
		if err != nil || len(data) != 200 || !strings.HasPrefix(string(data), `{"type":"message","seq":`) {
			t.Errorf("got %q (%v), want a numbered message of 200 bytes", data, err)
		}
	}
}

func TestAPortInUseIsAnError(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	cmd := NewEcho(nil)
	cmd.SetArgs([]string{"--listen", l.Addr().String()})
	cmd.SetErr(io.Discard)
	if err := cmd.Execute(); err == nil || !strings.Contains(err.Error(), "address already in use") {
		t.Errorf("error %v, want that the address is in use", err)
	}
}
