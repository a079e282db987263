package sse

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"xk6-realtime/conform"
	"xk6-realtime/engine/eventstream"
)

func mustURL(t *testing.T, s string) *url.URL {
	t.Helper()
	u, err := url.Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

var quick = Options{Silence: 10 * time.Second, Calm: 100 * time.Millisecond}

func anyCase(string) bool { return true }

// words are the verdicts by case.
func words(results []conform.Result) map[string]conform.Behavior {
	all := map[string]conform.Behavior{}
	for _, r := range results {
		all[r.ID] = r.Word()
	}
	return all
}

func TestNumbersAreUnique(t *testing.T) {
	for _, listed := range [][]Listed{ServerCases(), ClientCases()} {
		seen := map[string]bool{}
		for _, c := range listed {
			if seen[c.ID] || c.Title == "" || c.Spec == "" {
				t.Errorf("%+v", c)
			}
			seen[c.ID] = true
		}
	}
}

// testee is a client of event streams behind the engine's parser, and its
// service. What it does wrong is told to it.
type testee struct {
	wrong   string
	mu      sync.Mutex
	streams map[string]context.CancelFunc
}

func (s *testee) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.Method == "GET":
		json.NewEncoder(w).Encode(map[string]any{"name": "testee", "capabilities": []string{"headers", "post", "last-event-id"}})
	case r.Method == "DELETE":
		s.mu.Lock()
		s.streams[r.URL.Path]()
		s.mu.Unlock()
	default:
		var o struct {
			StreamURL, CallbackURL, LastEventID, Method, Body string
			InitialDelayMs                                    int
			Headers                                           map[string]string
		}
		if json.NewDecoder(r.Body).Decode(&o) != nil {
			http.Error(w, "no JSON", http.StatusBadRequest)
			return
		}
		ctx, cancel := context.WithCancel(context.Background())
		c := &client{testee: s, callback: o.CallbackURL, lastID: o.LastEventID, delay: time.Duration(o.InitialDelayMs) * time.Millisecond}
		s.mu.Lock()
		at := fmt.Sprintf("/%d", len(s.streams))
		s.streams[at] = cancel
		s.mu.Unlock()
		go c.run(ctx, func() (*http.Response, error) {
			request, err := http.NewRequestWithContext(ctx, firstOf(o.Method, "GET"), o.StreamURL, strings.NewReader(o.Body))
			if err != nil {
				return nil, err
			}
			request.Header.Set("Accept", "text/event-stream")
			request.Header.Set("Cache-Control", "no-store")
			for name, value := range o.Headers {
				request.Header.Set(name, value)
			}
			if c.lastID != "" && s.wrong != "forgets" {
				request.Header.Set("Last-Event-ID", c.lastID)
			}
			return (&http.Transport{DisableKeepAlives: true}).RoundTrip(request)
		})
		w.Header().Set("Location", at)
		w.WriteHeader(http.StatusCreated)
	}
}

func firstOf(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

type client struct {
	*testee
	callback, lastID string
	delay            time.Duration
	calls            int
}

func (c *client) run(ctx context.Context, ask func() (*http.Response, error)) {
	for ctx.Err() == nil {
		response, err := ask()
		if err == nil {
			goesOn := c.read(response)
			response.Body.Close()
			if !goesOn {
				return
			}
		}
		delay := c.delay
		if c.wrong == "hurries" {
			delay = 0
		}
		select {
		case <-ctx.Done():
		case <-time.After(delay):
		}
	}
}

func (c *client) read(r *http.Response) (goesOn bool) {
	kind, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";")
	switch {
	case r.StatusCode/100 == 3:
		return true // followed by none of these: the test leaves those cases out
	case r.StatusCode == http.StatusNoContent && c.wrong == "returns":
		return true
	case r.StatusCode != http.StatusOK || !strings.EqualFold(kind, "text/event-stream"):
		return false
	}
	parser, state := eventstream.NewParser(eventstream.Limits{}), &eventstream.State{}
	if c.lastID != "" { // it lives on
		parser.Next(state, []byte("id: "+c.lastID+"\n\n"))
	}
	in, b := bufio.NewReader(r.Body), make([]byte, 32<<10)
	for {
		n, err := in.Read(b)
		for piece := b[:n]; len(piece) > 0; {
			e, took, ok, bad := parser.Next(state, piece)
			if bad != nil {
				return true
			}
			if piece = piece[took:]; ok {
				c.tell(string(eventstream.Decoded(e.Type)), string(eventstream.Decoded(e.Data)), string(state.LastID()))
			}
		}
		c.lastID = string(state.LastID())
		if ms, given := state.RetryMs(); given {
			c.delay = time.Duration(ms) * time.Millisecond
		}
		if err != nil {
			return true
		}
	}
}

func (c *client) tell(kind, data, id string) {
	if c.wrong == "trims" {
		data = strings.TrimSpace(data)
	}
	c.calls++
	body, _ := json.Marshal(map[string]any{"kind": "event", "event": map[string]string{"type": kind, "data": data, "id": id}})
	if response, err := http.Post(fmt.Sprintf("%s/%d", c.callback, c.calls), "application/json", strings.NewReader(string(body))); err == nil {
		response.Body.Close()
	}
}

func testClient(t *testing.T, wrong string, chosen func(id string) bool) map[string]conform.Behavior {
	t.Helper()
	service := httptest.NewServer(&testee{wrong: wrong, streams: map[string]context.CancelFunc{}})
	defer service.Close()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	clients := &Clients{Service: mustURL(t, service.URL), Listen: l}
	results, err := clients.Run(t.Context(), chosen, quick)
	if err != nil {
		t.Fatal(err)
	}
	if clients.Agent != "testee" {
		t.Errorf("the agent is %q", clients.Agent)
	}
	for _, r := range results {
		if r.Fails() {
			t.Logf("%s: %s", r.ID, r.Why)
		}
	}
	return words(results)
}

// What the engine's own parser says passes, but for what that client does not do
// at all: redirects, and the ids of the engine's fixtures that no header can have.
func TestAClientThatIsRight(t *testing.T) {
	got := testClient(t, "", func(id string) bool { return !strings.HasPrefix(id, "4.1") || len(id) < 4 || id < "4.12" })
	for _, id := range slices.Sorted(func(yield func(string) bool) {
		for id := range got {
			if !yield(id) {
				return
			}
		}
	}) {
		want := conform.OK
		if id == "6.4" { // it tells of no comments
			want = conform.Unimplemented
		}
		if got[id] != want {
			t.Errorf("%s: %s, want %s", id, got[id], want)
		}
	}
	if len(got) < 100 {
		t.Errorf("only %d cases", len(got))
	}
}

func TestClientsThatAreWrong(t *testing.T) {
	for _, row := range []struct {
		wrong, id string
		want      conform.Behavior
	}{
		{"forgets", "3.1", conform.Failed},
		{"hurries", "3.6", conform.Failed},
		{"returns", "4.1", conform.Failed},
		{"trims", "1.3", conform.Failed},
	} {
		if got := testClient(t, row.wrong, func(id string) bool { return id == row.id })[row.id]; got != row.want {
			t.Errorf("a client that %s: %s is %s, want %s", row.wrong, row.id, got, row.want)
		}
	}
}

// hub is a server of event streams. What it does wrong is told to it.
type hub struct {
	wrong string
	mu    sync.Mutex
	sent  []string
	subs  map[chan string]string // the connections
}

// connectionKey is that of the connection in a request's context.
type connectionKey struct{}

func (h *hub) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/gone" {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	h.mu.Lock()
	if r.Method == "POST" {
		var m struct{ Text string }
		json.NewDecoder(r.Body).Decode(&m)
		text := m.Text
		if h.wrong != "injects" {
			b, _ := json.Marshal(m.Text)
			text = string(b)
		}
		event := fmt.Sprintf("id: %d\ndata: %s\n\n", len(h.sent)+1, text)
		if h.wrong == "latin1" {
			event = strings.ReplaceAll(event, "ï", "\xef")
		}
		h.sent = append(h.sent, event)
		for sub := range h.subs {
			sub <- event
		}
		h.mu.Unlock()
		return
	}
	kind := "text/event-stream"
	if h.wrong == "type" {
		kind = "text/plain"
	}
	w.Header().Set("Content-Type", kind)
	w.Header().Set("Cache-Control", "no-store")
	if h.wrong == "hop" {
		w.Header().Set("Keep-Alive", "timeout=5")
	}
	io.WriteString(w, "retry: 10\n\n")
	var last int
	if _, err := fmt.Sscan(r.Header.Get("Last-Event-ID"), &last); err == nil && last <= len(h.sent) {
		if h.wrong == "repeats" {
			last--
		}
		for _, event := range h.sent[last:] {
			io.WriteString(w, event)
		}
	}
	w.(http.Flusher).Flush()
	sub := make(chan string, 100)
	for other, from := range h.subs {
		if from == r.RemoteAddr && h.wrong == "one-each" {
			delete(h.subs, other)
		}
	}
	h.subs[sub] = r.RemoteAddr
	h.mu.Unlock()
	defer func() {
		if h.wrong == "ends-all" {
			r.Context().Value(connectionKey{}).(net.Conn).Close()
		}
		h.mu.Lock()
		delete(h.subs, sub)
		h.mu.Unlock()
	}()
	alive := time.NewTicker(1200 * time.Millisecond)
	defer alive.Stop()
	for {
		select {
		case <-r.Context().Done():
			return
		case event := <-sub:
			io.WriteString(w, event)
		case <-alive.C:
			io.WriteString(w, ":\n\n")
		}
		w.(http.Flusher).Flush()
	}
}

// versions are the ways to speak to a server.
var versions = []string{"HTTP/1.1", "HTTP/2", "HTTP/2 over TLS"}

func testServer(t *testing.T, version, wrong string, chosen func(id string) bool) map[string]conform.Behavior {
	t.Helper()
	server := httptest.NewUnstartedServer(&hub{wrong: wrong, subs: map[chan string]string{}})
	server.Config.ConnContext = func(ctx context.Context, c net.Conn) context.Context {
		return context.WithValue(ctx, connectionKey{}, c)
	}
	if version == "HTTP/2 over TLS" {
		server.EnableHTTP2 = true
		server.StartTLS()
	} else {
		server.Config.Protocols = new(http.Protocols)
		server.Config.Protocols.SetHTTP1(version == "HTTP/1.1")
		server.Config.Protocols.SetUnencryptedHTTP2(version == "HTTP/2")
		server.Start()
	}
	defer server.CloseClientConnections()
	s := &Server{
		Agent: "hub", URL: mustURL(t, server.URL+"/events?key=secret"), Publish: mustURL(t, server.URL), Body: `{"text":"${text}"}`,
		Gone: mustURL(t, server.URL+"/gone"), Header: http.Header{"Authorization": {"Bearer hunter2"}}, HTTP2: version != "HTTP/1.1",
	}
	if certificate := server.Certificate(); certificate != nil {
		s.TLS = &tls.Config{RootCAs: x509.NewCertPool()}
		s.TLS.RootCAs.AddCert(certificate)
	}
	if err := s.Reach(t.Context(), quick); err != nil {
		t.Fatal(err)
	}
	results := s.Run(t.Context(), chosen, quick)
	for _, r := range results {
		if r.Fails() {
			t.Logf("%s: %s", r.ID, r.Why)
		}
		if text, _ := json.Marshal(r); strings.Contains(string(text), "hunter2") || strings.Contains(string(text), "key=secret") {
			t.Errorf("%s shows a secret: %s", r.ID, text)
		}
	}
	return words(results)
}

func TestAServerThatIsRight(t *testing.T) {
	tells := []string{"1.7", "3.1", "4.1"} // what is no matter of right and wrong
	for _, version := range versions {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			got, wanted := testServer(t, version, "", anyCase), 0
			for _, c := range (&Server{HTTP2: version != "HTTP/1.1"}).Cases() {
				want := conform.OK
				if slices.Contains(tells, c.ID) {
					want = conform.Informational
				}
				if got[c.ID] != want {
					t.Errorf("%s: %s, want %s", c.ID, got[c.ID], want)
				}
				wanted++
			}
			if _, is := got["5.1"]; len(got) != wanted || is != (version != "HTTP/1.1") {
				t.Errorf("%d cases, want %d", len(got), wanted)
			}
		})
	}
}

func TestServersThatAreWrong(t *testing.T) {
	for _, row := range []struct {
		wrong, id string
		over      []string
	}{
		{"type", "1.1", versions},
		{"injects", "2.3", versions},
		{"latin1", "2.4", versions},
		{"repeats", "3.2", versions},
		{"repeats", "3.3", versions},
		{"hop", "5.1", versions[1:]},
		{"one-each", "5.2", versions[1:]},
		{"ends-all", "5.3", versions[1:]},
	} {
		for _, version := range row.over {
			t.Run(row.wrong+" "+version, func(t *testing.T) {
				t.Parallel()
				if got := testServer(t, version, row.wrong, func(id string) bool { return id == row.id })[row.id]; got != conform.Failed {
					t.Errorf("%s is %s", row.id, got)
				}
			})
		}
	}
}

func TestAServerThatDoesNotSpeakHTTP2(t *testing.T) {
	for _, row := range []struct {
		start func(http.Handler) *httptest.Server
		says  string
	}{
		{httptest.NewTLSServer, "did not choose h2"},
		{httptest.NewServer, "does not answer a PING"},
	} {
		server := row.start(http.NotFoundHandler())
		defer server.Close()
		s := &Server{URL: mustURL(t, server.URL), TLS: &tls.Config{InsecureSkipVerify: true}, HTTP2: true}
		if err := s.Reach(t.Context(), quick); err == nil || !strings.Contains(err.Error(), row.says) {
			t.Errorf("%v, want that it %s", err, row.says)
		}
	}
}
