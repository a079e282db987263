package binding

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"go.k6.io/k6/v2/lib"

	"xk6-realtime/engine/clock"
	"xk6-realtime/engine/handshake"
	"xk6-realtime/engine/protocol"
)

// poster sends messages beside their connections, by k6's own HTTP transport:
// its options hold.
type poster struct {
	client   *http.Client
	requests *requests
	servers  []string // their origins
	spec     *protocol.HTTPSpec
	path     template // empty for the connection's own
	to       *offer   // where they go, whatever path says; nil for the connections' servers

	mu      sync.Mutex
	queues  map[int][]posting // by connection; there while one of its messages is on its way
	waiting int               // in all of them
}

// posting is a message that is to be sent.
type posting struct {
	message []byte
	at      clock.Time // when it was handed over
	waits   bool       // for the answer to the one before
	to      protocol.Posted
}

// mostPosts bounds how many messages may wait for those before them.
const mostPosts = 10_000

var errManyPosts = fmt.Errorf("a message found %d others that wait for the server's answers", mostPosts)

// newPoster is nil where nothing goes by HTTP, without a spec.
func newPoster(state *lib.State, o *options, field string, spec *protocol.HTTPSpec, timeout time.Duration) (*poster, error) {
	if spec == nil {
		return nil, nil
	}
	path, err := compile(spec.Path, o.request.variables)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", field, err)
	}
	return &poster{
		client: &http.Client{
			Transport: manyConnections(state.Transport), Timeout: timeout,
			// The target of a redirect was never asked for.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		requests: o.request, servers: o.swarm.Servers, spec: spec, path: path, queues: map[int][]posting{},
	}, nil
}

// manyConnections is k6's transport for all connections of a swarm. k6's own keeps
// as few idle ones as a single virtual user needs: each message of many users would
// cost a TCP connection.
func manyConnections(by http.RoundTripper) http.RoundTripper {
	t, ok := by.(*http.Transport)
	if !ok {
		return by
	}
	t = t.Clone()
	t.MaxIdleConns, t.MaxIdleConnsPerHost = 0, 1<<20
	return t
}

// poster is for the engine, nil for none.
func (p *poster) poster() protocol.Post {
	if p == nil {
		return nil
	}
	return p.post
}

// end gives up the connections that are kept for further messages.
func (p *poster) end() {
	if p != nil {
		p.client.CloseIdleConnections()
	}
}

// post is a [protocol.Post]. What one connection sends goes out in its order:
// each message once the one before was answered, for two at once might change
// places.
func (p *poster) post(i int, message []byte, to protocol.Posted) {
	next := posting{message: message, at: clock.Now(), to: to}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.waiting == mostPosts {
		go to.Done(errManyPosts)
		return
	}
	p.waiting++
	queue, busy := p.queues[i]
	next.waits = busy
	p.queues[i] = append(queue, next)
	if !busy {
		go p.work(i)
	}
}

// work sends what connection i has to send, until nothing is left.
func (p *poster) work(i int) {
	for {
		p.mu.Lock()
		queue := p.queues[i]
		if len(queue) == 0 {
			delete(p.queues, i)
			p.mu.Unlock()
			return
		}
		next := queue[0]
		p.queues[i] = queue[1:]
		p.waiting--
		p.mu.Unlock()
		next.to.Done(p.send(i, next))
	}
}

func (p *poster) send(i int, next posting) error {
	began := next.at
	if next.waits {
		began = clock.Now()
	}
	r, err := p.request(i, next.message)
	if err != nil {
		return err
	}
	proxy, _ := http.ProxyFromEnvironment(r) // as k6's transport asks
	if next.to.Wrote != nil {
		r = r.WithContext(httptrace.WithClientTrace(r.Context(), tracing(began, next.to.Wrote)))
	}
	answer, err := p.client.Do(r)
	if err != nil {
		return refusal(r.URL, proxy, 0, withoutURL(err))
	}
	defer answer.Body.Close()
	const most = 64 << 10 // so that the connection can be used again
	io.Copy(io.Discard, io.LimitReader(answer.Body, most))
	return refusal(r.URL, proxy, answer.StatusCode, nil)
}

// tracing tells when a request that began is written, and how much of the time
// until then was not spent on making a connection.
func tracing(began clock.Time, wrote func(at clock.Time, delay time.Duration)) *httptrace.ClientTrace {
	var asked clock.Time // for a connection
	var connecting time.Duration
	return &httptrace.ClientTrace{
		GetConn: func(string) { asked = clock.Now() },
		GotConn: func(got httptrace.GotConnInfo) {
			if !got.WasIdle { // it was made, or another message's answer was awaited
				connecting += clock.Now().Sub(asked)
			}
		},
		// The transport calls it before it flushes its buffer.
		WroteRequest: func(httptrace.WroteRequestInfo) {
			at := clock.Now()
			wrote(at, at.Sub(began)-connecting)
		},
	}
}

// refusal is the failure of a message sent by HTTP, by the status of its answer, or by the error
// if there was no answer. In lib/post-request.ts it is postFailure: one table of fixtures holds
// both.
func refusal(to, proxy *url.URL, status int, err error) error {
	switch {
	case err != nil && exhausted.MatchString(err.Error()):
		return fmt.Errorf("%w: %w", protocol.ErrExhausted, err)
	case err != nil && proxy != nil:
		return fmt.Errorf("%w: %w", protocol.ErrProxy, err)
	case err != nil:
		return err
	case status >= 200 && status <= 299:
		return nil
	case proxy != nil && proxy.Scheme == "http" && to.Scheme == "http" && slices.Contains(forwardedRefusals, status):
		return fmt.Errorf("%w: http_%d", protocol.ErrProxy, status)
	}
	return fmt.Errorf("%w: http_%d", protocol.ErrRefused, status)
}

// exhausted is what the system says that gives no more. In lib/reasons.ts it is
// CONNECT_ERRORS.
var exhausted = regexp.MustCompile(`(?i)too many open files|cannot assign requested address|address already in use|` +
	`cannot allocate memory|no buffer space|no space left on device`)

// forwardedRefusals are the answers of a proxy that forwards plain HTTP and does
// not reach the server, or has no credentials.
var forwardedRefusals = []int{
	http.StatusProxyAuthRequired, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout,
}

// request is a message of connection i, who sends it as itself.
func (p *poster) request(i int, message []byte) (*http.Request, error) {
	asked := handshake.Request{}
	p.requests.fill(i, &asked)
	path := asked.Path
	if len(p.path) > 0 {
		path = p.requests.render(p.path, i, percentEncoded)
	}
	origin := p.servers[i%len(p.servers)]
	if p.to != nil {
		at := p.to.at(i)
		origin, path = p.to.servers[at].origin, p.requests.render(p.to.paths[at], i, percentEncoded)
	}
	r, err := http.NewRequest(cmp.Or(p.spec.Method, http.MethodPost), httpOrigin(origin)+path, bytes.NewReader(message))
	if err != nil {
		return nil, withoutURL(err)
	}
	r.Header.Set("Content-Type", "application/json")
	for _, f := range asked.Fields {
		if !isOfTheStream(f.Name) {
			r.Header.Set(f.Name, f.Value)
		}
	}
	for name, value := range p.spec.Headers {
		r.Header.Set(name, value)
	}
	return r, nil
}

// httpOrigin is where the server of a connection, which may be a WebSocket,
// answers HTTP.
func httpOrigin(origin string) string {
	if rest, ok := strings.CutPrefix(origin, "ws"); ok {
		return "http" + rest
	}
	return origin
}

// isOfTheStream tells a header field that asks for a stream.
func isOfTheStream(name string) bool {
	for _, own := range [...]string{"Accept", "Cache-Control", "Last-Event-ID", "Accept-Encoding"} {
		if strings.EqualFold(name, own) {
			return true
		}
	}
	return false
}

// withoutURL leaves the URL out of an error, in which a token may stand.
func withoutURL(err error) error {
	var wrong *url.Error
	if errors.As(err, &wrong) {
		return wrong.Err
	}
	return err
}
