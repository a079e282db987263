package conform

import (
	"fmt"
	"sync"
	"time"
)

// Entry is a line of a case's wire log.
type Entry struct {
	// AtMs is the time since the case began, in milliseconds.
	AtMs float64 `json:"atMs"`
	// From is "us", "testee", or empty for a remark.
	From string `json:"from,omitempty"`
	// What is the frame in words.
	What string `json:"what"`
	// Hex are the octets as they were on the wire, cut to the first ones.
	Hex string `json:"hex,omitempty"`
	// Bytes is how many octets there were.
	Bytes int `json:"bytes,omitempty"`
}

const (
	maxEntries  = 300
	loggedBytes = 160
	quietFrames = 6
)

// wireLog keeps what moved, up to a bound.
type wireLog struct {
	start time.Time

	mu      sync.Mutex
	entries []Entry
	muted   bool
	room    int // entries that still go in while muted
	left    int // out
}

func newWireLog() *wireLog { return &wireLog{start: time.Now()} }

func (l *wireLog) add(e Entry) {
	e.AtMs = float64(time.Since(l.start).Microseconds()) / 1000
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.muted && e.From != "" {
		if l.room == 0 {
			l.left++
			return
		}
		l.room--
	}
	if len(l.entries) >= maxEntries && e.From != "" {
		l.left++
		return
	}
	l.entries = append(l.entries, e)
}

// quiet keeps only the first frames until it is called with false.
func (l *wireLog) quiet(on bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.muted, l.room = on, quietFrames
}

func (l *wireLog) all() []Entry {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.left > 0 {
		return append(l.entries[:len(l.entries):len(l.entries)], Entry{What: fmt.Sprintf("%d more frames are not in this log", l.left)})
	}
	return l.entries
}

func (l *wireLog) sent(f Frame, b []byte) {
	l.add(Entry{From: "us", What: describe(f.Fin, f.RSV, f.Op, f.Payload), Hex: hexOf(b), Bytes: len(b)})
}

func (l *wireLog) received(f *received) {
	shown := append(append([]byte(nil), f.head...), f.payload[:min(len(f.payload), loggedBytes)]...)
	if n := len(f.head); n > 4 && f.head[1]&0x80 != 0 {
		mask(shown[n:], [4]byte(f.head[n-4:]))
	}
	l.add(Entry{From: "testee", What: describe(f.fin, f.rsv, f.op, f.payload), Hex: hexOf(shown), Bytes: len(f.head) + len(f.payload)})
}

func (l *wireLog) note(s string) { l.add(Entry{What: s}) }

func hexOf(b []byte) string { return fmt.Sprintf("%x", b[:min(len(b), loggedBytes)]) }

func describe(fin bool, rsv byte, op Op, payload []byte) string {
	s := op.String()
	if !fin {
		s += ", not final"
	}
	if rsv != 0 {
		s += fmt.Sprintf(", RSV %03b", rsv)
	}
	if op == OpClose && len(payload) >= 2 {
		return fmt.Sprintf("%s %d %s", s, int(payload[0])<<8|int(payload[1]), show(payload[2:]))
	}
	return fmt.Sprintf("%s %s", s, show(payload))
}
