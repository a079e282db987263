package conform

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"
	"time"
)

// Target is a server to test.
type Target struct {
	Agent string
	URL   *url.URL
	// Header are lines to add to each request.
	Header []string
	// TLS is for wss. Default: the system's roots.
	TLS *tls.Config
	// HTTP2 has each case on a stream of HTTP/2 (RFC 8441).
	HTTP2 bool
}

// connectTimeout bounds TCP and TLS, where there is a limit at all.
const connectTimeout = 30 * time.Second

func (t *Target) dial(ctx context.Context, silence time.Duration) (net.Conn, error) {
	conn, err := t.dialTCP(ctx, silence)
	if err != nil || !t.HTTP2 {
		return conn, err
	}
	stream, err := newOverHTTP2(conn, t.URL)
	if err != nil {
		conn.Close()
		return nil, err
	}
	return stream, nil
}

func (t *Target) dialTCP(ctx context.Context, silence time.Duration) (net.Conn, error) {
	if silence > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, max(silence, connectTimeout))
		defer cancel()
	}
	return Dial(ctx, t.URL, t.TLS, t.HTTP2)
}

// Dial connects to a server, with TLS if the URL's scheme is wss or https. The config is as in a
// Target. HTTP/2 is offered in the TLS handshake (ALPN) only if it is wanted.
func Dial(ctx context.Context, to *url.URL, config *tls.Config, http2 bool) (net.Conn, error) {
	host, secure := to.Host, to.Scheme == "wss" || to.Scheme == "https"
	if to.Port() == "" {
		port := "80"
		if secure {
			port = "443"
		}
		host = net.JoinHostPort(to.Hostname(), port)
	}
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", host)
	if err != nil || !secure {
		return conn, err
	}
	if config = config.Clone(); config == nil {
		config = &tls.Config{}
	}
	config.ServerName, config.NextProtos = to.Hostname(), []string{"http/1.1"}
	if http2 {
		config.NextProtos = []string{"h2", "http/1.1"}
	}
	secured := tls.Client(conn, config)
	if err := secured.HandshakeContext(ctx); err != nil {
		conn.Close()
		return nil, err
	}
	return secured, nil
}

// Reach tells why there is no connection to the server, nil if there is one.
func (t *Target) Reach(ctx context.Context, o Options) error {
	conn, err := t.dialTCP(ctx, o.silence())
	if err == nil {
		defer conn.Close()
		if t.HTTP2 {
			err = ReachHTTP2(ctx, conn, o.silence())
		}
	}
	if err != nil {
		return fmt.Errorf("could not connect to %s://%s: %w", t.URL.Scheme, t.URL.Host, err)
	}
	return nil
}

func (t *Target) request(o *Opening) *head {
	key := make([]byte, 16)
	rand.Read(key)
	h := &head{line: "GET " + t.URL.RequestURI() + " HTTP/1.1", lines: []headerLine{
		{"Host", t.URL.Host},
		{"Upgrade", "websocket"},
		{"Connection", "Upgrade"},
		{"Sec-WebSocket-Key", base64.StdEncoding.EncodeToString(key)},
		{"Sec-WebSocket-Version", "13"},
		{"User-Agent", "k6-realtime conform"},
	}}
	if o.Compression {
		var offers []string
		for _, params := range o.offers() {
			offers = append(offers, deflateName+params)
		}
		h.lines = append(h.lines, headerLine{"Sec-WebSocket-Extensions", strings.Join(offers, ", ")})
	}
	if len(o.Protocols) > 0 {
		h.lines = append(h.lines, headerLine{"Sec-WebSocket-Protocol", strings.Join(o.Protocols, ", ")})
	}
	for _, line := range t.Header {
		name, value, _ := strings.Cut(line, ":")
		h.lines = append(h.lines, headerLine{strings.TrimSpace(name), strings.TrimSpace(value)})
	}
	for _, e := range o.Edit {
		e(h)
	}
	return h
}

// hide leaves out what may be secret: the values of the caller's header lines
// and the URL's query.
func (t *Target) hide(head string) string {
	for _, line := range t.Header {
		if _, value, _ := strings.Cut(line, ":"); strings.TrimSpace(value) != "" {
			head = strings.ReplaceAll(head, strings.TrimSpace(value), "(not shown)")
		}
	}
	if t.URL.RawQuery != "" {
		head = strings.ReplaceAll(head, t.URL.RawQuery, "(not shown)")
	}
	return head
}

// alwaysOffered are the parameters that each offer has beside its own.
const alwaysOffered = "; client_no_context_takeover; client_max_window_bits"

func (o *Opening) offers() []string {
	if o.RawOffers {
		return o.Offers
	}
	if len(o.Offers) == 0 {
		return []string{alwaysOffered}
	}
	var all []string
	for _, own := range o.Offers {
		all = append(all, own+alwaysOffered)
	}
	return all
}

// onServer plays one case against a server.
func onServer(ctx context.Context, target *Target, c *Case, silence time.Duration) Result {
	if c.Stream != nil {
		return onStream(ctx, target, c, silence)
	}
	log, t := newWireLog(), &Trace{}
	conn, err := target.dial(ctx, silence)
	if err != nil {
		t.opened(Failed, "could not connect: "+err.Error())
		return resultOf(c, target.Agent, t, log)
	}
	defer conn.Close()
	l := newLink(conn, Server, silence, log, c.ID)
	defer l.closeWith(ctx)()
	if l.openServer(target, c, t) {
		l.play(c, t)
	}
	return resultOf(c, target.Agent, t, log)
}

// opened decides a case by its opening handshake alone.
func (t *Trace) opened(verdict Behavior, why string) { t.Opening, t.OpeningWhy = verdict, why }

// openServer makes the opening handshake. It returns whether there is a
// connection to go on with.
func (l *link) openServer(target *Target, c *Case, t *Trace) bool {
	o := &c.Open
	sent := target.request(o)
	out := []byte(sent.String())
	l.log.add(Entry{From: "us", What: target.hide(sent.String()), Bytes: len(out)})
	if o.Cut > 0 {
		out = out[:len(out)-o.Cut]
	}
	for _, f := range o.Then {
		out = l.encode(out, f)
	}
	writing := l.writeSlowly(out, o.Chop, o.Gap)
	if o.Cut > 0 {
		l.closeWrite()
	}
	got, err := l.readResponse()
	if err != nil {
		l.judgeNoResponse(o, t, errors.Join(err, writing))
		return false
	}
	if status := statusOf(got.line); status != 101 {
		judgeRefusal(o, t, status, got)
		return false
	}
	if o.Want == Refuse {
		t.opened(Failed, "the server accepted the handshake")
		return false
	}
	b := checkResponse(sent, got)
	var a *agreed
	if b == nil {
		a, b = agreement(got, offered(o))
	}
	if b == nil && o.Check != nil {
		b = o.Check(got, sent)
	}
	if b != nil {
		t.opened(Failed, "the response breaks a rule: "+b.Error())
		return false
	}
	if a == nil {
		l.listen(nil)
		return true
	}
	t.Compressed = o.suits(a.clientNoTakeover)
	l.deflate = newDeflate(a.clientBits, a.clientNoTakeover || o.NoTakeover)
	l.listen(newInflate(a.serverBits, a.serverNoTakeover))
	return true
}

func offered(o *Opening) []string {
	if !o.Compression {
		return nil
	}
	return o.offers()
}

// readResponse reads a head and logs it.
func (l *link) readResponse() (*head, error) {
	if l.silence > 0 {
		l.conn.SetReadDeadline(time.Now().Add(l.silence))
		defer l.conn.SetReadDeadline(time.Time{})
	}
	h, all, err := readHead(l.buffer)
	if all != "" {
		l.log.add(Entry{From: "testee", What: strings.ToValidUTF8(all, "?"), Bytes: len(all)})
	}
	return h, err
}

func (l *link) judgeNoResponse(o *Opening, t *Trace, err error) {
	var b *Breach
	var timeout net.Error
	switch {
	case errors.As(err, &b):
		t.opened(Failed, "the response breaks a rule: "+b.Error())
	case errors.As(err, &timeout) && timeout.Timeout():
		t.TimedOut = true
		if o.Want == Refuse {
			t.opened(NonStrict, fmt.Sprintf("the server neither accepted nor refused the handshake within %s", l.silence))
			return
		}
		t.opened(Failed, fmt.Sprintf("no response within %s", l.silence))
	case o.Want == Accept:
		t.opened(Failed, "the server ended the connection without a response")
	case o.DropFine:
		t.opened(OK, "the server ended the connection without a response")
	default:
		t.opened(NonStrict, "the server ended the connection without a response, an HTTP status is preferred")
	}
}

func judgeRefusal(o *Opening, t *Trace, status int, got *head) {
	fine := status >= 400 && status <= 499
	if len(o.Statuses) > 0 {
		fine = slices.Contains(o.Statuses, status)
	}
	switch {
	case o.RefusalNonStrict && fine:
		t.opened(NonStrict, fmt.Sprintf("the server refused the handshake, where it should have declined the extension alone: %s", got.line))
	case o.Want == Accept:
		t.opened(Failed, fmt.Sprintf("the server refused the handshake: %s", got.line))
	case o.CheckRefusal != nil && o.CheckRefusal(got) != nil:
		t.opened(NonStrict, o.CheckRefusal(got).Error())
	case fine || o.Want == Either:
		t.opened(OK, fmt.Sprintf("the server refused the handshake: %s", got.line))
	default:
		t.opened(NonStrict, fmt.Sprintf("the server refused the handshake with %q, expected status %s", got.line, statuses(o)))
	}
}

func statuses(o *Opening) string {
	if len(o.Statuses) == 0 {
		return "400 to 499"
	}
	return codes(o.Statuses)
}
