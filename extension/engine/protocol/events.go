package protocol

import (
	"time"

	"xk6-realtime/engine/clock"
)

// Purpose is why a message is sent.
type Purpose uint8

// The purposes.
const (
	ForSession Purpose = iota
	ForHeartbeat
	ForRefresh
	ForResume
	ForProbe
	ForPublish
)

func (p Purpose) String() string {
	return [...]string{"session", "heartbeat", "refresh", "resume", "probe", "publish"}[p]
}

// Outcome is what became of one reply of a probe.
type Outcome uint8

// The outcomes.
const (
	InTime    Outcome = iota
	Duplicate         // its probe has had it already
	Late              // after its time-out
	TimedOut          // it had not come by the reply time-out
	Lost              // it was still in time to come when the connection ended
	moot              // an error took its place before it came: nobody is told
)

func (o Outcome) String() string {
	return [...]string{"reply", "duplicate", "late", "timeout", "lost", "moot"}[o]
}

// Reply is what became of one reply of a probe.
type Reply struct {
	Outcome
	Index int // among Protocol.Replies
	ID    []byte
	Due   clock.Time
	Sent  clock.Time // 0 where that was not said
	At    clock.Time // of its coming, at the latest
	Last  bool       // every reply of the probe has come
}

// Delivery is a published message. A field that it does not have is nil.
type Delivery struct {
	ID, Publisher, Room []byte
	Seq                 Sequence
	SentAtMs            float64 // Unix time in milliseconds, fractional
	HasSentAt           bool
	SentAtUnit          time.Duration // what SentAtMs was counted in
	Since, At           clock.Time    // between which it came
}

// Fault is how a message breaks the protocol, or why a session cannot be had.
type Fault uint8

// The faults.
const (
	Unparsable   Fault = iota // not the format that the protocol speaks
	Contract                  // parsable, but without what it must have
	Unmatched                 // matches no rule, and the descriptor allows none such
	TooMany                   // a longer list than is read here: no breach, and not the peer's doing
	PiecesLimit               // a longer message in pieces than is kept here: not the peer's doing
	TimeoutFault              // a step's message did not come in time
	ErrorFault                // an error came instead
)

// MessageFaults is how many of the faults a message can have.
const MessageFaults = PiecesLimit + 1

func (f Fault) String() string {
	return [...]string{"unparsable", "contract", "unmatched", "too_many_elements", "pieces_limit", "timeout", "error"}[f]
}

// Events hears what happens in a Conversation. Arguments are good during the call. An Events may
// end the connection, but not use the Conversation, within a call.
type Events interface {
	// Send: the message is to be written, now.
	Send(message []byte, binary bool, why Purpose)
	// Ready: the session's steps are done; probes and publications may begin.
	Ready()
	// SessionFailed: the session cannot be had. step is the descriptor's
	// field, detail says more and holds no secret.
	SessionFailed(step string, why Fault, detail []byte)
	// Replied: something became of a reply.
	Replied(r *Reply)
	// Delivered: a published message came.
	Delivered(d *Delivery)
	// Failed: an error message came. probe is the one that it settles, nil for
	// none, and missing are the replies, as bits, that it stands for.
	Failed(reason []byte, probe *Probe, missing uint16)
	// Invalid: a message breaks the protocol. detail does not quote it.
	Invalid(why Fault, detail string)
	// Ignored: a message that matches no rule of the descriptor.
	Ignored()
	// Captured: a variable was taken from a message of the session.
	Captured(name, value string)
}
