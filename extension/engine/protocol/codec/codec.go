// Package codec turns the messages of protocols that are not text into JSON
// text and back, and finds messages in a stream of bytes.
//
// What each format looks like as JSON is defined by lib/protocols/codecs, which
// uses the formats' libraries; both pass lib/protocols/codecs/fixtures.json.
// Here every message of a swarm is turned, so it is done from bytes to text
// without building anything between, and without allocation: none of the
// libraries can.
package codec

import (
	"encoding/json"
	"fmt"
)

// Codec turns messages of one format into JSON text and back. It keeps no
// state, so that all connections share it.
type Codec interface {
	// Title is the format's name in complaints.
	Title() string
	// AppendJSON appends the JSON text of a message, which holds no more than
	// one value. It returns false where the message is not of the format; dst
	// then holds some of it.
	AppendJSON(dst, message []byte) ([]byte, bool)
	// AppendMessage appends the message that JSON text stands for. An error
	// names the field that cannot be written; dst then holds some of it.
	AppendMessage(dst, text []byte) ([]byte, error)
}

// Spec is a descriptor's codec: its name, or an object.
type Spec struct {
	Name string `json:"name"`
	// Bytes says how byte strings are written in JSON: "base64" (the default)
	// or "json", which makes an object or a list of one that holds such JSON.
	Bytes string `json:"bytes"`
	// Version is MQTT's: "3.1.1" (the default) or "5".
	Version string `json:"version"`
	// Schema is the file that Types are from.
	Schema string `json:"schema"`
	// Send and Receive are the names of the messages of Protocol Buffers that
	// a client sends and receives.
	Send    string `json:"send"`
	Receive string `json:"receive"`
	// Types are the messages and enumerations of a schema of Protocol Buffers,
	// by full name.
	Types map[string]*Type `json:"types"`
}

// UnmarshalJSON reads a name or an object.
func (s *Spec) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] == '"' {
		return json.Unmarshal(b, &s.Name)
	}
	type fields Spec
	return json.Unmarshal(b, (*fields)(s))
}

// New makes the codec of a descriptor, nil for "json" and where there is none:
// messages are text then.
func New(s *Spec) (Codec, error) {
	if s == nil {
		return nil, nil
	}
	var bytes byteStrings
	switch s.Bytes {
	case "", "base64":
	case "json":
		bytes = asJSON
	default:
		return nil, fmt.Errorf(`bytes: want "base64" or "json", got %q`, s.Bytes)
	}
	switch s.Name {
	case "json":
		return nil, nil
	case "msgpack":
		return &msgpack{bytes}, nil
	case "cbor":
		return &cbor{bytes}, nil
	case "protobuf":
		return newProtobuf(s, bytes)
	case "mqtt":
		return newMQTT(s.Version, bytes)
	}
	return nil, fmt.Errorf("want a codec, got %q", s.Name)
}

// maxDepth bounds the nesting of a message.
const maxDepth = 200

var errDepth = fmt.Errorf("want at most %d levels", maxDepth)
