package wamp

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"strconv"
	"sync"
	"time"

	"github.com/gammazero/nexus/v3/client"
	"github.com/gammazero/nexus/v3/transport/serialize"
	"github.com/gammazero/nexus/v3/wamp"
)

// Serializations are the forms that messages may have.
var Serializations = map[string]serialize.Serialization{
	"json":    serialize.JSON,
	"msgpack": serialize.MSGPACK,
	"cbor":    serialize.CBOR,
}

// ClientOptions says what a client does.
type ClientOptions struct {
	URL string
	// Realm to join. Default: [DefaultRealm].
	Realm string
	// Serialization is one of [Serializations]. Default: JSON.
	Serialization serialize.Serialization
	// Topic is subscribed and published to; "" for none.
	Topic string
	// Register is a procedure to serve: it returns its arguments. "" for none.
	Register string
	// Call is a procedure to call. "" for none.
	Call string
	// Interval is between two publications, and between two calls. 0: none.
	Interval time.Duration
	// TLS is what to trust for wss.
	TLS *tls.Config
	// Out gets a line for each event, result and invocation.
	Out io.Writer
}

// ClientReport is what a client did.
type ClientReport struct{ Published, Events, Called, Results, Invoked int }

// visitor is a client's session.
type visitor struct {
	ClientOptions
	client *client.Client
	// The session calls back on goroutines of its own.
	mu     sync.Mutex // guards report
	report ClientReport
	line   sync.Mutex // held while a line is printed
}

// errEnded says that the router ended the session.
var errEnded = errors.New("the router ended the session")

// Visit joins a realm, and stays until ctx is done or the router ends the
// session, which is an error. joined is called in between, once.
func Visit(ctx context.Context, o ClientOptions, joined func()) (ClientReport, error) {
	if o.Realm == "" {
		o.Realm = DefaultRealm
	}
	v := &visitor{ClientOptions: o}
	c, err := client.ConnectNet(ctx, o.URL, client.Config{
		Realm: o.Realm, Serialization: o.Serialization, TlsCfg: o.TLS,
		Logger: log.New(io.Discard, "", 0), // what matters comes as errors
	})
	if err != nil {
		return v.report, fmt.Errorf("could not join realm %q: %w", o.Realm, err)
	}
	defer c.Close()
	v.client = c
	joined()
	err = v.stay(ctx)
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.report, err
}

func (v *visitor) stay(ctx context.Context) error {
	if v.Topic != "" {
		if err := v.client.Subscribe(v.Topic, v.event, nil); err != nil {
			return fmt.Errorf("could not subscribe to %q: %w", v.Topic, err)
		}
	}
	if v.Register != "" {
		if err := v.client.Register(v.Register, v.invoked, nil); err != nil {
			return fmt.Errorf("could not register %q: %w", v.Register, err)
		}
	}
	var due <-chan time.Time
	if v.Interval > 0 {
		ticker := time.NewTicker(v.Interval)
		defer ticker.Stop()
		due = ticker.C
	}
	for n := 1; ; n++ {
		select {
		case <-ctx.Done():
			return nil
		case <-v.client.Done():
			return errEnded
		case <-due:
			if err := v.speak(ctx, n); err != nil {
				if ctx.Err() != nil {
					return nil
				}
				return err
			}
		}
	}
}

// speak publishes once and calls once.
func (v *visitor) speak(ctx context.Context, n int) error {
	args := wamp.List{fmt.Sprintf("message %d of k6-realtime", n)}
	if v.Topic != "" {
		options := wamp.Dict{wamp.OptAcknowledge: true, wamp.OptExcludeMe: false}
		if err := v.client.Publish(v.Topic, options, args, nil); err != nil {
			return fmt.Errorf("could not publish to %q: %w", v.Topic, err)
		}
		v.count(&v.report.Published)
	}
	if v.Call == "" {
		return nil
	}
	v.count(&v.report.Called)
	result, err := v.client.Call(ctx, v.Call, nil, args, nil, nil)
	if err != nil {
		return fmt.Errorf("the call of %q: %w", v.Call, err)
	}
	v.count(&v.report.Results)
	v.show("result", v.Call, result.Arguments, result.ArgumentsKw)
	return nil
}

func (v *visitor) event(e *wamp.Event) {
	v.count(&v.report.Events)
	v.show("event", v.Topic, e.Arguments, e.ArgumentsKw)
}

func (v *visitor) invoked(_ context.Context, i *wamp.Invocation) client.InvokeResult {
	v.count(&v.report.Invoked)
	v.show("call", v.Register, i.Arguments, i.ArgumentsKw)
	return client.InvokeResult{Args: i.Arguments, Kwargs: i.ArgumentsKw}
}

func (v *visitor) count(what *int) {
	v.mu.Lock()
	*what++
	v.mu.Unlock()
}

// shownBytes is how much of a message is shown.
const shownBytes = 4 << 10

// show prints a line that does nothing to a terminal: quoted JSON escapes unprintable characters.
func (v *visitor) show(what, name string, args wamp.List, kwargs wamp.Dict) {
	shown, err := json.Marshal([]any{args, kwargs})
	if err != nil {
		shown = fmt.Append(nil, args, kwargs)
	}
	rest := ""
	if more := len(shown) - shownBytes; more > 0 {
		shown, rest = shown[:shownBytes], fmt.Sprintf("… and %d bytes more", more)
	}
	v.line.Lock()
	defer v.line.Unlock()
	fmt.Fprintln(v.Out, what, name, strconv.QuoteToGraphic(string(shown))+rest)
}
