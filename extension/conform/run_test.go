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

// What the library of this test does not pass: as a server it takes HTTP/1.0,
// repeated keys and versions, any offer of permessage-deflate, and RSV1
// anywhere.
var gorillaServerFails = []string{"20.1.3", "20.1.17", "20.1.24", "23.1.1*", "23.1.2", "23.1.3", "23.1.4", "23.1.5", "23.1.6", "23.1.7", "23.1.8", "23.1.9", "23.3.1", "23.3.2", "23.3.3", "23.3.4", "23.3.5"}

// As a client it looks at no extension and no subprotocol that it did not ask
// for. With compression it refuses each response without
// client_no_context_takeover, so this test leaves compression out.
var gorillaClientFails = []string{"21.2.13", "21.2.14"}

// gorillaPasses are exceptions to the patterns above.
var gorillaPasses = []string{"23.1.16", "23.1.17", "23.1.18", "23.1.19"}

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
	checkFailures(t, results, gorillaServerFails)
}

func checkFailures(t *testing.T, results []Result, fails []string) {
	t.Helper()
	for _, r := range results {
		if known := anyMatches(fails, r.ID) && !slices.Contains(gorillaPasses, r.ID); known != r.Fails() {
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

	d := websocket.Dialer{}
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

func TestSecretsAreNotKept(t *testing.T) {
	target := gorillaServer(t)
	target.URL.RawQuery = "ticket=s3cret"
	target.Header = []string{"Authorization: Bearer hunter2"}
	cases, err := (&Selection{Cases: []string{"1.1.2"}}).Select(Server)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range Run(context.Background(), target, cases, Options{}) {
		kept := jsonText(r)
		if r.Fails() || strings.Contains(kept, "s3cret") || strings.Contains(kept, "hunter2") {
			t.Errorf("the result is %s", kept)
		}
	}
}
