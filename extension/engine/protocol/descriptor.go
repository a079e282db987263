// Package protocol interprets protocol descriptors: declarative descriptions
// of how messages look in one real-time backend. It is pure: instants and
// messages in, messages and events out.
//
// A Protocol is a descriptor compiled, one for all. An Interpreter belongs to
// one loop. A Conversation is one connection's state machine.
//
// The descriptors' meaning is defined by the TypeScript interpreter in
// lib/protocols; both run the table of lib/protocols/fixtures.json. A
// descriptor is checked there, with an error for each field; here only what
// cannot be interpreted is refused.
package protocol

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"

	"xk6-realtime/engine/protocol/codec"
)

// Descriptor is a descriptor as JSON has it.
type Descriptor struct {
	Schema       string       `json:"$schema"`
	Name         string       `json:"name"`
	Subprotocols []string     `json:"subprotocols"`
	Path         string       `json:"path"`
	Delimiter    string       `json:"delimiter"`
	Codec        *codec.Spec  `json:"codec"`
	Framing      string       `json:"framing"`
	Nested       []string     `json:"nested"`
	Session      []StepSpec   `json:"session"`
	Probe        *ProbeSpec   `json:"probe"`
	Reply        []ReplySpec  `json:"reply"`
	Publish      *PublishSpec `json:"publish"`
	// Publisher is refused: lib/protocols/publisher.ts splits such a descriptor in two.
	Publisher json.RawMessage         `json:"publisher"`
	Delivery  OneOrMore[DeliverySpec] `json:"delivery"`
	Error     OneOrMore[ErrorSpec]    `json:"error"`
	Heartbeat []HeartbeatSpec         `json:"heartbeat"`
	Refresh   *StepSpec               `json:"refresh"`
	Resume    *StepSpec               `json:"resume"`
	Unmatched string                  `json:"unmatched"`
}

// ConditionSpec is what a message must look like; of several all must hold.
type ConditionSpec struct {
	Text  *string        `json:"text"`
	Regex *string        `json:"regex"`
	Where map[string]any `json:"where"`
}

// MessageSpec is a message to send.
type MessageSpec struct {
	Send     string `json:"send"`
	Encoding string `json:"encoding"`
}

// StepSpec is a step of the session, or the refreshing or resuming of it.
type StepSpec struct {
	Send     *string           `json:"send"`
	Encoding string            `json:"encoding"`
	Await    *ConditionSpec    `json:"await"`
	Within   string            `json:"within"`
	Capture  map[string]string `json:"capture"`
	Before   string            `json:"before"`
	Replaces *int              `json:"replaces"` // of resume: the step of the session in whose place it comes
	// How its messages are written, where that is not as in the others.
	Codec     *codec.Spec `json:"codec"`
	Framing   string      `json:"framing"`
	Delimiter string      `json:"delimiter"`
}

// PublishSpec is the message that is delivered to subscribers.
type PublishSpec struct {
	MessageSpec
	HTTP *HTTPSpec `json:"http"`
}

// ProbeSpec is the message whose replies are timed.
type ProbeSpec struct {
	MessageSpec
	HTTP *HTTPSpec `json:"http"`
	ID   string    `json:"id"`
}

// ReplySpec is a reply that each probe expects.
type ReplySpec struct {
	ConditionSpec
	Name  string  `json:"name"`
	Match string  `json:"match"`
	ID    *string `json:"id"`
}

// DeliverySpec is a published message as a subscriber receives it.
type DeliverySpec struct {
	ConditionSpec
	Each      *string `json:"each"` // the list whose elements are deliveries
	ID        *string `json:"id"`
	Seq       *string `json:"seq"`
	Cursor    *string `json:"cursor"`
	Publisher *string `json:"publisher"`
	Room      *string `json:"room"`
	SentAt    *struct {
		At    string `json:"at"`
		Unit  string `json:"unit"`
		Since string `json:"since"`
	} `json:"sentAt"`
}

// ErrorSpec is an error that the server reports.
type ErrorSpec struct {
	ConditionSpec
	Reason  *string `json:"reason"`
	Settles string  `json:"settles"`
	ID      *string `json:"id"`
}

// OneOrMore are messages of several forms; JSON may have one without a list.
type OneOrMore[T any] []T

// UnmarshalJSON reads an object, or a list of them.
func (s *OneOrMore[T]) UnmarshalJSON(b []byte) error {
	if b[0] != '[' {
		*s = make(OneOrMore[T], 1)
		return decode(b, &(*s)[0])
	}
	return decode(b, (*[]T)(s))
}

// HeartbeatSpec is what keeps a connection alive: an answer, or a message sent at
// intervals.
type HeartbeatSpec struct {
	When     *ConditionSpec    `json:"when"`
	Capture  map[string]string `json:"capture"`
	Answer   *string           `json:"answer"`
	Consume  *bool             `json:"consume"` // whether the message is nothing else; nil is true
	Every    string            `json:"every"`
	Send     *string           `json:"send"`
	Encoding string            `json:"encoding"`
}

// Parse reads a descriptor from JSON and compiles it.
func Parse(b []byte) (*Protocol, error) {
	var d Descriptor
	if err := decode(b, &d); err != nil {
		return nil, fmt.Errorf("protocol: %w", err)
	}
	p, err := Compile(&d)
	if err != nil {
		return nil, fmt.Errorf("protocol %q: %w", d.Name, err)
	}
	return p, nil
}

func decode(b []byte, v any) error {
	decoder := json.NewDecoder(bytes.NewReader(b))
	decoder.DisallowUnknownFields()
	return decoder.Decode(v)
}

// parseDuration reads a duration such as "500ms", "5s" or "1m30s".
func parseDuration(field, text string) (time.Duration, error) {
	d, err := time.ParseDuration(text)
	if err != nil || d <= 0 {
		return 0, fmt.Errorf(`%s: want a duration above zero such as "500ms", "5s" or "1m30s", got %q`, field, text)
	}
	return d, nil
}
