package conform

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"
)

// FuzzingServer tests the clients that connect to it. A client asks
// /getCaseCount, then connects to /runCase?case=N&agent=A for each N from 1,
// and at last to /updateReports?agent=A.
type FuzzingServer struct {
	Cases     []*Case
	Selection *Selection
	Options   Options
	// HTTP2 has each connection be a stream of HTTP/2 (RFC 8441), by prior knowledge,
	// or chosen in the TLS handshake.
	HTTP2 bool
	// Update hears that a client has ended, with its results so far.
	Update func(agent string, results []Result)

	mu      sync.Mutex
	ended   *sync.Cond
	running map[string]int // cases, by agent
	results map[string]map[int]Result
	open    sync.WaitGroup
}

// Serve takes connections until the listener is closed, and then waits for the open ones.
// Cancelling ctx drops them.
func (s *FuzzingServer) Serve(ctx context.Context, l net.Listener) error {
	defer s.open.Wait()
	s.prepare()
	for {
		conn, err := l.Accept()
		if errors.Is(err, net.ErrClosed) {
			return nil
		}
		if err != nil {
			return err
		}
		s.open.Go(func() {
			defer conn.Close()
			if s.HTTP2 {
				serveHTTP2(ctx, conn, s.Options.silence(), func(stream net.Conn) { s.serve(ctx, stream) })
				return
			}
			s.serve(ctx, conn)
		})
	}
}

func (s *FuzzingServer) prepare() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended == nil {
		s.ended = sync.NewCond(&s.mu)
		s.running, s.results = map[string]int{}, map[string]map[int]Result{}
	}
}

// awaitLocked waits until no case of the agent is running: a client goes on as soon
// as its side of a connection is over.
func (s *FuzzingServer) awaitLocked(agent string) {
	for s.running[agent] > 0 {
		s.ended.Wait()
	}
}

// Results are those of all agents, in the cases' order.
func (s *FuzzingServer) Results() (all []Result) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, agent := range sortedKeys(s.results) {
		all = append(all, s.ofLocked(agent)...)
	}
	return all
}

func (s *FuzzingServer) ofLocked(agent string) (all []Result) {
	for i := range s.Cases {
		if r, ok := s.results[agent][i]; ok {
			all = append(all, r)
		}
	}
	return all
}

func (s *FuzzingServer) serve(ctx context.Context, conn net.Conn) {
	log := newWireLog()
	l := newLink(conn, Client, s.Options.silence(), log, "")
	defer l.closeWith(ctx)()
	request, err := l.readResponse()
	if err != nil {
		return
	}
	_, target, _ := strings.Cut(request.line, " ")
	target, _, _ = strings.Cut(target, " ")
	u, err := url.ParseRequestURI(target)
	if err != nil {
		l.refuse("400 Bad Request", "The request names no path.")
		return
	}
	agent := u.Query().Get("agent")
	if agent == "" {
		agent = "unnamed"
	}
	if u.Path == "/runCase" {
		s.runCase(l, request, u, agent)
		return
	}
	text, ok := s.answer(u, agent)
	switch {
	case !ok:
		l.refuse("404 Not Found", "Expected /getCaseCount, /runCase, /getCaseInfo, /getCaseStatus or /updateReports.")
	case !request.has("Upgrade", "websocket"):
		l.refuse("426 Upgrade Required", "This is a WebSocket server that tests clients: connect to it by WebSocket.")
	default:
		l.tell(request, text)
		if u.Path == "/updateReports" {
			s.update(agent)
		}
	}
}

// answer is the message that a request other than /runCase is for.
func (s *FuzzingServer) answer(u *url.URL, agent string) (text string, ok bool) {
	i, c := s.caseOf(u)
	switch u.Path {
	case "/getCaseCount":
		return strconv.Itoa(len(s.Cases)), true
	case "/updateReports":
		return "", true
	case "/getCaseInfo":
		if c == nil {
			return "", false
		}
		return jsonText(map[string]string{"id": c.ID, "description": c.Title}), true
	case "/getCaseStatus":
		s.mu.Lock()
		defer s.mu.Unlock()
		s.awaitLocked(agent)
		r, ok := s.results[agent][i]
		if !ok {
			return "", false
		}
		return jsonText(map[string]Behavior{"behavior": r.Behavior, "behaviorClose": r.Close}), true
	}
	return "", false
}

// caseOf is the case that a request names: by its place in the list, from 1,
// or by its number.
func (s *FuzzingServer) caseOf(u *url.URL) (int, *Case) {
	number, id := u.Query().Get("case"), u.Query().Get("casetuple")
	n, err := strconv.Atoi(number)
	for i, c := range s.Cases {
		if err == nil && i == n-1 || c.ID == number || c.ID == id {
			return i, c
		}
	}
	return -1, nil
}

func jsonText(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // maps of strings
	}
	return string(b)
}

func (s *FuzzingServer) update(agent string) {
	s.mu.Lock()
	s.awaitLocked(agent)
	results := s.ofLocked(agent)
	s.mu.Unlock()
	if s.Update != nil {
		s.Update(agent, results)
	}
}

func (s *FuzzingServer) runCase(l *link, request *head, u *url.URL, agent string) {
	i, c := s.caseOf(u)
	if c == nil {
		l.refuse("404 Not Found", fmt.Sprintf("There is no case %q, expected 1 to %d.", u.Query().Get("case"), len(s.Cases)))
		return
	}
	if s.Selection != nil && s.Selection.Excluded(agent, c.ID) {
		l.tell(request, "")
		return
	}
	if !s.begin(agent) {
		l.refuse("503 Service Unavailable", fmt.Sprintf("More than %d agents.", maxAgents))
		return
	}
	l.random = seeded(c.ID)
	t := &Trace{}
	stream, _ := l.conn.(*clientStream)
	if stream != nil && c.Reply != nil {
		stream.how = c.Reply
	}
	if l.openClient(c, t, request) {
		l.play(c, t)
	}
	if stream != nil && t.Opening == "" {
		stream.judge(t)
	}
	r := resultOf(c, agent, t, l.log)
	s.mu.Lock()
	if s.results[agent] == nil {
		s.results[agent] = map[int]Result{}
	}
	s.results[agent][i] = r
	s.running[agent]--
	s.ended.Broadcast()
	s.mu.Unlock()
	if s.Options.Done != nil {
		s.Options.Done(r)
	}
}

// maxAgents bounds what clients can make the server keep.
const maxAgents = 100

// begin notes that a case of the agent is running, unless there are too many
// agents.
func (s *FuzzingServer) begin(agent string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, known := s.running[agent]; !known && len(s.running) == maxAgents {
		return false
	}
	s.running[agent]++
	return true
}

// openClient answers a client's handshake as the case says. It returns whether
// there is a connection to go on with.
func (l *link) openClient(c *Case, t *Trace, request *head) bool {
	o := &c.Open
	b := checkRequest(request)
	if stream, is := l.conn.(*clientStream); is {
		b = checkConnect(stream)
	}
	if b == nil && o.Check != nil {
		b = o.Check(request, nil)
	}
	if b != nil {
		t.opened(Failed, "the request breaks a rule: "+b.Error())
		l.refuse("400 Bad Request", b.Error())
		return false
	}
	var a *agreed
	answer := ""
	if o.Compression {
		a, answer = agree(request, o.Requests)
		if a == nil && !o.DeflateOptional {
			l.accept(request, nil)
			l.listen(nil)
			t.Compressed = false
			l.play(&Case{Close: closesNormally}, t)
			return false
		}
	}
	var extension []headerLine
	if a != nil {
		extension = []headerLine{{"Sec-WebSocket-Extensions", answer}}
	}
	l.accept(request, extension, o)
	if o.Want == Refuse || c.Reply != nil && c.Reply.Want == Refuse {
		l.judgeClient(t)
		return false
	}
	if a == nil {
		l.listen(nil)
		return true
	}
	t.Compressed = o.suits(a.serverNoTakeover)
	l.deflate = newDeflate(a.serverBits, a.serverNoTakeover || o.NoTakeover)
	l.listen(newInflate(a.clientBits, a.clientNoTakeover))
	return true
}

// accept sends a response of status 101, edited as the opening says.
func (l *link) accept(request *head, extension []headerLine, openings ...*Opening) {
	h := &head{line: "HTTP/1.1 101 Switching Protocols", lines: []headerLine{
		{"Upgrade", "websocket"},
		{"Connection", "Upgrade"},
		{"Sec-WebSocket-Accept", acceptOf(request.get("Sec-WebSocket-Key"))},
	}}
	h.lines = append(h.lines, extension...)
	o := &Opening{}
	if len(openings) > 0 {
		o = openings[0]
	}
	for _, e := range o.Edit {
		e(h)
	}
	out := []byte(h.String())
	l.log.add(Entry{From: "us", What: h.String(), Bytes: len(out)})
	for _, f := range o.Then {
		out = l.encode(out, f)
	}
	if err := l.writeSlowly(out, o.Chop, o.Gap); err != nil {
		l.log.note("could not send the response: " + err.Error())
	}
}

// probe is what a client must not take, because its connection is not open.
const probe = "this connection is not open"

// judgeClient tells whether the client fails a connection whose handshake is
// wrong: it must end it, and must not echo.
func (l *link) judgeClient(t *Trace) {
	if err := l.write(l.encode(nil, text(probe)), 0); err != nil {
		l.log.note("could not send: " + err.Error())
	}
	l.listen(nil)
	for {
		e, ok := l.next()
		switch {
		case !ok:
			t.TimedOut = true
			t.opened(Failed, fmt.Sprintf("the client did not end the connection within %s", l.silence))
		case e.Kind == End:
			t.opened(OK, "the client ended the connection: "+endOf(e.Err))
		case e.Kind == Close:
			t.opened(NonStrict, "the client sent a Close frame on a connection that was never open")
		case e.Kind == Ping || e.Kind == Pong:
			continue
		default:
			t.opened(Failed, "the client took the handshake for a good one: "+e.String())
		}
		return
	}
}

// refuse answers with an HTTP error.
func (l *link) refuse(status, why string) {
	h := fmt.Sprintf("HTTP/1.1 %s\r\nConnection: close\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n%s\n", status, len(why)+1, why)
	l.log.add(Entry{From: "us", What: h, Bytes: len(h)})
	l.write([]byte(h), 0)
	l.drain()
}

// tell sends one message, unless it is empty, and closes.
func (l *link) tell(request *head, text string) {
	l.accept(request, nil)
	l.listen(nil)
	c := &Case{Close: closesNormally}
	if text != "" {
		c.Script = script(send(Frame{Fin: true, Op: OpText, Payload: []byte(text)}))
	}
	l.play(c, &Trace{})
}

// drain lets the peer read everything sent before the connection is dropped.
func (l *link) drain() {
	l.closeWrite()
	l.conn.SetReadDeadline(time.Now().Add(time.Second))
	buffer := make([]byte, 4<<10)
	for {
		if _, err := l.buffer.Read(buffer); err != nil {
			return
		}
	}
}
