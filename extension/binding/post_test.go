package binding

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"go.k6.io/k6/v2/lib"

	"xk6-realtime/engine/protocol"
	"xk6-realtime/engine/swarm"
)

// posters makes one for a server, whose connections have a token and a header of
// their own.
func posters(t *testing.T, server *httptest.Server, spec *protocol.HTTPSpec) *poster {
	t.Helper()
	q := &requests{variables: map[string]variable{"room": {list: []string{"a b", "c"}}, "token": {list: []string{"t0", "t1"}}}}
	if err := q.addServer(server.URL + "/streams/${room}?x=1"); err != nil {
		t.Fatal(err)
	}
	value, err := compile("Bearer ${token}", q.variables)
	if err != nil {
		t.Fatal(err)
	}
	q.fields = []field{newField("Authorization", value), newField("Accept-Encoding", template{{literal: "gzip"}})}
	p, err := newPoster(&lib.State{Transport: server.Client().Transport},
		&options{request: q, swarm: swarm.Options{Servers: []string{server.URL}}}, "publish.http.path", spec, 0)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestMessagesBesideAConnectionAreItsOwn(t *testing.T) {
	var mu sync.Mutex
	var seen []string
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		mu.Lock()
		defer mu.Unlock()
		seen = append(seen, fmt.Sprintf("%s %s %s %s %q %s", r.Method, r.URL, r.Header.Get("Authorization"), r.Header.Get("Content-Type"),
			r.Header.Get("X-Key"), body))
	}))
	defer server.Close()
	for _, spec := range []*protocol.HTTPSpec{
		{},
		{Method: "PUT", Path: "/rooms/${room}", Headers: map[string]string{"X-Key": "k", "Content-Type": "text/plain"}},
	} {
		p := posters(t, server, spec)
		done := make(chan error, 1)
		p.post(0, []byte("hello"), protocol.Posted{Done: func(err error) { done <- err }})
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	}
	want := []string{
		`POST /streams/a%20b?x=1 Bearer t0 application/json "" hello`,
		`PUT /rooms/a%20b Bearer t0 text/plain "k" hello`,
	}
	if !slices.Equal(seen, want) {
		t.Errorf("the server saw\n%s\nwant\n%s", strings.Join(seen, "\n"), strings.Join(want, "\n"))
	}
}

// Two requests at once might change places, and the server would be blamed.
func TestMessagesOfOneConnectionKeepTheirOrder(t *testing.T) {
	const each = 50
	var mu sync.Mutex
	seen := map[string][]string{}
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		mu.Lock()
		defer mu.Unlock()
		seen[r.URL.Path] = append(seen[r.URL.Path], string(body))
	}))
	defer server.Close()
	p := posters(t, server, &protocol.HTTPSpec{})
	var all sync.WaitGroup
	for n := range each {
		for connection := range 2 {
			all.Add(1)
			p.post(connection, fmt.Append(nil, n), protocol.Posted{Done: func(err error) {
				defer all.Done()
				if err != nil {
					t.Error(err)
				}
			}})
		}
	}
	all.Wait()
	for path, bodies := range seen {
		for n, body := range bodies {
			if body != fmt.Sprint(n) {
				t.Fatalf("%s: message %d is %s", path, n, body)
			}
		}
	}
	if len(seen) != 2 || len(seen["/streams/c"]) != each {
		t.Errorf("%v", seen)
	}
}

func TestAMessageThatIsNotTakenSaysWhyAndNoURL(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
	}))
	p := posters(t, server, &protocol.HTTPSpec{Path: "/secret"})
	fails := func() error {
		done := make(chan error, 1)
		p.post(0, nil, protocol.Posted{Done: func(err error) { done <- err }})
		return <-done
	}
	if err := fails(); !errors.Is(err, protocol.ErrRefused) || !strings.Contains(err.Error(), "http_307") {
		t.Errorf("refused with %v", err)
	}
	server.Close()
	if err := fails(); err == nil || errors.Is(err, protocol.ErrRefused) || strings.Contains(err.Error(), "secret") {
		t.Errorf("without a server: %v", err)
	}
}

// test/unit/post-request.test.ts runs the same table.
func TestWhoseDoingARefusalIs(t *testing.T) {
	b, err := os.ReadFile("../../lib/post-request-fixtures.json")
	if err != nil {
		t.Fatal(err)
	}
	var rows []struct {
		Sentence, URL, Proxy, Error string
		Status                      int
		Reason                      *string
		Said                        string
	}
	if err := json.Unmarshal(b, &rows); err != nil || len(rows) == 0 {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	reasons := map[string]error{"error_reply": protocol.ErrRefused, "proxy": protocol.ErrProxy, "generator": protocol.ErrExhausted}
	for _, row := range rows {
		to, _ := url.Parse(cmp.Or(row.URL, "http://h/x"))
		var proxy *url.URL
		if row.Proxy != "" {
			proxy, _ = url.Parse(row.Proxy)
		}
		var cause error
		if row.Error != "" {
			cause = errors.New(row.Error)
		}
		got := refusal(to, proxy, row.Status, cause)
		if row.Reason == nil {
			if got != nil {
				t.Errorf("%s: %v, want it taken", row.Sentence, got)
			}
			continue
		}
		if got == nil || !strings.HasSuffix(got.Error(), row.Said) {
			t.Errorf("%s: %v, want %s", row.Sentence, got, row.Said)
		}
		for reason, as := range reasons { // unsent is neither
			if errors.Is(got, as) != (reason == *row.Reason) {
				t.Errorf("%s: %v, want %s", row.Sentence, got, *row.Reason)
			}
		}
	}
}
