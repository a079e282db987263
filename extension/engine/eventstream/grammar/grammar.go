// Package grammar is a table of event streams and their events, by the grammar of the WHATWG. The
// engine's reader and the readers of others are held to it.
package grammar

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"sync"
)

//go:embed grammar.json
var table []byte

// Row is a stream, and what it says.
type Row struct {
	Name, Source string
	Stream       string
	StreamBase64 []byte
	Events       []Event
	LastEventID  string `json:"lastEventId"` // at its end
	RetryMs      *int64
	Comments     int64
}

// Event is an event that a stream dispatches.
type Event struct {
	Event, Data string
	LastEventID string  `json:"lastEventId"`
	ID          *string // of the event's own block
}

// Bytes is the stream.
func (r *Row) Bytes() []byte {
	if r.StreamBase64 != nil {
		return r.StreamBase64
	}
	return []byte(r.Stream)
}

// Rows are all.
var Rows = sync.OnceValue(func() (all []Row) {
	decoder := json.NewDecoder(bytes.NewReader(table))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&all); err != nil {
		panic(err) // it is part of the program
	}
	return all
})
