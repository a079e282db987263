package eventstream

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"testing"

	"xk6-realtime/engine/eventstream/grammar"
	"xk6-realtime/engine/frame"
)

// reading is what a stream said, however it was cut.
type reading struct {
	Events   []grammar.Event
	LastID   string
	RetryMs  int64
	HasRetry bool
	Comments int64
}

// readPieces reads a stream in pieces, each in memory of its own that is gone
// afterwards.
func readPieces(p *Parser, pieces ...[]byte) (r reading, err error) {
	s := &State{}
	defer func() { p.Release(s) }()
	for _, piece := range pieces {
		b := bytes.Clone(piece)
		for len(b) > 0 {
			e, n, ok, err := p.Next(s, b)
			if err != nil {
				return r, err
			}
			b = b[n:]
			if !ok {
				break
			}
			seen := grammar.Event{Event: string(Decoded(e.Type)), Data: string(Decoded(e.Data)), LastEventID: string(Decoded(s.LastID()))}
			if e.ID != nil {
				id := string(Decoded(e.ID))
				seen.ID = &id
			}
			r.Events = append(r.Events, seen)
		}
		clear(b[:cap(b)])
	}
	r.LastID, r.Comments = string(Decoded(s.LastID())), s.Comments()
	r.RetryMs, r.HasRetry = s.RetryMs()
	return r, nil
}

func readingOf(f *grammar.Row) reading {
	r := reading{Events: f.Events, LastID: f.LastEventID, RetryMs: -1, Comments: f.Comments}
	if len(f.Events) == 0 {
		r.Events = nil
	}
	if f.RetryMs != nil {
		r.RetryMs, r.HasRetry = *f.RetryMs, true
	}
	return r
}

func asJSON(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return string(b)
}

// Each row is read whole, cut at each byte, and byte by byte.
func TestGrammarHoweverItIsCut(t *testing.T) {
	for _, f := range grammar.Rows() {
		t.Run(f.Name, func(t *testing.T) {
			p := NewParser(Limits{Buffer: frame.NewBuffer(1 << 20)})
			want := asJSON(readingOf(&f))
			check := func(how string, pieces ...[]byte) {
				t.Helper()
				got, err := readPieces(p, pieces...)
				if err != nil || asJSON(got) != want {
					t.Fatalf("%s: %v\n got %.300s\nwant %.300s", how, err, asJSON(got), want)
				}
			}
			b := f.Bytes()
			check("whole", b)
			step := max(1, len(b)/100)
			for at := 0; at <= len(b); at += step {
				check(fmt.Sprintf("cut at %d", at), b[:at], b[at:])
			}
			var single [][]byte
			for i := range b {
				single = append(single, b[i:i+1])
			}
			check("byte by byte", single...)
		})
	}
}

func TestLimitsOfEvents(t *testing.T) {
	const limit = 1000
	long := bytes.Repeat([]byte("x"), limit)
	line := func(parts ...string) []byte {
		var b []byte
		for _, part := range parts {
			b = append(b, part...)
		}
		return b
	}
	for _, row := range []struct {
		sentence string
		stream   []byte
		err      error
		events   int
	}{
		{"as much data as the limit", line("data: ", string(long), "\n\n"), nil, 1},
		{"one byte more", line("data: ", string(long), "x\n\n"), ErrEventTooBig, 0},
		{"one byte more, in two lines", line("data: ", string(long[:500]), "\ndata: ", string(long[:500]), "\n\n"), nil, 1},
		{"a line without an end", line("data: ", string(long), string(long)), ErrEventTooBig, 0},
		{"a field nobody knows, without an end", bytes.Repeat(long, 10), ErrEventTooBig, 0},
		{"a comment without an end is not kept", append(line(":"), bytes.Repeat(long, 100)...), nil, 0},
		{"comments without an end", bytes.Repeat([]byte(": keep-alive\n"), 10_000), nil, 0},
		{"empty lines without an end", bytes.Repeat([]byte("\r\n"), 10_000), nil, 0},
		{"data lines without an event", bytes.Repeat([]byte("data\n"), 10_000), ErrEventTooBig, 0},
		{"types without an event", bytes.Repeat([]byte("event: x\n"), 10_000), nil, 0},
	} {
		for _, piece := range []int{1, 7, 1 << 20} {
			buffer := frame.NewBuffer(100 * limit)
			p := NewParser(Limits{EventBytes: limit, Buffer: buffer})
			s, events := &State{}, 0
			var err error
			for rest := row.stream; len(rest) > 0 && err == nil; rest = rest[min(piece, len(rest)):] {
				b := rest[:min(piece, len(rest))]
				for ok := true; ok && err == nil; {
					var n int
					_, n, ok, err = p.Next(s, b)
					if b = b[n:]; ok {
						events++
					}
				}
				if held := buffer.Bytes(); held > 5*limit {
					t.Fatalf("%s, in pieces of %d: %d bytes are held", row.sentence, piece, held)
				}
			}
			if err != row.err || events != row.events {
				t.Errorf("%s, in pieces of %d: %d events and %v, want %d and %v", row.sentence, piece, events, err, row.events, row.err)
			}
		}
	}
}

func TestNoMemoryIsLeftForHalfAnEvent(t *testing.T) {
	buffer := frame.NewBuffer(3000)
	p := NewParser(Limits{EventBytes: 10_000, Buffer: buffer})
	half := append([]byte("data: "), bytes.Repeat([]byte("x"), 1000)...)
	var states []*State
	var err error
	for err == nil && len(states) < 10 {
		s := &State{}
		states = append(states, s)
		_, _, _, err = p.Next(s, half)
	}
	if err != ErrBufferLimit || len(states) != 3 {
		t.Errorf("%v at stream %d, want %v at the third", err, len(states), ErrBufferLimit)
	}
	for _, s := range states {
		p.Release(s)
		p.Release(s)
	}
	if held := buffer.Bytes(); held > 2*keptBytes {
		t.Errorf("%d bytes are held at the end", held)
	}
}

// An event that lies whole in what was read takes no allocation.
func TestEventsAreReadWithoutAllocation(t *testing.T) {
	p, s := NewParser(Limits{}), &State{}
	b := []byte("id: 12\nevent: price\ndata: {\"a\":1}\ndata: {\"b\":2}\n\n")
	var out []byte
	if allocs := testing.AllocsPerRun(100, func() {
		e, n, ok, err := p.Next(s, b)
		out, _ = appendJSON(out[:0], &e)
		if n != len(b) || !ok || err != nil {
			t.Fatal(n, ok, err)
		}
	}); allocs > 0 {
		t.Errorf("%v allocations, want 0", allocs)
	}
	if want := `{"event":"price","id":"12","data":"{\"a\":1}\n{\"b\":2}"}`; string(out) != want {
		t.Errorf("got %s, want %s", out, want)
	}
}

// Any bytes say the same however they are cut, hold no more than the limits and
// give up all at the end.
func FuzzParser(f *testing.F) {
	for _, row := range grammar.Rows() {
		f.Add(row.Bytes(), uint64(len(row.Name)))
	}
	f.Fuzz(func(t *testing.T, stream []byte, seed uint64) {
		const limit = 300
		buffer := frame.NewBuffer(10 * limit)
		p := NewParser(Limits{EventBytes: limit, Buffer: buffer})
		whole, errWhole := readPieces(p, stream)
		random := rand.New(rand.NewPCG(seed, 0))
		var pieces [][]byte
		for rest := stream; len(rest) > 0; {
			n := 1 + random.IntN(min(len(rest), 20))
			pieces = append(pieces, rest[:n])
			rest = rest[n:]
		}
		cut, errCut := readPieces(p, pieces...)
		// A line that nobody knows counts against the limit only where it is kept.
		if errWhole == nil && errCut == nil && asJSON(whole) != asJSON(cut) {
			t.Fatalf("whole %s\n  cut %s", asJSON(whole), asJSON(cut))
		}
		if held := buffer.Bytes(); held > 10*limit {
			t.Fatalf("%d bytes are held", held)
		}
		for _, e := range whole.Events {
			raw := Event{Type: []byte(e.Event), Data: []byte(e.Data)}
			if out, _ := appendJSON(nil, &raw); !json.Valid(out) {
				t.Fatalf("%q is no JSON", out)
			}
		}
	})
}
