package binding

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/grafana/sobek"
	"go.k6.io/k6/v2/js/common"
	"go.k6.io/k6/v2/lib"

	"xk6-realtime/engine"
	"xk6-realtime/engine/deflate"
	"xk6-realtime/engine/handshake"
)

// socketOptions is what a script gave to WebSocket, checked.
type socketOptions struct {
	url      string
	endpoint engine.Endpoint
	isStream bool // of events, by an http or https URL
	request  handshake.Request
	hasAgent bool // the script has a word on User-Agent
	source   netip.Addr
	deflate  *deflate.Options // nil for no compression
	bounds   bounds
	// streamsPerConnection is of HTTP/2, 0 for HTTP/1.1.
	streamsPerConnection int
	tags                 map[string]string
}

// maxReceiveBuffer is the largest value that Linux takes (net/core/sock.c).
const maxReceiveBuffer = 1 << 30

// readSocketOptions checks the constructor's arguments. Like those of
// readOptions, its errors repeat nothing that may be a secret: of the URL
// neither path nor query.
func readSocketOptions(state *lib.State, arguments []sobek.Value) (*socketOptions, error) {
	argument := func(i int) any {
		if i >= len(arguments) || common.IsNullish(arguments[i]) {
			return nil
		}
		return arguments[i].Export()
	}
	o := &socketOptions{tags: map[string]string{}}
	var isText bool
	if o.url, isText = argument(0).(string); !isText {
		return nil, fmt.Errorf("WebSocket.url: expected a text, got %s", kindOf(argument(0)))
	}
	if err := o.readURL(); err != nil {
		return nil, err
	}
	if protocol, one := argument(1).(string); one {
		o.request.Protocols = []string{protocol}
	} else {
		list := &reader{of: "WebSocket", fields: map[string]any{"protocols": argument(1)}}
		o.request.Protocols = list.texts("protocols")
		if err := list.done(); err != nil {
			return nil, err
		}
	}
	params, isObject := argument(2).(map[string]any)
	if argument(2) != nil && !isObject {
		return nil, wrong("WebSocket.params", "an object", argument(2))
	}
	r := &reader{of: "WebSocket", fields: params}
	o.readParams(r)
	if err := r.done(); err != nil {
		return nil, err
	}
	if agent := state.Options.UserAgent.String; agent != "" && !o.hasAgent {
		o.request.Fields = append(o.request.Fields, handshake.Field{Name: userAgent, Value: agent})
	}
	o.request.Host = o.endpoint.Authority
	if err := try(&o.request, o.isStream, o.streamsPerConnection > 0); err != nil {
		return nil, fmt.Errorf("WebSocket: %w", err)
	}
	if pool := state.Options.LocalIPs; pool.Valid {
		// setup() and teardown() have the number 0.
		if addr, ok := netip.AddrFromSlice(pool.Pool.GetIP(max(state.VUID, 1) - 1)); ok {
			o.source = addr.Unmap()
		}
	}
	return o, nil
}

func (o *socketOptions) readURL() error {
	s, err := parseServer(o.url)
	if err != nil {
		return fmt.Errorf("WebSocket.url: %w", err)
	}
	if strings.ContainsFunc(s.path, func(c rune) bool { return c <= ' ' || c >= 0x7F }) {
		return fmt.Errorf("WebSocket.url: %s: want path and query percent-encoded", s.origin)
	}
	o.endpoint, o.isStream, o.request.Path = s.endpoint, s.isStream, s.path
	if _, err := proxyFor(s.endpoint); err != nil {
		return fmt.Errorf("WebSocket.url: %w", err)
	}
	return nil
}

func (o *socketOptions) readParams(r *reader) {
	headers := r.object("headers")
	for _, name := range headers.names() {
		o.hasAgent = o.hasAgent || isUserAgent(name)
		o.request.Fields = appendField(o.request.Fields, name, headers.text(name))
	}
	headers.fail(refuseTwice(headers))
	headers.finish()
	tags := r.object("tags")
	for _, name := range tags.names() {
		o.tags[name] = tags.text(name)
	}
	tags.finish()
	o.bounds.receiveBuffer = r.whole("receiveBufferBytes", 0, 0, maxReceiveBuffer)
	o.bounds.limits = readLimits(r)
	o.deflate = readCompression(r)
	o.streamsPerConnection = readHTTPVersion(r)
	o.bounds.timeouts = readTimeouts(r.object("timeouts"))
}
