package binding

import (
	"time"

	"github.com/grafana/sobek"
	"go.k6.io/k6/v2/js/common"

	"xk6-realtime/engine/clock"
)

// socketEvent is one thing that happened, on its way from the loop to the
// virtual user.
type socketEvent struct {
	kind  string
	at    clock.Time
	state int64 // readyState from now on
	// fields are what this kind has beside the common ones; a []byte becomes an
	// ArrayBuffer.
	fields map[string]any
	last   bool
}

// bytes is about what an event takes in memory.
func (e *socketEvent) bytes() int64 {
	const itself = 512 // with its fields, which are a map
	switch data := e.fields["data"].(type) {
	case string:
		return itself + int64(len(data))
	case []byte:
		return itself + int64(len(data))
	}
	return itself
}

// listeners are a script's functions for the events of one socket.
type listeners struct {
	on    map[string]sobek.Value
	added map[string][]sobek.Callable
}

var eventKinds = [...]string{"open", "message", "error", "close", "ping", "pong"}

// define gives target its on… properties and addEventListener.
func (l *listeners) define(rt *sobek.Runtime, target *sobek.Object) {
	l.on, l.added = map[string]sobek.Value{}, map[string][]sobek.Callable{}
	for _, kind := range eventKinds {
		accessor(rt, target, "on"+kind, func() any {
			if f := l.on[kind]; f != nil {
				return f
			}
			return sobek.Null()
		}, func(value sobek.Value) {
			if _, ok := sobek.AssertFunction(value); !ok && !common.IsNullish(value) {
				common.Throw(rt, wrong("WebSocket.on"+kind, "a function or null", value.Export()))
			}
			l.on[kind] = value
		})
	}
	method(rt, target, "addEventListener", func(kind string, listener sobek.Value) {
		f, ok := sobek.AssertFunction(orUndefined(listener))
		if !ok {
			common.Throw(rt, wrong("WebSocket.addEventListener", "a function", orUndefined(listener).Export()))
		}
		for _, known := range eventKinds {
			if kind == known {
				l.added[kind] = append(l.added[kind], f)
				return
			}
		}
		common.Throw(rt, wrong("WebSocket.addEventListener", "one of open, message, error, close, ping, pong", kind))
	})
}

// call hands an event to the script.
func (l *listeners) call(rt *sobek.Runtime, target *sobek.Object, e *socketEvent) error {
	heard := l.added[e.kind]
	if f, ok := sobek.AssertFunction(orUndefined(l.on[e.kind])); ok {
		heard = append([]sobek.Callable{f}, heard...)
	}
	if len(heard) == 0 {
		return nil
	}
	event := rt.NewObject()
	now := clock.Now()
	common := map[string]any{
		"type": e.kind, "target": target, "atMs": e.at.Milliseconds(), "ageMs": milliseconds(now.Sub(e.at)),
		"timestamp": float64(time.Now().Add(-now.Sub(e.at)).UnixMicro()) / 1000,
	}
	for _, fields := range [...]map[string]any{common, e.fields} {
		for name, value := range fields {
			if b, ok := value.([]byte); ok {
				value = rt.NewArrayBuffer(b)
			}
			if err := event.Set(name, value); err != nil {
				return err
			}
		}
	}
	for _, f := range heard {
		if _, err := f(target, event); err != nil {
			return err
		}
	}
	return nil
}

// orUndefined is for what sobek gives as nil: an argument or a property that
// is not there.
func orUndefined(v sobek.Value) sobek.Value {
	if v == nil {
		return sobek.Undefined()
	}
	return v
}

// accessor defines a property; one without set cannot be written.
func accessor(rt *sobek.Runtime, target *sobek.Object, name string, get func() any, set func(sobek.Value)) {
	getter := rt.ToValue(func() sobek.Value { return rt.ToValue(get()) })
	setter := sobek.Undefined()
	if set != nil {
		setter = rt.ToValue(func(value sobek.Value) { set(value) })
	}
	if err := target.DefineAccessorProperty(name, getter, setter, sobek.FLAG_FALSE, sobek.FLAG_TRUE); err != nil {
		common.Throw(rt, err)
	}
}

func method(rt *sobek.Runtime, target *sobek.Object, name string, f any) {
	if err := target.DefineDataProperty(name, rt.ToValue(f), sobek.FLAG_FALSE, sobek.FLAG_FALSE, sobek.FLAG_TRUE); err != nil {
		common.Throw(rt, err)
	}
}
