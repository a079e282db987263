package protocol

import (
	"errors"

	"xk6-realtime/engine/clock"
)

// HTTPSpec says that a message is the body of an HTTP request beside the
// connection, which may then be an event stream.
type HTTPSpec struct {
	Method string `json:"method"` // default POST
	// Path is a template, of a path and query on the host of the connection's URL;
	// empty for those of that URL.
	Path string `json:"path"`
	// Headers come beside those of the connection.
	Headers map[string]string `json:"headers"`
}

// Post sends a message of connection i beside it, in the order of that
// connection's messages. It does not wait, and calls done on a goroutine of its
// own: with when this side was done with the message, and with its fault. An
// error that wraps ErrRefused says that the server did not take it, and ErrProxy
// that the proxy did not, or the server behind it.
type Post func(i int, message []byte, done func(posted clock.Time, err error))

// ErrRefused: the server answered a message that went by HTTP, and did not take
// it.
var ErrRefused = errors.New("the server did not take a message sent by HTTP")

// ErrProxy: a message that went by HTTP and a proxy was not taken, and it is
// unknown by which of proxy and server.
var ErrProxy = errors.New("the proxy, or the server behind it, did not take a message sent by HTTP")
