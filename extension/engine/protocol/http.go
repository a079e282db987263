package protocol

import (
	"errors"
	"time"

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
// connection's messages. It does not wait.
type Post func(i int, message []byte, to Posted)

// Posted hears what becomes of such a message, on goroutines of others.
type Posted struct {
	// Wrote is called right before the request is written, with that instant and
	// this side's part of the time since Post. The wait for the answer to an earlier
	// message and the making of a TCP connection do not count. A request that
	// goes out once more is reported once more. Optional.
	Wrote func(at clock.Time, delay time.Duration)
	// Done is called once, when the request is over, with nil where the server took
	// the message. ErrRefused, ErrProxy and ErrExhausted are causes that have a name.
	Done func(err error)
}

// ErrRefused: the server answered a message that went by HTTP, and did not take
// it.
var ErrRefused = errors.New("the server did not take a message sent by HTTP")

// ErrProxy: a message that went by HTTP and a proxy was not taken, and it is
// unknown by which of proxy and server.
var ErrProxy = errors.New("the proxy, or the server behind it, did not take a message sent by HTTP")

// ErrExhausted: this machine gave no connection for a message that was to go by
// HTTP, as for want of descriptors or ports.
var ErrExhausted = errors.New("this machine gave no connection for a message sent by HTTP")

// unsent are the reasons that a message which was not taken counts as.
var unsent = [...]struct {
	reason string
	cause  error // nil for any other: without an answer, or never sent
}{
	{"error_reply", ErrRefused},
	{"proxy", ErrProxy},
	{"generator", ErrExhausted},
	{"unsent", nil},
}

func unsentFor(why error) (i int) {
	for unsent[i].cause != nil && !errors.Is(why, unsent[i].cause) {
		i++
	}
	return i
}

// Untaken is how many messages that went by HTTP were not taken, by reason.
type Untaken [len(unsent)]int64

// Count counts one of them.
func (u *Untaken) Count(why error) { u[unsentFor(why)]++ }

// Each gives the number of each reason.
func (u *Untaken) Each(take func(reason string, n int64)) {
	for i, n := range u {
		take(unsent[i].reason, n)
	}
}
