package conform

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/gorilla/websocket"
)

// echoBack is a testee's work, with a library that this package does not know.
func echoBack(c *websocket.Conn) {
	defer c.Close()
	for {
		kind, data, err := c.ReadMessage()
		if err != nil {
			return
		}
		if kind == websocket.TextMessage && !utf8.Valid(data) {
			c.WriteMessage(websocket.CloseMessage, websocket.FormatCloseMessage(1007, ""))
			return
		}
		if c.WriteMessage(kind, data) != nil {
			return
		}
	}
}

func gorillaServer(t *testing.T) *Target {
	up := websocket.Upgrader{EnableCompression: true}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if c, err := up.Upgrade(w, r, nil); err == nil {
			echoBack(c)
		}
	}))
	t.Cleanup(server.Close)
	u, err := url.Parse(strings.Replace(server.URL, "http", "ws", 1))
	if err != nil {
		t.Fatal(err)
	}
	return &Target{Agent: "gorilla", URL: u}
}

// gorillaClientFails are cases that the library of this test fails as a
// client: it refuses a response without client_no_context_takeover, which a
// server need not repeat (RFC 7692 7.1.1.2).
var gorillaClientFails = []string{"12.1.4", "12.2.4", "12.3.4", "12.4.4", "12.5.4", "13.1.4"}

func quickCases(t *testing.T, testee Testee, leaveOut ...string) []*Case {
	s := Selection{Quick: true, Exclude: leaveOut}
	cases, err := s.Select(testee)
	if err != nil {
		t.Fatal(err)
	}
	return cases
}

// slowCases wait for a testee that does not fail fast.
var slowCases = []string{"6.4"}

func TestServersPass(t *testing.T) {
	cases := quickCases(t, Server, slowCases...)
	results := Run(context.Background(), gorillaServer(t), cases, Options{})
	if len(results) != len(cases) {
		t.Fatalf("%d results of %d cases", len(results), len(cases))
	}
	checkFailures(t, results, nil)
}

func checkFailures(t *testing.T, results []Result, fails []string) {
	t.Helper()
	for _, r := range results {
		if known := slices.Contains(fails, r.ID); known != r.Fails() {
			t.Errorf("%s %s, %s: %s; %s (known: %v)", r.ID, r.Behavior, r.Close, r.Why, r.WhyClose, known)
		}
	}
}

func TestClientsPass(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	base := "ws://" + l.Addr().String()
	updated := make(chan int, 1)
	server := &FuzzingServer{Cases: quickCases(t, Client, slowCases...)}
	server.Update = func(_ string, results []Result) { updated <- len(results) }
	served := make(chan error, 1)
	go func() { served <- server.Serve(context.Background(), l) }()

	d := websocket.Dialer{EnableCompression: true}
	count, err := strconv.Atoi(ask(t, &d, base+"/getCaseCount"))
	if err != nil || count != len(server.Cases) {
		t.Fatalf("/getCaseCount says %d (%v), want %d", count, err, len(server.Cases))
	}
	for i := 1; i <= count; i++ {
		c, _, err := d.Dial(base+"/runCase?case="+strconv.Itoa(i)+"&agent=gorilla", nil)
		if err == nil {
			echoBack(c)
		}
	}
	if got, want := ask(t, &d, base+"/getCaseInfo?case=1"), server.Cases[0].Title; !strings.Contains(got, want) {
		t.Errorf("/getCaseInfo says %s, want %s in it", got, want)
	}
	if got := ask(t, &d, base+"/getCaseStatus?case=1&agent=gorilla"); !strings.Contains(got, `"behavior":"OK"`) {
		t.Errorf("/getCaseStatus says %s, want OK in it", got)
	}
	ask(t, &d, base+"/updateReports?agent=gorilla")
	if n := <-updated; n != count {
		t.Errorf("%d results when the client had ended, want %d", n, count)
	}
	l.Close()
	if err := <-served; err != nil {
		t.Error(err)
	}
	checkFailures(t, server.Results(), gorillaClientFails)
}

// ask is the message that a connection to url gets.
func ask(t *testing.T, d *websocket.Dialer, url string) string {
	t.Helper()
	c, _, err := d.Dial(url, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_, data, _ := c.ReadMessage()
	return string(data)
}
