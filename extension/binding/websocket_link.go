package binding

import (
	"bytes"
	"context"
	"encoding/binary"
	"strings"
	"unicode"
	"unicode/utf8"

	"xk6-realtime/engine"
	"xk6-realtime/engine/clock"
	"xk6-realtime/engine/frame"
	"xk6-realtime/engine/handshake"
)

// socketLink is a WebSocket's half that belongs to the engine's loop. It hears
// the connection, and posts to the virtual user.
type socketLink struct {
	loop     *engine.Loop
	conn     *engine.Conn
	mail     *mailbox
	out      *socketRecorder
	traffic  engine.Traffic
	isStream bool
	opened   clock.Time
	pings    map[uint64]clock.Time
	pinged   uint64
	over     func() // gives back what the connection held
	// resumption is where an event stream that is over goes on.
	resumption engine.Resumption

	// Why the connection is not read: the script's pause, or that the script
	// does not keep up.
	paused, crowded bool
	// warnCrowded tells the user of the latter.
	warnCrowded func()
}

// maxPings bounds the Pings of which the Pong is still waited for.
const maxPings = 1000

func (o *socketOptions) dial(traffic *engine.Traffic) *engine.Dial {
	return &engine.Dial{
		Endpoint: o.endpoint, Source: o.source, Deflate: o.deflate, EventStream: o.isStream, Traffic: traffic,
		StreamsPerConnection: o.streamsPerConnection,
		Request: func(_ *engine.Conn, r *handshake.Request) {
			r.Path, r.Protocols = o.request.Path, o.request.Protocols
			r.Fields = append(r.Fields, o.request.Fields...)
		},
	}
}

// start begins the connection; release is called once it has ended.
func (l *socketLink) start(ctx context.Context, d *engine.Dial, release func()) {
	due := clock.Now()
	l.loop.Do(func() {
		d.Due = due
		l.conn = l.loop.Dial(d, l)
		stop := l.watch(ctx)
		l.over = func() {
			stop()
			go release() // it may wait for an engine that is being started
		}
	})
}

// do calls f on the loop, after all that was asked for before.
func (l *socketLink) do(f func(*engine.Conn)) {
	l.loop.Do(func() { f(l.conn) })
}

// ask is do for a number; 0 once the loop has ended.
func (l *socketLink) ask(f func(*engine.Conn) int) (n int) {
	l.loop.Await(func() { n = f(l.conn) })
	return n
}

func (l *socketLink) send(op engine.Kind, payload []byte) {
	l.do(func(c *engine.Conn) {
		_, err := c.Send(op, payload)
		if l.sent(err) {
			l.out.messagesSent++
		}
	})
}

// sent tells the script of a message that the peer's silence left no room for.
// One that finds the connection ended needs no word: close follows.
func (l *socketLink) sent(err error) bool {
	if err == engine.ErrUnsent || err == engine.ErrOneWay {
		l.post(failure(clock.Now(), stateOpen, "unsent", nil))
	}
	return err == nil
}

func (l *socketLink) ping() {
	l.pinged++
	at, err := l.conn.Send(engine.Ping, binary.BigEndian.AppendUint64(nil, l.pinged))
	if err == nil && len(l.pings) < maxPings {
		if l.pings == nil {
			l.pings = map[uint64]clock.Time{}
		}
		l.pings[l.pinged] = at
	}
}

func (l *socketLink) post(e *socketEvent) { l.mail.post(e) }

// failure is an error event. A peer may have chosen parts of err's text: only printable
// characters of it may reach a terminal.
func failure(at clock.Time, state int64, reason string, err error) *socketEvent {
	message := ""
	if err != nil {
		message = strings.Map(func(r rune) rune {
			if unicode.IsPrint(r) {
				return r
			}
			return utf8.RuneError
		}, err.Error())
	}
	return &socketEvent{kind: "error", at: at, state: state, fields: map[string]any{"error": reason, "message": message}}
}

// Opened is called by the engine, as are those below.
func (l *socketLink) Opened(c *engine.Conn, o *engine.Opening) {
	l.opened = o.Opened
	l.out.opened(o.Opened.Sub(o.Began))
	l.out.connected(o)
	l.out.flush(l.traffic)
	c.SetAlarm(clock.Now().Add(pushEvery))
	fields := map[string]any{"protocol": o.Protocol, "extensions": extensions(o)}
	if l.isStream {
		l.out.streams(1)
		fields["firstByteMs"] = milliseconds(o.Opened.Sub(o.FirstByte))
	}
	l.post(&socketEvent{kind: "open", at: o.Opened, state: stateOpen, fields: fields})
}

// extensions are the agreed ones, as the server's answer writes them.
func extensions(o *engine.Opening) string {
	if o.Deflate == nil {
		return ""
	}
	return o.Deflate.String()
}

// Failed gives an error and a close event, as k6/websockets does.
func (l *socketLink) Failed(_ *engine.Conn, o *engine.Opening, f engine.Failure) {
	at := clock.Now()
	l.out.connected(o)
	l.post(failure(at, stateClosed, f.Reason.String(), explained(f)))
	l.end(at, engine.End{Code: frame.CodeAbnormal, By: failedBy(f.Reason)})
}

// failedBy is who kept the connection from being opened.
func failedBy(r engine.Reason) engine.By {
	switch {
	case r == engine.ReasonAborted:
		return engine.ByClient
	case r.IsOurs():
		return engine.ByGenerator
	}
	switch r {
	case engine.ReasonTimeoutResolve, engine.ReasonTimeoutTCP, engine.ReasonTimeoutTLS, engine.ReasonTimeoutUpgrade:
		return engine.ByTimeout
	case engine.ReasonDNS, engine.ReasonUnreachable, engine.ReasonReset, engine.ReasonOther:
		return engine.ByNetwork
	}
	return engine.ByServer
}

// pause sets whether the script wants the connection to be read.
func (l *socketLink) pause(paused bool) {
	l.paused = paused
	l.steer()
}

// roomy is called by the mailbox, on the virtual user's goroutine.
func (l *socketLink) roomy() {
	l.do(func(*engine.Conn) {
		l.crowded = false
		l.steer()
	})
}

func (l *socketLink) steer() {
	if l.paused || l.crowded {
		l.conn.Pause()
	} else {
		l.conn.Resume()
	}
}

// close begins the closing handshake of a connection that reads at full speed:
// a paused one would never see the answer.
func (l *socketLink) close(code uint16, reason string) {
	if l.conn.Open() {
		l.conn.SetReadRate(0)
		l.pause(false)
	}
	l.conn.CloseWith(code, reason)
}

// Message copies what the engine lends for the time of the call.
func (l *socketLink) Message(_ *engine.Conn, m engine.Message) {
	e := &socketEvent{kind: "message", at: m.At, state: stateOpen}
	switch m.Kind {
	case engine.Text:
		l.out.messagesReceived++
		e.fields = map[string]any{"data": string(m.Data), "receivedAtMs": m.At.Milliseconds()}
	case engine.Binary:
		l.out.messagesReceived++
		e.fields = map[string]any{"data": bytes.Clone(m.Data), "receivedAtMs": m.At.Milliseconds()}
	case engine.Ping:
		e.kind = "ping"
	case engine.Pong:
		e.kind = "pong"
		l.ponged(m)
	}
	if l.mail.post(e) && !l.crowded {
		l.crowded = true
		l.steer()
		l.warnCrowded()
	}
}

func (l *socketLink) ponged(m engine.Message) {
	if len(m.Data) != 8 {
		return
	}
	number := binary.BigEndian.Uint64(m.Data)
	if sent, ours := l.pings[number]; ours {
		delete(l.pings, number)
		l.out.pinged(m.At.Sub(sent))
	}
}

// Alarm gives k6 the counts once a second.
func (l *socketLink) Alarm(c *engine.Conn, now clock.Time) {
	l.out.flush(l.traffic)
	if l.isStream {
		l.out.streams(0)
	}
	c.SetAlarm(now.Add(pushEvery))
}

// Closed is the end of a connection that was open.
func (l *socketLink) Closed(c *engine.Conn, e engine.End) {
	l.resumption = c.Resumption()
	l.out.closed(e.At.Sub(l.opened))
	if l.isStream {
		l.out.streams(-1)
	}
	if e.Breach != "" {
		l.post(failure(e.At, stateClosing, e.Breach, nil))
	}
	l.end(e.At, e)
}

func (l *socketLink) end(at clock.Time, e engine.End) {
	l.over()
	event := &socketEvent{kind: "close", at: at, state: stateClosed, last: true, fields: map[string]any{
		"code": int(e.Code), "reason": e.Text, "by": e.By.String(), "wasClean": e.Code != frame.CodeAbnormal && e.Breach == "",
	}}
	if l.isStream {
		event.fields["lastEventId"] = l.resumption.LastEventID
		if l.resumption.Retry >= 0 {
			event.fields["retryMs"] = milliseconds(l.resumption.Retry)
		}
	}
	// The iteration may end with it, and k6 takes no samples after the last.
	l.out.end(l.traffic, func() { l.post(event) })
}
