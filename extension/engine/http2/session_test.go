package http2

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"golang.org/x/net/http2/hpack"

	"xk6-realtime/engine/wire"
)

// side is one side's owner: it answers what is asked, and keeps what it hears.
type side struct {
	*Session
	users []*user
	ready bool
	away  []Code
}

// user keeps what came on its stream.
type user struct {
	Stream
	side   *side
	fields []hpack.HeaderField
	data   []byte
	unsent []byte
	ended  bool
	reset  []string
	paused bool // Took is not called
	owed   int
}

func newSide(o Options) *side {
	s := &side{}
	s.Session = New(o, s)
	return s
}

func (s *side) Ready(Settings)                          { s.ready = true }
func (s *side) GoingAway(_ uint32, code Code, _ []byte) { s.away = append(s.away, code) }
func (s *side) Asked() (*Stream, StreamHandler) {
	u := s.user()
	return &u.Stream, u
}

func (s *side) user() *user {
	u := &user{side: s}
	s.users = append(s.users, u)
	return u
}

func (u *user) Fields(fields []hpack.HeaderField, _ wire.Arrival) {
	u.fields = append(u.fields, fields...)
	if u.side.o.Server {
		u.side.Answer(&u.Stream, []hpack.HeaderField{{Name: ":status", Value: "200"}}, false)
	}
}

func (u *user) Data(b []byte, _ bool, _ wire.Arrival) {
	u.data = append(u.data, b...)
	if u.paused {
		u.owed += len(b)
	} else {
		u.side.Took(&u.Stream, len(b))
	}
}

func (u *user) Ended()                         { u.ended = true }
func (u *user) Reset(code Code, breach string) { u.reset = append(u.reset, code.String()+" "+breach) }
func (u *user) Writable()                      { u.write(nil) }
func (u *user) write(b []byte) {
	u.unsent = append(u.unsent, b...)
	u.unsent = u.unsent[u.side.Write(&u.Stream, u.unsent):]
}

var request = []hpack.HeaderField{{Name: ":method", Value: "CONNECT"}, {Name: ":path", Value: "/chat"}}

// pass hands all that two sides have to say to the other, in pieces as they come,
// until neither has more.
func pass(t *testing.T, a, b *side, piece func() int) {
	t.Helper()
	for len(a.Out)+len(b.Out) > 0 {
		for _, way := range [...]struct{ from, to *side }{{a, b}, {b, a}} {
			out := way.from.Out
			way.from.Out = nil
			for len(out) > 0 {
				n := min(piece(), len(out))
				if err := way.to.Received(out[:n], n < len(out), wire.Arrival{}); err != nil {
					t.Fatalf("%v", err)
				}
				out = out[n:]
			}
		}
	}
}

func pair(t *testing.T, client, server Options, piece func() int) (c, s *side) {
	t.Helper()
	server.Server = true
	c, s = newSide(client), newSide(server)
	pass(t, c, s, piece)
	if !c.ready || !s.ready || !c.Peer().Connect {
		t.Fatalf("ready are %v and %v, extended CONNECT is %v", c.ready, s.ready, c.Peer().Connect)
	}
	return c, s
}

func (s *side) openStream(t *testing.T, fields []hpack.HeaderField) *user {
	t.Helper()
	u := s.user()
	if err := s.Open(&u.Stream, u, fields, false); err != nil {
		t.Fatal(err)
	}
	return u
}

func whole() int { return 1 << 30 }

func TestBytesComeThroughHoweverTheyAreCut(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	cuts := map[string]func() int{
		"whole": whole, "byte by byte": func() int { return 1 }, "at random": func() int { return 1 + random.IntN(3_000) },
	}
	for name, piece := range cuts {
		t.Run(name, func(t *testing.T) {
			c, s := pair(t, Options{StreamWindow: 1_000}, Options{StreamWindow: 70_000}, piece)
			const streams = 9
			var sent, returned [streams][]byte
			for range streams {
				c.openStream(t, request)
			}
			pass(t, c, s, piece)
			for i, u := range s.users {
				if len(u.fields) != 2 || u.fields[1].Value != "/chat" {
					t.Fatalf("stream %d was asked for %v", i, u.fields)
				}
			}
			for range 40 {
				i := random.IntN(streams)
				there, back := make([]byte, random.IntN(40_000)), make([]byte, random.IntN(4_000))
				for _, b := range [][]byte{there, back} {
					for at := range b {
						b[at] = byte(random.Uint32())
					}
				}
				sent[i], returned[i] = append(sent[i], there...), append(returned[i], back...)
				c.users[i].write(there)
				s.users[i].write(back)
				if random.IntN(3) == 0 {
					pass(t, c, s, piece)
				}
			}
			pass(t, c, s, piece)
			for i := range streams {
				if !bytes.Equal(s.users[i].data, sent[i]) || !bytes.Equal(c.users[i].data, returned[i]) {
					t.Errorf("on stream %d came %d of %d bytes there, and %d of %d back, or others", i,
						len(s.users[i].data), len(sent[i]), len(c.users[i].data), len(returned[i]))
				}
				c.Finish(&c.users[i].Stream)
				pass(t, c, s, piece)
				if !s.users[i].ended {
					t.Errorf("the end of stream %d did not come", i)
				}
				s.Finish(&s.users[i].Stream)
				pass(t, c, s, piece)
				if !c.users[i].ended || !c.users[i].IsClosed() || !s.users[i].IsClosed() {
					t.Errorf("stream %d is not over", i)
				}
			}
			if c.Streams() != 0 || s.Streams() != 0 {
				t.Errorf("%d and %d streams are left", c.Streams(), s.Streams())
			}
		})
	}
}

// A stream that is not read has its window run out, and stops no other.
func TestAReaderThatDoesNotReadStopsItsStreamAlone(t *testing.T) {
	const window, sent = 10_000, 50_000
	c, s := pair(t, Options{StreamWindow: window}, Options{}, whole)
	slow, quick := c.openStream(t, request), c.openStream(t, request)
	pass(t, c, s, whole)
	slow.paused = true
	for _, u := range s.users {
		u.write(make([]byte, sent))
	}
	pass(t, c, s, whole)
	if len(slow.data) != window || len(quick.data) != sent {
		t.Errorf("%d bytes came to the slow one and %d to the other, want the window, %d, and all, %d",
			len(slow.data), len(quick.data), window, sent)
	}
	slow.paused = false
	c.Took(&slow.Stream, slow.owed)
	pass(t, c, s, whole)
	if len(slow.data) != sent {
		t.Errorf("once it reads it has %d bytes, want all %d", len(slow.data), sent)
	}
}

func TestWhatTheConnectionTakesNoMoreWaits(t *testing.T) {
	c, s := pair(t, Options{}, Options{}, whole)
	u := c.openStream(t, request)
	pass(t, c, s, whole)
	c.Hold(true)
	u.write([]byte("held"))
	if len(u.unsent) != 4 {
		t.Errorf("%d bytes wait, want all 4", len(u.unsent))
	}
	c.Hold(false)
	pass(t, c, s, whole)
	if got := string(s.users[0].data); got != "held" {
		t.Errorf("%q came, want what was held", got)
	}
}

func TestFieldsOfAnyLengthComeInSeveralFrames(t *testing.T) {
	long := string(bytes.Repeat([]byte("\x01\x02~"), 15_000)) // which no code makes shorter
	long = string(bytes.ReplaceAll([]byte(long), []byte("\x01\x02"), []byte("|^")))
	c, s := pair(t, Options{}, Options{}, whole)
	c.openStream(t, append(request[:2:2], hpack.HeaderField{Name: "x-long", Value: long}))
	pass(t, c, s, whole)
	if got := s.users[0].fields[2].Value; got != long {
		t.Errorf("%d bytes of the field came, want %d", len(got), len(long))
	}
}

func TestAServersLimitOfStreamsIsKept(t *testing.T) {
	c, s := pair(t, Options{}, Options{MaxStreams: 2}, whole)
	first := c.openStream(t, request)
	c.openStream(t, request)
	if err := c.Open(&Stream{}, c.user(), request, false); err != ErrNoStream {
		t.Errorf("a third stream: %v, want %v", err, ErrNoStream)
	}
	pass(t, c, s, whole)
	c.Reset(&first.Stream, Cancel)
	pass(t, c, s, whole)
	if !c.CanOpen() || len(s.users[0].reset) != 1 || s.users[0].reset[0] != "CANCEL " {
		t.Errorf("after one was reset another can be opened: %v; the server heard %q", c.CanOpen(), s.users[0].reset)
	}
}

func TestAMessageAllocatesNothing(t *testing.T) {
	c, s := pair(t, Options{}, Options{}, whole)
	u := c.openStream(t, request)
	pass(t, c, s, whole)
	message := make([]byte, 100)
	buffer := make([]byte, 0, 1<<10)
	s.users[0].data = make([]byte, 0, 1<<20)
	allocations := testing.AllocsPerRun(1_000, func() {
		c.Out = buffer
		c.Write(&u.Stream, message)
		s.Out = nil
		if err := s.Received(c.Out, false, wire.Arrival{}); err != nil {
			t.Fatal(err)
		}
		u.send = 1 << 20 // the window is given back in portions, which are no messages
		c.send = 1 << 20
		s.users[0].recv, s.users[0].owed, s.users[0].data = 1<<20, 0, s.users[0].data[:0]
	})
	if allocations != 0 {
		t.Errorf("a message allocates %v times, want none", allocations)
	}
}
