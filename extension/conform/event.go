package conform

import (
	"bytes"
	"fmt"
	"strconv"
	"unicode/utf8"
)

// Kind is the kind of an event.
type Kind byte

// The kinds of events. Only those up to Stop, but not Ping and
// Close, are compared with the outcomes of a case; a testee may send pings at
// any time.
const (
	Text Kind = iota + 1
	Binary
	Ping
	Pong
	Close
	Pause // the script waited, and the connection still stood
	Stop  // of a rally, before all its messages came back
	End   // of the testee's bytes
	Fault // a Breach
)

// Event is what happened on a connection.
type Event struct {
	Kind Kind
	Data []byte
	Code int   // of a Close frame, 0 for none
	Err  error // of End and Fault
}

func (e Event) equal(o Event) bool { return e.Kind == o.Kind && bytes.Equal(e.Data, o.Data) }

const shownBytes = 40

func (e Event) String() string {
	switch e.Kind {
	case Text:
		return "text " + show(e.Data)
	case Binary:
		return "binary " + show(e.Data)
	case Ping:
		return "ping " + show(e.Data)
	case Pong:
		return "pong " + show(e.Data)
	case Pause:
		return "pause " + string(e.Data)
	case Stop:
		return string(e.Data)
	case Close:
		if e.Code == 0 {
			return "close without a code"
		}
		return fmt.Sprintf("close %d %s", e.Code, show(e.Data[2:]))
	}
	return fmt.Sprint(e.Err)
}

// show quotes what is text and writes the rest in hexadecimal digits, cut to
// what a line holds.
func show(b []byte) string {
	shown, more := b, ""
	if len(b) > shownBytes {
		shown, more = b[:shownBytes], fmt.Sprintf("… (%d bytes)", len(b))
		for range 3 {
			if utf8.Valid(shown) {
				break
			}
			shown = shown[:len(shown)-1]
		}
	}
	if utf8.Valid(shown) && !bytes.ContainsFunc(shown, func(r rune) bool { return r < ' ' || r == utf8.RuneError }) {
		return strconv.Quote(string(shown)) + more
	}
	if len(b) > shownBytes {
		shown = b[:shownBytes]
	}
	return fmt.Sprintf("%x", shown) + more
}

func showEvents(events []Event) []string {
	all := make([]string, 0, len(events))
	for _, e := range events {
		all = append(all, e.String())
	}
	return all
}
