package frame

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"strings"
	"testing"
)

var mask = [4]byte{0x37, 0xfa, 0x21, 0x3d}

// server appends a frame as a server sends it, with the first byte given.
func server(dst []byte, first byte, payload string) []byte {
	dst = appendHeader(dst, first, 0, len(payload))
	return append(dst, payload...)
}

func frames(list ...[]byte) []byte { return bytes.Join(list, nil) }

func declared(first byte, length uint64) []byte {
	return binary.BigEndian.AppendUint64([]byte{first, 127}, length)
}

// readAll feeds b in pieces of the given size and collects what comes out.
func readAll(ps *Parser, s *State, b []byte, piece int) (got []Message, err error) {
	for len(b) > 0 {
		part := bytes.Clone(b[:min(piece, len(b))])
		b = b[len(part):]
		for {
			m, n, err := ps.Next(s, part)
			if err != nil {
				return got, err
			}
			part = part[n:]
			if m.Op == 0 {
				break
			}
			got = append(got, Message{m.Op, bytes.Clone(m.Data)})
		}
		if len(part) > 0 {
			return got, errors.New("no message, and bytes left")
		}
	}
	return got, nil
}

func TestRead(t *testing.T) {
	long := strings.Repeat("é", 40_000) // 80,000 bytes: the 64-bit length
	tests := []struct {
		name string
		in   []byte
		want []Message
		err  error
	}{
		{"a short text", server(nil, 0x81, "Hello"), []Message{{Text, []byte("Hello")}}, nil},
		{"an empty message", server(nil, 0x82, ""), []Message{{Binary, nil}}, nil},
		{"a 16-bit length", server(nil, 0x82, long[:300]), []Message{{Binary, []byte(long[:300])}}, nil},
		{"a 64-bit length", server(nil, 0x81, long), []Message{{Text, []byte(long)}}, nil},
		{"three messages at once",
			frames(server(nil, 0x81, "a"), server(nil, 0x82, "b"), server(nil, 0x81, "c")),
			[]Message{{Text, []byte("a")}, {Binary, []byte("b")}, {Text, []byte("c")}}, nil},
		{"fragments with a ping and an empty fragment between",
			frames(server(nil, 0x01, "Hel"), server(nil, 0x89, "?"), server(nil, 0x00, ""), server(nil, 0x80, "lo")),
			[]Message{{Ping, []byte("?")}, {Text, []byte("Hello")}}, nil},
		{"an empty last fragment",
			frames(server(nil, 0x01, "Hello"), server(nil, 0x80, "")),
			[]Message{{Text, []byte("Hello")}}, nil},
		{"a rune cut by a fragment's end",
			frames(server(nil, 0x01, "\xe2\x82"), server(nil, 0x80, "\xac")),
			[]Message{{Text, []byte("€")}}, nil},
		{"a close amid a message",
			frames(server(nil, 0x01, "Hel"), server(nil, 0x88, "\x03\xe8bye")),
			[]Message{{Close, []byte("\x03\xe8bye")}}, nil},
		{"the longest control frame", server(nil, 0x8A, long[:125]), []Message{{Pong, []byte(long[:125])}}, nil},

		{"a control frame of 126 bytes", server(nil, 0x89, long[:126]), nil, ErrLongControl},
		{"a control frame in fragments", server(nil, 0x09, ""), nil, ErrFragmentedControl},
		{"a reserved bit", server(nil, 0xC1, ""), nil, ErrReservedBits},
		{"an unknown data opcode", server(nil, 0x83, ""), nil, ErrOpcode},
		{"an unknown control opcode", server(nil, 0x8B, ""), nil, ErrOpcode},
		{"a masked frame from a server", AppendMasked(nil, Text, mask, []byte("Hello")), nil, ErrMasked},
		{"a continuation of nothing", server(nil, 0x80, "x"), nil, ErrContinuation},
		{"a new message amid another", frames(server(nil, 0x01, "a"), server(nil, 0x81, "b")), nil, ErrContinuation},
		{"16 bits for a length of 125", []byte{0x82, 126, 0, 125}, nil, ErrLength},
		{"64 bits for a length of 65535", declared(0x82, 65535), nil, ErrLength},
		{"a length with the top bit", declared(0x82, 1<<63), nil, ErrLength},
		{"a length of 2^62", declared(0x82, 1<<62), nil, ErrMessageTooBig},
		{"one byte more than the limit", declared(0x82, 1<<20+1), nil, ErrMessageTooBig},
		{"fragments beyond the limit together",
			frames(server(nil, 0x02, string(make([]byte, 1<<20))), server(nil, 0x80, "x")), nil, ErrMessageTooBig},
		{"a byte that is never UTF-8", server(nil, 0x81, "a\xffb"), nil, ErrUTF8},
		{"a surrogate", server(nil, 0x81, "\xed\xa0\x80"), nil, ErrUTF8},
		{"a text that ends in mid-rune", server(nil, 0x81, "a\xe2\x82"), nil, ErrUTF8},
		{"fragments that end in mid-rune", frames(server(nil, 0x01, "a\xe2"), server(nil, 0x80, "\x82")), nil, ErrUTF8},
		{"bad UTF-8 in a message not yet over", server(nil, 0x01, "\xf4\x90"), nil, ErrUTF8},
	}
	for _, test := range tests {
		for _, piece := range []int{1, 2, 7, 139, 1 << 10, 1 << 20} {
			ps, s := NewParser(Limits{MessageBytes: 1 << 20}, false), State{}
			got, err := readAll(ps, &s, test.in, piece)
			if err != test.err {
				t.Errorf("%s, in pieces of %d: error %v, want %v", test.name, piece, err, test.err)
			}
			if test.err == nil && !equal(got, test.want) {
				t.Errorf("%s, in pieces of %d: got %q, want %q", test.name, piece, got, test.want)
			}
		}
	}
}

func equal(got, want []Message) bool {
	if len(got) != len(want) {
		return false
	}
	for i := range got {
		if got[i].Op != want[i].Op || !bytes.Equal(got[i].Data, want[i].Data) {
			return false
		}
	}
	return true
}

func TestReadOfClients(t *testing.T) {
	ps, s := NewParser(Limits{}, true), State{}
	sent := AppendMasked(nil, Text, mask, []byte("Hello"))
	if want := []byte("\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"); !bytes.Equal(sent, want) {
		t.Fatalf("RFC 6455 section 5.7 has %x for a masked Hello, we write %x", want, sent)
	}
	sent = AppendFragment(sent, Binary, false, mask, []byte("abcdefghijk"))
	sent = AppendMasked(sent, Ping, mask, []byte("12345"))
	sent = AppendFragment(sent, Continuation, true, mask, []byte("lm"))
	for piece := 1; piece < len(sent); piece++ {
		got, err := readAll(ps, &s, sent, piece)
		want := []Message{{Text, []byte("Hello")}, {Ping, []byte("12345")}, {Binary, []byte("abcdefghijklm")}}
		if err != nil || !equal(got, want) {
			t.Fatalf("in pieces of %d: got %q and %v, want %q", piece, got, err, want)
		}
	}
	if _, err := readAll(ps, &s, server(nil, 0x81, "Hello"), 99); err != ErrUnmasked {
		t.Errorf("an unmasked frame from a client: %v, want %v", err, ErrUnmasked)
	}
}

func TestStateAtRestOwnsNothing(t *testing.T) {
	ps, s := NewParser(Limits{}, false), State{}
	in := frames(server(nil, 0x01, "Hel"), server(nil, 0x89, "?"), server(nil, 0x80, "lo"))
	if _, err := readAll(ps, &s, in, 1); err != nil {
		t.Fatal(err)
	}
	if s.p != nil {
		t.Error("memory is held after the last message was taken")
	}
}

// A message in pieces or fragments takes memory a few times, not once for each,
// and in the end no more than it has bytes.
func TestALongMessageIsNotCopiedOften(t *testing.T) {
	const size, piece = 4 << 20, 4 << 10
	fragments := server(nil, 0x02, string(make([]byte, piece)))
	for range size/piece - 2 {
		fragments = server(fragments, 0x00, string(make([]byte, piece)))
	}
	fragments = server(fragments, 0x80, string(make([]byte, piece)))
	for name, in := range map[string][]byte{"a frame": server(nil, 0x82, string(make([]byte, size))), "fragments": fragments} {
		ps, s, grown, last := NewParser(Limits{}, false), State{}, 0, 0
		for rest := in; len(rest) > 0; rest = rest[min(piece, len(rest)):] {
			m, n, err := ps.Next(&s, rest[:min(piece, len(rest))])
			if err != nil {
				t.Fatal(err)
			}
			if m.Op == 0 && n < min(piece, len(rest)) {
				t.Fatalf("%s: %d bytes were taken", name, n)
			}
			if s.p != nil && cap(s.p.message) != last {
				grown, last = grown+1, cap(s.p.message)
			}
			if m.Op != 0 && (len(m.Data) != size || cap(m.Data) > 2*size) {
				t.Errorf("%s: %d bytes in %d", name, len(m.Data), cap(m.Data))
			}
		}
		if grown > 15 {
			t.Errorf("%s: the memory grew %d times", name, grown)
		}
	}
}

func TestBufferLimitIsSharedByConnections(t *testing.T) {
	buffer := NewBuffer(1 << 20)
	limits := Limits{MessageBytes: 1 << 20, Buffer: buffer}
	ps, other := NewParser(limits, false), NewParser(limits, false)
	half := declared(0x82, 1<<20)
	half = append(half, make([]byte, 600<<10)...)
	var a, b State
	if _, err := readAll(ps, &a, half, 1<<20); err != nil {
		t.Fatalf("the first half message: %v", err)
	}
	if _, err := readAll(ps, &b, half, 1<<20); err != ErrBufferLimit {
		t.Fatalf("the second half message: %v, want %v", err, ErrBufferLimit)
	}
	var c State
	if _, err := readAll(other, &c, half, 1<<20); err != ErrBufferLimit {
		t.Fatalf("that of another Parser: %v, want %v", err, ErrBufferLimit)
	}
	ps.Release(&a)
	ps.Release(&b)
	other.Release(&c)
	if held := buffer.Bytes(); held != 0 {
		t.Errorf("%d bytes are counted as held after all connections ended", held)
	}
}

func TestParseClose(t *testing.T) {
	tests := []struct {
		name    string
		payload string
		code    uint16
		reason  string
		err     error
	}{
		{"no code", "", CodeNone, "", nil},
		{"a code alone", "\x03\xe8", 1000, "", nil},
		{"a code of the application with a reason", "\x0f\xa1expired", 4001, "expired", nil},
		{"half a code", "\x03", 0, "", ErrClosePayload},
		{"a code that is never sent", "\x03\xee", 0, "", ErrCloseCode},
		{"a code below all", "\x03\xe7", 0, "", ErrCloseCode},
		{"an unassigned code", "\x07\xd0", 0, "", ErrCloseCode},
		{"a code above all", "\x13\x88", 0, "", ErrCloseCode},
		{"a reason that is not UTF-8", "\x03\xe8\xff", 0, "", ErrUTF8},
	}
	for _, test := range tests {
		code, reason, err := ParseClose([]byte(test.payload))
		if code != test.code || string(reason) != test.reason || err != test.err {
			t.Errorf("%s: got %d %q %v, want %d %q %v",
				test.name, code, reason, err, test.code, test.reason, test.err)
		}
		if test.err == nil {
			if again := ClosePayload(nil, code, string(reason)); string(again) != test.payload {
				t.Errorf("%s: written again as %q, want %q", test.name, again, test.payload)
			}
		}
	}
}

func TestWholeMessagesAreReadWithoutAllocation(t *testing.T) {
	ps, s := NewParser(Limits{}, false), State{}
	b := frames(server(nil, 0x81, "Hello"), server(nil, 0x89, "?"), server(nil, 0x82, strings.Repeat("x", 300)))
	allocs := testing.AllocsPerRun(100, func() {
		rest := b
		for {
			m, n, err := ps.Next(&s, rest)
			if err != nil {
				t.Fatal(err)
			}
			rest = rest[n:]
			if m.Op == 0 {
				return
			}
		}
	})
	if allocs != 0 {
		t.Errorf("%v allocations for three messages, want 0", allocs)
	}
}

func TestSplitMessagesReuseTheirBuffers(t *testing.T) {
	ps, s := NewParser(Limits{}, false), State{}
	b := server(nil, 0x81, "Hello")
	run := func() {
		for i := range b {
			if m, _, err := ps.Next(&s, b[i:i+1]); err != nil || (m.Op != 0) != (i == len(b)-1) {
				t.Fatalf("byte %d: got %v %v", i, m, err)
			}
		}
	}
	run()
	if allocs := testing.AllocsPerRun(100, run); allocs != 0 {
		t.Errorf("%v allocations for a message in single bytes, want 0", allocs)
	}
}

// FuzzRead feeds any bytes in two ways, whole and in pieces: both must give
// the same messages and the same error, and hold no more than the limits.
func FuzzRead(f *testing.F) {
	f.Add(server(nil, 0x81, "Hello"), uint64(1), false)
	f.Add(frames(server(nil, 0x01, "H\xe2"), server(nil, 0x89, "?"), server(nil, 0x80, "\x82\xac")), uint64(2), false)
	f.Add(AppendMasked(nil, Text, mask, []byte("Hello")), uint64(3), true)
	f.Add(declared(0x82, 1<<62), uint64(4), false)
	f.Fuzz(func(t *testing.T, in []byte, seed uint64, fromClients bool) {
		limits := Limits{MessageBytes: 1 << 10, Buffer: NewBuffer(2 << 10)}
		whole, s := NewParser(Limits{MessageBytes: 1 << 10}, fromClients), State{}
		want, wantErr := readAll(whole, &s, in, len(in)+1)

		pieces, s := NewParser(limits, fromClients), State{}
		random := rand.New(rand.NewPCG(seed, 0))
		var got []Message
		var gotErr error
		for rest := in; len(rest) > 0 && gotErr == nil; {
			n := 1 + random.IntN(len(rest))
			var more []Message
			more, gotErr = readAll(pieces, &s, rest[:n], n)
			got = append(got, more...)
			rest = rest[n:]
			if held := limits.Buffer.Bytes(); held > 4<<10 {
				t.Fatalf("%d bytes held, with a limit of %d a message", held, limits.MessageBytes)
			}
		}
		if gotErr != wantErr || !equal(got, want) {
			t.Fatalf("whole: %q %v; in pieces: %q %v", want, wantErr, got, gotErr)
		}
		pieces.Release(&s)
		for _, m := range want {
			if m.Op == Text && !valid(m.Data) {
				t.Fatalf("handed out as text: %q", m.Data)
			}
		}
	})
}

// FuzzWrite writes any payload and reads it back.
func FuzzWrite(f *testing.F) {
	f.Add([]byte("Hello"), uint32(0x37fa213d), 2)
	f.Add(make([]byte, 70_000), uint32(1), 65_536)
	f.Fuzz(func(t *testing.T, payload []byte, key uint32, cut int) {
		var mask [4]byte
		binary.BigEndian.PutUint32(mask[:], key)
		before := bytes.Clone(payload)
		cut = min(max(cut, 0), len(payload))
		b := AppendFragment(nil, Binary, false, mask, payload[:cut])
		b = AppendMasked(b, Ping, mask, payload[:min(len(payload), MaxControlBytes)])
		b = AppendFragment(b, Continuation, true, mask, payload[cut:])
		ps, s := NewParser(Limits{}, true), State{}
		got, err := readAll(ps, &s, b, len(b))
		want := []Message{{Ping, payload[:min(len(payload), MaxControlBytes)]}, {Binary, payload}}
		if err != nil || !equal(got, want) || !bytes.Equal(payload, before) {
			t.Fatalf("got %q %v, want %q", got, err, want)
		}
	})
}
