// Package frame reads and writes WebSocket frames (RFC 6455 section 5). It is
// pure: bytes in, messages out, and the other way round.
//
// A Parser belongs to one event loop and serves all its connections. Between two reads a
// connection keeps only a State. A State at rest, with no message half received, owns no memory
// beyond one pointer.
package frame

// Opcode says what a frame carries.
type Opcode uint8

// The opcodes of RFC 6455 section 11.8.
const (
	Continuation Opcode = 0x0
	Text         Opcode = 0x1
	Binary       Opcode = 0x2
	Close        Opcode = 0x8
	Ping         Opcode = 0x9
	Pong         Opcode = 0xA
)

// Deflated, added to Text or Binary, marks a compressed message (RFC 7692 section
// 6): reserved bit 1 of its first frame. Its payload is not looked at.
const Deflated Opcode = 0x40

// MaxControlBytes is the longest payload of a control frame (section 5.5).
const MaxControlBytes = 125

// maxHeaderBytes is 2 bytes, an 8-byte length and a 4-byte mask.
const maxHeaderBytes = 14

func (op Opcode) isControl() bool { return op&0x8 != 0 }

func (op Opcode) known() bool {
	return op <= Binary || op >= Close && op <= Pong
}

// Error is a peer's breach of the protocol, or of a Parser's limits. The values
// below are all there are, so they compare with == and cost no allocation.
type Error struct {
	// Reason is a short name for counting, such as "masked_frame".
	Reason string
	// CloseCode is what the Close frame that answers it carries.
	CloseCode uint16
}

func (e *Error) Error() string { return "frame: " + e.Reason }

// IsLimit tells whether it is a limit of this side's that the peer passed,
// whose message was as the protocol has it.
func (e *Error) IsLimit() bool { return e.CloseCode == CodeMessageTooBig }

// Every breach that a Parser reports.
var (
	ErrReservedBits      = &Error{"reserved_bits", CodeProtocolError}
	ErrOpcode            = &Error{"unknown_opcode", CodeProtocolError}
	ErrMasked            = &Error{"masked_frame", CodeProtocolError}
	ErrUnmasked          = &Error{"unmasked_frame", CodeProtocolError}
	ErrLength            = &Error{"bad_length", CodeProtocolError}
	ErrFragmentedControl = &Error{"fragmented_control", CodeProtocolError}
	ErrLongControl       = &Error{"long_control", CodeProtocolError}
	ErrContinuation      = &Error{"bad_continuation", CodeProtocolError}
	ErrClosePayload      = &Error{"bad_close", CodeProtocolError}
	ErrCloseCode         = &Error{"bad_close_code", CodeProtocolError}
	ErrUTF8              = &Error{"bad_utf8", CodeInvalidPayload}
	ErrDeflate           = &Error{"bad_deflate", CodeInvalidPayload} // no DEFLATE data (RFC 7692)
	ErrMessageTooBig     = &Error{"message_too_big", CodeMessageTooBig}
	ErrBufferLimit       = &Error{"buffer_limit", CodeMessageTooBig}
)

// Errors is all of them.
var Errors = [...]*Error{
	ErrReservedBits, ErrOpcode, ErrMasked, ErrUnmasked, ErrLength, ErrFragmentedControl, ErrLongControl,
	ErrContinuation, ErrClosePayload, ErrCloseCode, ErrUTF8, ErrDeflate, ErrMessageTooBig, ErrBufferLimit,
}

// Close codes (section 7.4.1) that the engine itself sends or reports.
const (
	CodeNormal         = 1000
	CodeGoingAway      = 1001
	CodeProtocolError  = 1002
	CodeNone           = 1005 // a Close frame without a code; never on the wire
	CodeAbnormal       = 1006 // no Close frame; never on the wire
	CodeInvalidPayload = 1007
	CodeMessageTooBig  = 1009
)

// ValidCode tells whether a Close frame may carry code: 1000 to 1014 without
// the reserved ones, and 3000 to 4999.
func ValidCode(code uint16) bool {
	switch {
	case code >= 3000 && code <= 4999:
		return true
	case code < 1000 || code > 1014:
		return false
	}
	return code != 1004 && code != CodeNone && code != CodeAbnormal
}
