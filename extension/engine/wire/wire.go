// Package wire is the seam between the engine and the protocols above it. The
// engine moves bytes: sockets, TLS, timers, arrivals. A protocol, such as
// WebSocket, makes messages of bytes and bytes of messages, on a [Link] that
// the engine gives it.
package wire

import (
	"time"

	"xk6-realtime/engine/clock"
)

// Kind is the kind of a message. Every wire has Text.
type Kind uint8

// The kinds. Only WebSocket has others than Text.
const (
	None   Kind = 0 // no message
	Text   Kind = 1
	Binary Kind = 2
	Ping   Kind = 9
	Pong   Kind = 10
)

// IsData tells a message from a Ping or Pong.
func (k Kind) IsData() bool { return k == Text || k == Binary }

// Arrival is when bytes that were read at once reached the kernel: none before
// Since, the last of them at At, or by then where that is not known exactly.
// They were read at Read.
type Arrival struct{ Since, At, Read clock.Time }

// Message is one message as it came in.
type Message struct {
	Kind Kind
	// Data is good during the call that hands it out.
	Data []byte
	// Since and At are the bounds within which the message became complete in the kernel. They
	// are the same if its arrival is known, as the kernel's own timestamp. The kernel stamps only
	// the last packet of one read. A message that others followed in the same read arrived by At,
	// and not before Since. At Since, the engine had found nothing left to read, or was woken by
	// the first arrival.
	//
	// Latencies that count to At are never too low. A timeout that is judged by Since never
	// blames the peer for bytes that this side read late.
	//
	// The Goroutines transport knows no arrivals. There, Since and At are when
	// the system call that read the message had returned.
	Since, At clock.Time
	// Read is when the loop took the message to hand it out.
	Read clock.Time
}

// By says who ended an open connection.
type By uint8

// Who can end a connection.
const (
	ByClient    By = iota // this side, as it was told to
	ByServer              // the peer, in the protocol's way or by breaking the protocol
	ByNetwork             // the TCP connection ended without the protocol's end
	ByTimeout             // the peer did not answer in time
	ByGenerator           // a limit of this side's own, or of its machine
)

var byNames = [...]string{"client", "server", "network", "timeout", "generator"}

func (b By) String() string { return byNames[b] }

// End is how an open connection ended.
type End struct {
	At clock.Time
	// Code is WebSocket's: the peer's close code, 1005 for a Close frame without
	// one, 1006 for no Close frame; after a Breach it is what we answered. An event
	// stream that came to its end has 0, and else what WebSocket would have.
	Code uint16
	By   By
	// Planned says that this side asked for it. An end that is not planned is
	// a drop.
	Planned bool
	// Breach names the rule that the peer broke, if that ended it, such as
	// "masked_frame".
	Breach string
	// Text is what the peer said about its end.
	Text string
}

// Link is what a wire stands on: a connection that carries bytes both ways. A
// wire uses it on the loop's goroutine only, within the engine's calls.
type Link interface {
	// Send hands bytes to the peer, at once or as soon as it reads. An error says
	// that too much waits for the peer already, or that the connection is broken,
	// of which the wire hears.
	Send(b []byte) error
	// SendLast is Send without the limit on what waits, for last words.
	SendLast(b []byte) error
	// Within bounds the present phase by its length from now on. When it is over,
	// and all that arrived in time was handed out, the wire hears that it is late.
	Within(d time.Duration)
	// Overdue tells whether what arrived at an instant came after the bound.
	Overdue(arrived clock.Time) bool
	// Finish ends the connection, with a FIN or a RST, and tells its handler.
	Finish(reset bool)
	// CloseWrite sends a FIN behind all written bytes, and reports the end to the handler. Later bytes
	// are read and thrown away, until the peer's FIN or for as long as a close may take. A socket
	// that is closed with unread bytes sends a RST, and the peer might never see our last bytes.
	// A client's stream of HTTP/2 leaves its end to the server for a moment, and then is reset.
	CloseWrite()
	// IsStream tells a stream of HTTP/2 from a TCP connection.
	IsStream() bool
	// Alive is false once the connection has ended.
	Alive() bool
}
