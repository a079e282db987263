package conform

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// streamOpening is what a case about HTTP/2 itself asks for on a stream.
type streamOpening struct {
	// Edit changes the fields of a lawful extended CONNECT.
	Edit []fieldEdit
	// Want is Accept or Refuse.
	Want OpenWant
	// Then is what follows once the server has accepted.
	Then streamThen
}

type streamThen byte

const (
	nothingMore streamThen = iota
	endsStream
	resetsStream
)

type fieldEdit func([]hpack.HeaderField) []hpack.HeaderField

func setField(name, value string) fieldEdit {
	return func(fields []hpack.HeaderField) []hpack.HeaderField {
		for i := range fields {
			if fields[i].Name == name {
				fields[i].Value = value
			}
		}
		return fields
	}
}

func withoutField(name string) fieldEdit {
	return func(fields []hpack.HeaderField) []hpack.HeaderField {
		return slices.DeleteFunc(fields, func(f hpack.HeaderField) bool { return f.Name == name })
	}
}

// withField adds a field behind all others.
func withField(name, value string) fieldEdit {
	return func(fields []hpack.HeaderField) []hpack.HeaderField {
		return append(fields, hpack.HeaderField{Name: name, Value: value})
	}
}

// insertField adds a field before all others.
func insertField(name, value string) fieldEdit {
	return func(fields []hpack.HeaderField) []hpack.HeaderField {
		return slices.Insert(fields, 0, hpack.HeaderField{Name: name, Value: value})
	}
}

// rawStreams are the streams of one connection to a server, frame by frame.
type rawStreams struct {
	conn    net.Conn
	framer  *http2.Framer
	block   fieldBlock
	silence time.Duration
	log     *wireLog
	next    uint32
}

// onStream plays a case about HTTP/2 itself.
func onStream(ctx context.Context, target *Target, c *Case, silence time.Duration) Result {
	log, t := newWireLog(), &Trace{}
	conn, err := target.dialTCP(ctx, silence)
	if err != nil {
		t.opened(Failed, "could not connect: "+err.Error())
		return resultOf(c, target.Agent, t, log)
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	s := &rawStreams{conn: conn, framer: http2.NewFramer(conn, conn), silence: silence, log: log, next: 1}
	s.framer.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	t.opened(s.judge(target, c.Stream, t))
	return resultOf(c, target.Agent, t, log)
}

func (s *rawStreams) judge(target *Target, o *streamOpening, t *Trace) (Behavior, string) {
	if why := s.greet(t); why != "" {
		return Failed, why
	}
	id := s.ask(target, o.Edit)
	got, err := s.answer(id, t)
	if err != nil {
		return unanswered(o, t, err)
	}
	switch {
	case o.Want == Refuse:
		return got.refusal()
	case !got.accepts():
		return Failed, "the server refused: " + got.String()
	}
	if why := got.wrong(); why != "" {
		return Failed, why
	}
	switch o.Then {
	case endsStream:
		s.note("us", "END_STREAM")
		s.framer.WriteData(id, true, nil)
		if err := s.end(id, t); err != nil {
			return Failed, "the server did not end the stream: " + err.Error()
		}
		return OK, "the server ended the stream"
	case resetsStream:
		s.note("us", "RST_STREAM CANCEL")
		s.framer.WriteRSTStream(id, http2.ErrCodeCancel)
		next, err := s.answer(s.ask(target, nil), t)
		if err != nil || !next.accepts() {
			return Failed, fmt.Sprintf("the server did not accept the next stream: %v", errors.Join(err, fmt.Errorf("%s", next)))
		}
		return OK, "the server accepted the next stream: " + next.String()
	}
	if got.has("sec-websocket-accept") {
		return NonStrict, "the answer has sec-websocket-accept, which has no meaning here"
	}
	return OK, "the server accepted: " + got.String()
}

// greet begins the connection, and returns the fault of the server's SETTINGS.
func (s *rawStreams) greet(t *Trace) string {
	io.WriteString(s.conn, http2.ClientPreface)
	s.framer.WriteSettings(http2.Setting{ID: http2.SettingEnablePush, Val: 0})
	f, err := s.read(t)
	if err != nil {
		return "no SETTINGS came: " + err.Error()
	}
	settings, is := f.(*http2.SettingsFrame)
	if !is || settings.IsAck() {
		return fmt.Sprintf("the first frame is not SETTINGS: %v", f)
	}
	value, _ := settings.Value(http2.SettingEnableConnectProtocol)
	s.note("testee", fmt.Sprintf("SETTINGS, SETTINGS_ENABLE_CONNECT_PROTOCOL is %d", value))
	if value != 1 {
		return fmt.Sprintf("SETTINGS_ENABLE_CONNECT_PROTOCOL is %d, expected 1", value)
	}
	s.framer.WriteSettingsAck()
	return ""
}

// ask opens a stream.
func (s *rawStreams) ask(target *Target, edits []fieldEdit) (id uint32) {
	scheme := "http"
	if target.URL.Scheme == "wss" {
		scheme = "https"
	}
	fields := []hpack.HeaderField{
		{Name: ":method", Value: "CONNECT"}, {Name: ":protocol", Value: "websocket"}, {Name: ":scheme", Value: scheme},
		{Name: ":path", Value: target.URL.RequestURI()}, {Name: ":authority", Value: target.URL.Host},
		{Name: "sec-websocket-version", Value: "13"},
	}
	for _, line := range target.Header {
		name, value, _ := strings.Cut(line, ":")
		fields = append(fields, hpack.HeaderField{Name: strings.ToLower(strings.TrimSpace(name)), Value: strings.TrimSpace(value)})
	}
	for _, e := range edits {
		fields = e(fields)
	}
	var words []string
	for _, f := range fields {
		words = append(words, f.Name+": "+f.Value)
	}
	s.note("us", target.hide("HEADERS\n"+strings.Join(words, "\n")))
	id, s.next = s.next, s.next+2
	s.framer.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: s.block.of(fields), EndHeaders: true})
	return id
}

// streamAnswer is the first that a server does on a stream.
type streamAnswer struct {
	fields []hpack.HeaderField
	reset  http2.ErrCode
	isRST  bool
}

func (a *streamAnswer) status() string { return fieldOf(a.fields, ":status") }

func (a *streamAnswer) has(name string) bool {
	return len(fieldsOf(a.fields, name)) > 0
}

func (a *streamAnswer) accepts() bool { return a != nil && strings.HasPrefix(a.status(), "2") }

// wrong is the fault of an answer that accepts.
func (a *streamAnswer) wrong() string {
	for _, name := range ConnectionFields {
		if a.has(name) {
			return "the answer has the field " + name + ", which HTTP/2 forbids (RFC 9113 8.2.2)"
		}
	}
	return ""
}

// refusal judges an answer to what must be refused.
func (a *streamAnswer) refusal() (Behavior, string) {
	status := a.status()
	switch {
	case a.accepts():
		return Failed, "the server accepted"
	case a.isRST && a.reset == http2.ErrCodeProtocol, strings.HasPrefix(status, "4"), status == "501":
		return OK, "the server refused: " + a.String()
	case !a.isRST && !strings.HasPrefix(status, "5"):
		return Failed, "the server neither accepted nor refused: " + a.String()
	}
	return NonStrict, "the server refused, where RST_STREAM PROTOCOL_ERROR or a status from 400 to 499 is preferred: " + a.String()
}

func (a *streamAnswer) String() string {
	switch {
	case a == nil:
		return "nothing"
	case a.isRST:
		return "RST_STREAM " + a.reset.String()
	}
	return "status " + a.status()
}

var errGone = errors.New("the server ended the connection")

// unanswered judges a stream on which nothing came.
func unanswered(o *streamOpening, t *Trace, err error) (Behavior, string) {
	if o.Want == Accept {
		return Failed, "no answer: " + err.Error()
	}
	if t.TimedOut {
		return NonStrict, "the server neither accepted nor refused: " + err.Error()
	}
	return NonStrict, "the server ended the connection, where an end of the stream alone is preferred: " + err.Error()
}

// answer waits for the answer on a stream.
func (s *rawStreams) answer(id uint32, t *Trace) (*streamAnswer, error) {
	for {
		f, err := s.read(t)
		if err != nil {
			return nil, err
		}
		if f.Header().StreamID != id {
			continue
		}
		switch f := f.(type) {
		case *http2.MetaHeadersFrame:
			a := &streamAnswer{fields: f.Fields}
			s.note("testee", "HEADERS, "+a.String())
			if status := a.status(); strings.HasPrefix(status, "1") && status != "101" {
				continue
			}
			return a, nil
		case *http2.RSTStreamFrame:
			a := &streamAnswer{isRST: true, reset: f.ErrCode}
			s.note("testee", a.String())
			return a, nil
		}
	}
}

// end waits for the stream's end.
func (s *rawStreams) end(id uint32, t *Trace) error {
	for {
		f, err := s.read(t)
		if err != nil {
			return err
		}
		h := f.Header()
		if h.StreamID != id {
			continue
		}
		_, isRST := f.(*http2.RSTStreamFrame)
		isEnd := (h.Type == http2.FrameData || h.Type == http2.FrameHeaders) && h.Flags.Has(http2.FlagDataEndStream)
		if isRST || isEnd {
			s.note("testee", h.String())
			return nil
		}
	}
}

// read is the next frame. It answers what HTTP/2 wants answered.
func (s *rawStreams) read(t *Trace) (http2.Frame, error) {
	if s.silence > 0 {
		s.conn.SetReadDeadline(time.Now().Add(s.silence))
	}
	for {
		f, err := s.framer.ReadFrame()
		var timeout net.Error
		var malformed http2.StreamError
		switch {
		case errors.As(err, &timeout) && timeout.Timeout():
			t.TimedOut = true
			return nil, fmt.Errorf("nothing came within %s", s.silence)
		case errors.As(err, &malformed):
			return nil, fmt.Errorf("the server's fields break HTTP/2: %w", err)
		case err != nil:
			return nil, fmt.Errorf("%w: %w", errGone, err)
		}
		switch f := f.(type) {
		case *http2.PingFrame:
			if !f.IsAck() {
				s.framer.WritePing(true, f.Data)
			}
			continue
		case *http2.GoAwayFrame:
			s.note("testee", "GOAWAY "+f.ErrCode.String())
			if f.ErrCode != http2.ErrCodeNo {
				return nil, fmt.Errorf("%w: GOAWAY %s", errGone, f.ErrCode)
			}
			continue
		}
		return f, nil
	}
}

func (s *rawStreams) note(from, what string) { s.log.add(Entry{From: from, What: what}) }
