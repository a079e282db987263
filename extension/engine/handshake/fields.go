package handshake

import (
	"fmt"
	"strings"

	"golang.org/x/net/http2/hpack"
)

// AppendFields appends the header fields that ask for a WebSocket over HTTP/2
// (RFC 8441 section 4). It fails as Append does.
func (r *Request) AppendFields(dst []hpack.HeaderField, secure bool) ([]hpack.HeaderField, error) {
	if err := r.check(); err != nil {
		return dst, err
	}
	dst = append(dst,
		hpack.HeaderField{Name: ":method", Value: "CONNECT"},
		hpack.HeaderField{Name: ":protocol", Value: "websocket"})
	dst = append(r.appendTarget(dst, secure), hpack.HeaderField{Name: "sec-websocket-version", Value: "13"})
	if len(r.Protocols) > 0 {
		dst = append(dst, hpack.HeaderField{Name: "sec-websocket-protocol", Value: strings.Join(r.Protocols, ", ")})
	}
	if r.Extensions != "" {
		dst = append(dst, hpack.HeaderField{Name: "sec-websocket-extensions", Value: r.Extensions})
	}
	return r.appendOwnFields(dst)
}

// appendTarget appends the target of the request.
func (r *Request) appendTarget(dst []hpack.HeaderField, secure bool) []hpack.HeaderField {
	scheme, path := "http", r.Path
	if secure {
		scheme = "https"
	}
	if path == "" {
		path = "/"
	}
	return append(dst,
		hpack.HeaderField{Name: ":scheme", Value: scheme},
		// A query may be a secret, and is seldom the same twice.
		hpack.HeaderField{Name: ":path", Value: path, Sensitive: strings.Contains(path, "?")},
		hpack.HeaderField{Name: ":authority", Value: r.Host},
	)
}

// appendOwnFields appends the request's own fields.
func (r *Request) appendOwnFields(dst []hpack.HeaderField) ([]hpack.HeaderField, error) {
	for _, f := range r.Fields {
		name := strings.ToLower(f.Name)
		if isOfConnection(name) {
			return dst, fmt.Errorf("header %q cannot stand in HTTP/2 (RFC 9113 section 8.2.2)", f.Name)
		}
		dst = append(dst, hpack.HeaderField{Name: name, Value: f.Value, Sensitive: isSecret(name)})
	}
	return dst, nil
}

// check tells what in the request cannot stand in one.
func (r *Request) check() error {
	var head [512]byte
	_, err := r.Append(head[:0], Key{})
	return err
}

// isOfConnection tells a field that is of one connection of HTTP/1.1, beside the ones that the
// handshake sets.
func isOfConnection(name string) bool {
	switch name {
	case "proxy-connection", "keep-alive", "transfer-encoding", "te", "http2-settings":
		return true
	}
	return false
}

// isSecret tells a field that no table of header compression is to hold (RFC 7541
// section 7.1.3).
func isSecret(name string) bool {
	return name == "authorization" || name == "cookie" || name == "proxy-authorization"
}

// ReadFields reads the header fields of an answer over HTTP/2 (RFC 8441 section
// 5). One with the status of an interim answer is followed by another.
func ReadFields(fields []hpack.HeaderField, offered []string) (r Response, err error) {
	for _, f := range fields {
		switch f.Name {
		case ":status":
			if r.Status, err = parseStatus([]byte(f.Value)); err != nil {
				return r, err
			}
		case "location":
			r.Location = []byte(f.Value)
		case "sec-websocket-extensions":
			r.Extensions = joined(r.Extensions, []byte(f.Value))
		case "sec-websocket-protocol":
			if r.Protocol != nil || !contains(offered, []byte(f.Value)) {
				err = ErrSubprotocol
			}
			r.Protocol = []byte(f.Value)
		}
	}
	switch {
	case r.Status == 0:
		return r, ErrNoStatus
	case r.IsInterim():
		return r, nil
	case r.Status < 200 || r.Status > 299:
		return r, ErrStatus
	}
	return r, err
}

// IsInterim tells an answer that another one follows.
func (r *Response) IsInterim() bool { return r.Status >= 100 && r.Status < 200 }

// ErrNoStatus: an answer over HTTP/2 has no status.
var ErrNoStatus = &Error{"bad_upgrade", "the answer has no :status"}

// ReadRequestFields reads the header fields of a client's request over HTTP/2.
// extensions is as in a Response.
func ReadRequestFields(fields []hpack.HeaderField) (extensions []byte, err error) {
	var method, protocol, scheme, path, authority, version string
	for _, f := range fields {
		switch f.Name {
		case ":method":
			method = f.Value
		case ":protocol":
			protocol = f.Value
		case ":scheme":
			scheme = f.Value
		case ":path":
			path = f.Value
		case ":authority":
			authority = f.Value
		case "sec-websocket-version":
			version = f.Value
		case "sec-websocket-extensions":
			extensions = joined(extensions, []byte(f.Value))
		}
	}
	switch {
	case method != "CONNECT" || protocol != "websocket":
		return nil, ErrUpgrade
	case scheme == "" || path == "" || authority == "":
		return nil, ErrMalformed
	case version != "13":
		return nil, ErrVersion
	}
	return extensions, nil
}

// AnswerFields appends the answer to a request over HTTP/2. extensions is what it
// says of them, "" for nothing.
func AnswerFields(dst []hpack.HeaderField, extensions string) []hpack.HeaderField {
	dst = append(dst, hpack.HeaderField{Name: ":status", Value: "200"})
	if extensions != "" {
		dst = append(dst, hpack.HeaderField{Name: "sec-websocket-extensions", Value: extensions})
	}
	return dst
}
