package binding

import (
	"context"
	"errors"
	"math"
	"slices"

	"github.com/grafana/sobek"
	"go.k6.io/k6/v2/js/common"

	"xk6-realtime/engine"
	"xk6-realtime/engine/frame"
)

// The values of readyState.
const (
	stateConnecting int64 = iota
	stateOpen
	stateClosing
	stateClosed
)

// socketObject is a WebSocket as a script holds it. What it has belongs to the
// virtual user's goroutine; link is the half that belongs to the loop.
type socketObject struct {
	*instance
	rt        *sobek.Runtime
	object    *sobek.Object
	listeners listeners
	link      *socketLink
	state     int64
	protocol  string
	// extensions are the agreed ones.
	extensions string
}

// newWebSocket is the constructor of WebSocket.
func (i *instance) newWebSocket(call sobek.ConstructorCall) *sobek.Object {
	rt := i.vu.Runtime()
	state := i.vu.State()
	if state == nil {
		common.Throw(rt, errors.New("WebSocket: expected to be made by a virtual user, was made in the init context"))
	}
	o, err := readSocketOptions(state, call.Arguments)
	if err != nil {
		common.Throw(rt, err)
	}
	e, err := i.process.sockets.use(state, o.bounds)
	if err != nil {
		common.Throw(rt, err)
	}
	s := &socketObject{instance: i, rt: rt, object: call.This}
	s.define(o.url)
	out := i.newSocketRecorder(state, o.tags)
	s.link = &socketLink{
		loop: e.Loops()[0], isStream: o.isStream, mail: openMailbox(i.vu, &i.process.mail, s.heard), out: out,
		warnCrowded: func() { i.process.mail.warn(state.Logger) },
	}
	if o.isStream {
		s.link.traffic.Streams = &engine.StreamMeter{} // times are the script's to take
	}
	s.link.mail.roomy = s.link.roomy
	dial := o.dial(&s.link.traffic)
	release := func() { i.process.sockets.release(o.bounds) }
	s.link.start(i.vu.Context(), dial, release)
	return nil
}

func (s *socketObject) define(url string) {
	rt, o := s.rt, s.object
	s.listeners.define(rt, o)
	accessor(rt, o, "url", func() any { return url }, nil)
	accessor(rt, o, "readyState", func() any { return s.state }, nil)
	accessor(rt, o, "protocol", func() any { return s.protocol }, nil)
	accessor(rt, o, "extensions", func() any { return s.extensions }, nil)
	accessor(rt, o, "binaryType", func() any { return "arraybuffer" }, func(value sobek.Value) {
		if value.String() != "arraybuffer" {
			common.Throw(rt, wrong("WebSocket.binaryType", `"arraybuffer"`, value.Export()))
		}
	})
	accessor(rt, o, "bufferedAmount", s.unsent, nil)
	accessor(rt, o, "unsentBytes", s.unsent, nil)
	accessor(rt, o, "unreadBytes", s.unread, nil)
	accessor(rt, o, "awaitsProxy", s.awaitsProxy, nil)
	method(rt, o, "send", s.send)
	method(rt, o, "sendRaw", s.sendRaw)
	method(rt, o, "ping", s.ping)
	method(rt, o, "close", s.close)
	method(rt, o, "reset", s.reset)
	method(rt, o, "pause", func() { s.read("pause", func(*engine.Conn) { s.link.pause(true) }) })
	method(rt, o, "resume", func() { s.read("resume", func(*engine.Conn) { s.link.pause(false) }) })
	method(rt, o, "setReadRate", s.setReadRate)
	method(rt, o, "answerPings", func(on bool) {
		s.read("answerPings", func(c *engine.Conn) { c.AnswerPings(on) })
	})
}

// heard is called on the virtual user's goroutine with each event.
func (s *socketObject) heard(e *socketEvent) error {
	// A close() of the script may be later than an event that is on its way.
	s.state = max(s.state, e.state)
	if protocol, ok := e.fields["protocol"].(string); ok {
		s.protocol = protocol
		delete(e.fields, "protocol")
		s.extensions = e.fields["extensions"].(string)
		delete(e.fields, "extensions")
	}
	return s.listeners.call(s.rt, s.object, e)
}

func (s *socketObject) requireOpen(method string) {
	if s.state != stateOpen {
		common.Throw(s.rt, errors.New("WebSocket."+method+": InvalidStateError: expected an open connection, got readyState "+
			[...]string{"0 (connecting)", "1 (open)", "2 (closing)", "3 (closed)"}[s.state]))
	}
}

// requireTwoWay refuses a method that an event stream cannot serve.
func (s *socketObject) requireTwoWay(method string) {
	if s.link.isStream {
		common.Throw(s.rt, errors.New("WebSocket."+method+": expected a ws:// or wss:// URL, got an event stream's, on which nothing can be sent"))
	}
}

func (s *socketObject) send(data sobek.Value) {
	s.requireTwoWay("send")
	s.requireOpen("send")
	if text, ok := orUndefined(data).Export().(string); ok {
		s.link.send(engine.Text, []byte(text))
		return
	}
	s.link.send(engine.Binary, s.bytes("send", "a text, ", data))
}

func (s *socketObject) sendRaw(data sobek.Value) {
	s.requireTwoWay("sendRaw")
	s.requireOpen("sendRaw")
	b := s.bytes("sendRaw", "", data)
	s.link.do(func(c *engine.Conn) { _, err := c.SendRaw(b); s.link.sent(err) })
}

// bytes copies what a script gave: it may change it afterwards.
func (s *socketObject) bytes(method, orElse string, data sobek.Value) []byte {
	data = orUndefined(data)
	switch given := data.Export().(type) {
	case sobek.ArrayBuffer:
		return slices.Clone(given.Bytes())
	case []byte: // Uint8Array
		return slices.Clone(given)
	}
	if view, ok := data.(*sobek.Object); ok {
		if whole, ok := orUndefined(view.Get("buffer")).Export().(sobek.ArrayBuffer); ok {
			from, length := orUndefined(view.Get("byteOffset")).ToInteger(), orUndefined(view.Get("byteLength")).ToInteger()
			if all := whole.Bytes(); from >= 0 && length >= 0 && length <= int64(len(all))-from {
				return slices.Clone(all[from : from+length])
			}
		}
	}
	common.Throw(s.rt, errors.New("WebSocket."+method+": expected "+orElse+"an ArrayBuffer or a view of one, got something else"))
	return nil
}

func (s *socketObject) ping() {
	s.requireTwoWay("ping")
	s.requireOpen("ping")
	s.link.do(func(*engine.Conn) { s.link.ping() })
}

func (s *socketObject) close(code, reason sobek.Value) {
	n := int64(frame.CodeNormal)
	if !common.IsNullish(code) {
		given, ok := code.Export().(int64)
		if !ok || given < 0 || given > math.MaxUint16 {
			common.Throw(s.rt, wrong("WebSocket.close", "a code from 0 to 65535", code.Export()))
		}
		n = given
	}
	text := ""
	if !common.IsNullish(reason) {
		text = reason.String()
	}
	if len(text) > frame.MaxControlBytes-2 {
		common.Throw(s.rt, wrong("WebSocket.close", "a reason of at most 123 bytes", len(text)))
	}
	if s.state < stateClosing {
		s.state = stateClosing
		s.link.do(func(*engine.Conn) { s.link.close(uint16(n), text) })
	}
}

func (s *socketObject) reset() {
	if s.state < stateClosed {
		s.state = stateClosing
		s.link.do((*engine.Conn).Reset)
	}
}

// read changes how the connection reads, which is of no use to one that ends.
func (s *socketObject) read(method string, change func(*engine.Conn)) {
	if s.state == stateConnecting {
		s.requireOpen(method)
	}
	s.link.do(change)
}

func (s *socketObject) setReadRate(rate sobek.Value) {
	r := &reader{of: "WebSocket.setReadRate", fields: map[string]any{"bytesPerSecond": orUndefined(rate).Export()}}
	bytesPerSecond := r.number("bytesPerSecond", math.NaN(), 0, math.MaxInt32)
	if err := r.done(); err != nil {
		common.Throw(s.rt, err)
	}
	if math.IsNaN(bytesPerSecond) {
		common.Throw(s.rt, wrong("WebSocket.setReadRate", "a number of bytes in a second", nil))
	}
	s.read("setReadRate", func(c *engine.Conn) { c.SetReadRate(bytesPerSecond) })
}

func (s *socketObject) awaitsProxy() any {
	if s.state != stateConnecting {
		return false
	}
	return s.link.ask(func(c *engine.Conn) int {
		if c.AwaitsProxy() {
			return 1
		}
		return 0
	}) == 1
}

func (s *socketObject) unsent() any { return s.link.ask((*engine.Conn).Unsent) }

func (s *socketObject) unread() any {
	if s.state == stateClosed {
		return 0
	}
	return s.link.ask((*engine.Conn).Unread)
}

// watch closes the connection when the iteration is interrupted. The peer's
// answer is waited for within the bound on closing.
func (l *socketLink) watch(ctx context.Context) (stop func() bool) {
	return context.AfterFunc(ctx, func() {
		l.do(func(*engine.Conn) { l.close(frame.CodeGoingAway, "") })
	})
}
