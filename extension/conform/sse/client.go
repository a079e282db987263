package sse

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"xk6-realtime/conform"
)

// Clients tests the client behind a service.
type Clients struct {
	// Agent names the client. Default: the name that the service says, else its
	// host.
	Agent string
	// Service is where the service takes its commands.
	Service *url.URL
	// Listen is where this side serves streams and is called back. The service
	// must reach it.
	Listen net.Listener
}

// ClientCases are the cases, as they are listed.
func ClientCases() (all []Listed) {
	for _, c := range clientCases() {
		all = append(all, c.Listed)
	}
	return all
}

// Run plays the cases that chosen names, in their order.
func (c *Clients) Run(ctx context.Context, chosen func(id string) bool, o Options) ([]conform.Result, error) {
	o = o.withDefaults()
	h := &harness{o: o, service: c.Service, plays: map[string]*clientPlay{}, base: "http://" + c.Listen.Addr().String(), client: &http.Client{Timeout: o.Silence}}
	if err := h.meet(ctx, c); err != nil {
		return nil, err
	}
	server := &http.Server{Handler: h, ReadHeaderTimeout: o.Silence}
	go server.Serve(c.Listen)
	defer server.Close()
	var cases []*clientCase
	for i := range clientCases() {
		if one := &clientCases()[i]; chosen(one.ID) {
			cases = append(cases, one)
		}
	}
	return each(cases, o, func() bool { return ctx.Err() != nil }, func(one *clientCase) conform.Result {
		return h.play(ctx, c.Agent, one)
	}), nil
}

// harness is this side of all cases: it serves the streams, and is called back.
type harness struct {
	o            Options
	service      *url.URL
	base         string
	client       *http.Client
	capabilities []string

	mu    sync.Mutex
	plays map[string]*clientPlay
}

// meet asks the service what it can do.
func (h *harness) meet(ctx context.Context, c *Clients) error {
	response, err := h.do(ctx, "GET", h.service.String(), nil)
	if err != nil {
		return fmt.Errorf("the service at %s: %w", h.service.Redacted(), err)
	}
	defer response.Body.Close()
	var says struct {
		Name         string
		Capabilities []string
	}
	json.NewDecoder(io.LimitReader(response.Body, 1<<20)).Decode(&says) // it need not say anything
	h.capabilities = says.Capabilities
	if c.Agent == "" {
		c.Agent = says.Name
	}
	if c.Agent == "" {
		c.Agent = h.service.Host
	}
	return nil
}

func (h *harness) do(ctx context.Context, method, to string, body any) (*http.Response, error) {
	var content io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			return nil, err
		}
		content = bytes.NewReader(b)
	}
	request, err := http.NewRequestWithContext(ctx, method, to, content)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := h.client.Do(request)
	if err != nil {
		return nil, err
	}
	if response.StatusCode/100 != 2 {
		response.Body.Close()
		return nil, fmt.Errorf("%s was answered with %s", method, response.Status)
	}
	return response, nil
}

// asked is a request for a stream.
type asked struct {
	at       time.Time
	answered time.Time // when the answer had ended
	method   string
	header   http.Header
	body     string
}

// clientPlay is one case under way.
type clientPlay struct {
	*clientCase
	wire *wire

	mu       sync.Mutex
	changed  chan struct{} // one is pending at most
	ready    chan struct{} // closed once the service listens to all that comes
	requests []asked
	calls    map[int]callback
	next     int // the number of the callback that comes next
	events   []want
	comments []string
	ended    bool // endOfCase came
}

type callback struct {
	Kind  string
	Event struct{ Type, Data, ID string }
	// Comment is that of a comment, or the text of an error.
	Comment string
}

func (h *harness) play(ctx context.Context, agent string, c *clientCase) conform.Result {
	p := &clientPlay{clientCase: c, wire: newWire(), changed: make(chan struct{}, 1), ready: make(chan struct{}), calls: map[int]callback{}, next: 1}
	if c.needs != "" && !slices.Contains(h.capabilities, c.needs) {
		return p.wire.result(agent, c.Listed, conform.Unimplemented, "the service does not have the capability "+c.needs, nil, nil)
	}
	h.mu.Lock()
	h.plays[c.ID] = p
	h.mu.Unlock()
	stream, err := h.open(ctx, p)
	if err != nil {
		return p.wire.result(agent, c.Listed, conform.Failed, "the service opened no stream: "+err.Error(), nil, nil)
	}
	close(p.ready)
	v, why := p.await(ctx, h.o)
	if stream != "" {
		if response, err := h.do(context.WithoutCancel(ctx), "DELETE", stream, nil); err == nil {
			response.Body.Close()
		}
	}
	h.mu.Lock()
	delete(h.plays, c.ID)
	h.mu.Unlock()
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.wire.result(agent, c.Listed, v, why, show(c.want), show(p.events))
}

// open tells the service to open a stream, and what to listen to.
func (h *harness) open(ctx context.Context, p *clientPlay) (stream string, err error) {
	told := map[string]any{
		"streamUrl": h.base + "/streams/" + p.ID, "callbackUrl": h.base + "/callbacks/" + p.ID, "tag": p.ID + " " + p.Title,
		"initialDelayMs": 5,
	}
	for name, value := range p.told {
		told[name] = value
	}
	response, err := h.do(ctx, "POST", h.service.String(), told)
	if err != nil {
		return "", err
	}
	response.Body.Close()
	if location := response.Header.Get("Location"); location != "" {
		if at, err := h.service.Parse(location); err == nil {
			stream = at.String()
		}
	}
	if !slices.Contains(h.capabilities, "event-type-listeners") || stream == "" {
		return stream, nil
	}
	var heard []string
	for _, e := range p.want {
		if e.kind == "message" || slices.Contains(heard, e.kind) {
			continue
		}
		heard = append(heard, e.kind)
		response, err := h.do(ctx, "POST", stream, map[string]any{"command": "listen", "listen": map[string]string{"type": e.kind}})
		if err != nil {
			return stream, fmt.Errorf("it does not listen to %q: %w", e.kind, err)
		}
		response.Body.Close()
	}
	return stream, nil
}

// await waits for the end of the case, and judges it.
func (p *clientPlay) await(ctx context.Context, o Options) (conform.Behavior, string) {
	silence := time.NewTimer(o.Silence)
	defer silence.Stop()
	var calm <-chan time.Time
	for {
		p.mu.Lock()
		ended, answered := p.ended, len(p.requests) == len(p.answers) && !p.requests[len(p.requests)-1].answered.IsZero()
		more := len(p.requests) > len(p.answers)
		p.mu.Unlock()
		switch {
		case ended, p.stops && more:
			return p.judge()
		case p.stops && answered && calm == nil:
			calm = time.After(o.Calm)
		}
		select {
		case <-ctx.Done():
			return conform.Failed, "interrupted"
		case <-calm:
			return p.judge()
		case <-p.changed:
			silence.Reset(o.Silence)
		case <-silence.C:
			p.mu.Lock()
			defer p.mu.Unlock()
			return conform.Failed, fmt.Sprintf("the client did nothing for %s, after %d of %d requests and the events %s", o.Silence, len(p.requests), len(p.answers), strings.Join(show(p.events), ", "))
		}
	}
}

func (p *clientPlay) judge() (conform.Behavior, string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !slices.EqualFunc(p.want, p.events, want.isToldBy) {
		return conform.Failed, fmt.Sprintf("expected the events %s; got %s", strings.Join(show(p.want), ", "), strings.Join(show(p.events), ", "))
	}
	if p.stops && len(p.requests) > len(p.answers) {
		if p.stopsStrictly {
			return conform.Failed, "the client came back"
		}
		return conform.NonStrict, "the client came back, where the specification has it fail the connection for good"
	}
	if !slices.Equal(p.clientCase.comments, p.comments) {
		return conform.Failed, fmt.Sprintf("expected the comments %q, got %q", p.clientCase.comments, p.comments)
	}
	if p.check != nil {
		if v, why := p.check(p.requests); v != conform.OK {
			return v, why
		}
	}
	return pass()
}

// isToldBy compares an event with what a client says of it: as its id the one of
// its own block, or the last one.
func (w want) isToldBy(said want) bool {
	return w.kind == said.kind && w.data == said.data && (said.id == w.id || said.id == w.ownID)
}

func show(events []want) []string {
	all := []string{}
	for _, e := range events {
		text := fmt.Sprintf("%s %q", e.kind, shorten(e.data))
		if e.id != "" {
			text += fmt.Sprintf(" (id %q)", e.id)
		}
		all = append(all, text)
	}
	if len(all) == 0 {
		return []string{"none"}
	}
	return all
}

// ServeHTTP takes requests for streams, and callbacks.
func (h *harness) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	what, rest, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	id, number, _ := strings.Cut(rest, "/")
	h.mu.Lock()
	p := h.plays[id]
	h.mu.Unlock()
	switch {
	case p == nil:
		http.NotFound(w, r)
	case what == "streams":
		p.serve(w, r)
	case what == "callbacks":
		p.called(w, r, number)
	default:
		http.NotFound(w, r)
	}
}

// called takes a callback; they may come in another order than that of their
// numbers.
func (p *clientPlay) called(w http.ResponseWriter, r *http.Request, number string) {
	var c callback
	n, err := strconv.Atoi(number)
	if err == nil {
		err = json.NewDecoder(io.LimitReader(r.Body, 16<<20)).Decode(&c)
	}
	if err != nil {
		http.Error(w, "expected a number in the path, and JSON: "+err.Error(), http.StatusBadRequest)
		return
	}
	p.mu.Lock()
	p.calls[n] = c
	for next, came := p.calls[p.next]; came; next, came = p.calls[p.next] {
		p.next++
		p.take(next)
	}
	p.mu.Unlock()
	// A client that fails again and again gets no further.
	if c.Kind != "error" {
		p.change()
	}
}

func (p *clientPlay) take(c callback) {
	switch c.Kind {
	case "event":
		e := want{kind: c.Event.Type, data: c.Event.Data, id: c.Event.ID}
		if e.kind == "" {
			e.kind = "message"
		}
		p.wire.add("testee", "event "+e.kind+": "+e.data)
		if e.data == endOfCase {
			p.ended = true
		} else if !p.ended {
			p.events = append(p.events, e)
		}
	case "comment":
		p.wire.add("testee", "comment: "+c.Comment)
		p.comments = append(p.comments, c.Comment)
	default:
		p.wire.add("testee", c.Kind+": "+c.Comment)
	}
}

func (p *clientPlay) change() {
	select {
	case p.changed <- struct{}{}:
	default:
	}
}
