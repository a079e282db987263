//go:build unix

package subcommand

import (
	"bufio"
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/spf13/cobra"
)

// peer is a server that does with its one connection as it is told to.
func peer(t *testing.T, with func(c *websocket.Conn)) (url string) {
	t.Helper()
	upgrader := websocket.Upgrader{}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := upgrader.Upgrade(w, r, nil)
		if err != nil {
			return
		}
		defer c.Close()
		with(c)
	}))
	t.Cleanup(s.Close)
	return "ws" + strings.TrimPrefix(s.URL, "http")
}

func goodbye(c *websocket.Conn) {
	c.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(websocket.CloseGoingAway, "over"), time.Now().Add(20*time.Second))
	c.ReadMessage()
}

func execute(cmd *cobra.Command, args ...string) (out, log string, err error) {
	var o, l bytes.Buffer
	cmd.SetArgs(args)
	cmd.SetOut(&o)
	cmd.SetErr(&l)
	err = cmd.Execute()
	return o.String(), l.String(), err
}

func TestTheEchoClientSendsBack(t *testing.T) {
	got := make(chan string, 2)
	url := peer(t, func(c *websocket.Conn) {
		c.WriteMessage(websocket.TextMessage, []byte("one"))
		c.WriteMessage(websocket.BinaryMessage, []byte("two"))
		for range 2 {
			kind, data, err := c.ReadMessage()
			got <- fmt.Sprint(kind, string(data), err)
		}
		goodbye(c)
	})
	_, log, err := execute(NewEchoClient(nil), "--url", url)
	if err != nil {
		t.Errorf("after the server's Close: %v", err)
	}
	for _, want := range []string{fmt.Sprint(websocket.TextMessage, "one", nil), fmt.Sprint(websocket.BinaryMessage, "two", nil)} {
		if is := <-got; is != want {
			t.Errorf("got %q back, want %q", is, want)
		}
	}
	if !strings.Contains(log, `code 1001 "over"`) || !strings.Contains(log, "received 2 messages, sent 2\n") {
		t.Errorf("said %q", log)
	}
}

func TestTheBroadcastClientPrintsAndSends(t *testing.T) {
	got := make(chan string, 2)
	url := peer(t, func(c *websocket.Conn) {
		c.WriteMessage(websocket.TextMessage, []byte("a \x1b[31mred\x1b[0m line\nand more"))
		c.WriteMessage(websocket.BinaryMessage, []byte{0, 255})
		c.WriteMessage(websocket.TextMessage, []byte(strings.Repeat("ü", shownBytes/2-1)+"xü"))
		for range 2 {
			_, data, _ := c.ReadMessage()
			got <- string(data)
		}
		goodbye(c)
	})
	out, _, err := execute(NewBroadcastClient(nil), "--url", url, "--interval", "5ms")
	if err != nil {
		t.Error(err)
	}
	for n := 1; n <= 2; n++ {
		if is, want := <-got, fmt.Sprintf("message %d of k6-realtime", n); is != want {
			t.Errorf("sent %q, want %q", is, want)
		}
	}
	long := fmt.Sprintf("text %q… and 1 bytes more", strings.Repeat("ü", shownBytes/2-1)+"x")
	want := `text "a \x1b[31mred\x1b[0m line\nand more"` + "\nbinary 00ff\n" + long + "\n"
	if out != want {
		t.Errorf("printed\n%.200s\nwant\n%.200s", out, want)
	}
}

func TestAClientSaysWhatWentWrong(t *testing.T) {
	abrupt := peer(t, func(*websocket.Conn) {})
	tests := []struct {
		name string
		args []string
		want string
	}{
		{"no server", []string{"--url", "ws://127.0.0.1:1"}, "could not connect: refused"},
		{"no Close frame", []string{"--url", abrupt}, "the connection ended without a Close frame, by network"},
		{"no URL", []string{"--url", "127.0.0.1:9100"}, "--url: engine: "},
		{"a header that is none", []string{"--header", "geheim"}, "--header: expected a line such as"},
		{"certificates that are none", []string{"--ca", "client_test.go"}, "--ca: expected certificates in PEM"},
		{"a negative interval", []string{"--interval", "-1s"}, "--interval: expected a duration of at least 0, got -1s"},
	}
	for _, test := range tests {
		_, _, err := execute(NewBroadcastClient(nil), test.args...)
		if err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "geheim") {
			t.Errorf("%s: error %v, want one that says %q", test.name, err, test.want)
		}
	}
}

// pemFiles are a certificate for 127.0.0.1 and its key.
func pemFiles(t *testing.T) (cert, key string) {
	t.Helper()
	s := httptest.NewTLSServer(http.NotFoundHandler())
	defer s.Close()
	der, err := x509.MarshalPKCS8PrivateKey(s.TLS.Certificates[0].PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	write := func(name, kind string, bytes []byte) string {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: bytes}), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	return write("cert.pem", "CERTIFICATE", s.Certificate().Raw), write("key.pem", "PRIVATE KEY", der)
}

func TestClientsAndServersSpeakTLS(t *testing.T) {
	cert, key := pemFiles(t)
	var running sync.WaitGroup
	t.Cleanup(running.Wait) // after the signal that ends the server, and the clients too
	url := start(t, NewBroadcast(nil), "--cert", cert, "--key", key, "--interval", "5ms")
	if !strings.HasPrefix(url, "wss://127.0.0.1:") {
		t.Errorf("listens on %s", url)
	}
	if _, _, err := execute(NewBroadcastClient(nil), "--url", url); err == nil || !strings.Contains(err.Error(), "could not connect: tls: ") {
		t.Errorf("a certificate that is not trusted: error %v", err)
	}
	for _, trust := range [][]string{{"--ca", cert}, {"--insecure"}} {
		cmd := NewBroadcastClient(nil)
		out, in := io.Pipe()
		cmd.SetArgs(append(trust, "--url", url))
		cmd.SetOut(in)
		cmd.SetErr(io.Discard)
		running.Go(func() { cmd.Execute() })
		line, err := bufio.NewReader(out).ReadString('\n')
		if err != nil || !strings.HasPrefix(line, `text "{\"type\":\"message\",\"seq\":`) {
			t.Errorf("%s: got %q (%v), want a message of the server", trust, line, err)
		}
		go io.Copy(io.Discard, out)
	}
}

func TestACertificateNeedsItsKey(t *testing.T) {
	cert, _ := pemFiles(t)
	for want, args := range map[string][]string{
		"--cert and --key: expected both of them, got one": {"--cert", cert},
		"--cert and --key: tls: ":                          {"--cert", cert, "--key", cert},
	} {
		if _, _, err := execute(NewEcho(nil), args...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want one that says %q", args, err, want)
		}
	}
}
