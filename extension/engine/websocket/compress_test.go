package websocket

import (
	"bytes"
	"math/rand/v2"
	"runtime/debug"
	"strings"
	"testing"

	"xk6-realtime/engine/deflate"
	"xk6-realtime/engine/frame"
	"xk6-realtime/engine/wire"
)

// agreed makes a client and a server that agreed on compression.
func agreed(sh *Shared, p *deflate.Params) (client, server *Socket) {
	client, server = &Socket{}, &Socket{}
	server.Server()
	for _, s := range [...]*Socket{client, server} {
		s.Open()
		s.deflate(sh, p)
	}
	return client, server
}

var bothTakeOver = &deflate.Params{ServerTakeover: true, ClientTakeover: true, ServerBits: 15, ClientBits: 15}

// fragment makes one fragment of a server's.
func fragment(op frame.Opcode, last bool, payload []byte) []byte {
	b := frame.Append(nil, op, payload)
	if !last {
		b[0] &^= 0x80
	}
	return b
}

func TestWhatMayStandBetweenCompressedMessages(t *testing.T) {
	sh := shared()
	_, server := agreed(sh, bothTakeOver)
	long := []byte(strings.Repeat("it said so before, ", 50))
	var sent []byte
	first := bytes.Clone(sh.Message(server, wire.Text, long))
	payload := first[2:]
	if len(payload) > 125 || first[0] != 0xC1 {
		t.Fatalf("a frame that begins with % x, of %d bytes; want a short compressed one", first[:2], len(first))
	}
	// Three fragments, with a Ping, a Pong and an empty fragment between.
	sent = append(sent, fragment(frame.Text|frame.Deflated, false, payload[:3])...)
	sent = append(sent, frame.Append(nil, frame.Ping, []byte("?"))...)
	sent = append(sent, fragment(frame.Continuation, false, nil)...)
	sent = append(sent, frame.Append(nil, frame.Pong, []byte("!"))...)
	sent = append(sent, fragment(frame.Continuation, true, payload[3:])...)
	// One that is left as it is, and one that refers to what was before it.
	sent = append(sent, frame.Append(nil, frame.Binary, []byte{0, 1, 2})...)
	sent = append(sent, sh.Message(server, wire.Text, long)...)
	for _, piece := range []int{1, 2, 7, len(sent)} {
		client, _ := agreed(sh, bothTakeOver)
		var got []wire.Message
		for rest := sent; len(rest) > 0; rest = rest[min(piece, len(rest)):] {
			got = append(got, read(client, &paperLink{}, sh, bytes.Clone(rest[:min(piece, len(rest))]), wire.Arrival{})...)
		}
		want := []wire.Message{
			{Kind: wire.Ping, Data: []byte("?")}, {Kind: wire.Pong, Data: []byte("!")}, {Kind: wire.Text, Data: long},
			{Kind: wire.Binary, Data: []byte{0, 1, 2}}, {Kind: wire.Text, Data: long},
		}
		if len(got) != len(want) {
			t.Fatalf("in pieces of %d: %d messages, want %d", piece, len(got), len(want))
		}
		for i := range want {
			if got[i].Kind != want[i].Kind || !bytes.Equal(got[i].Data, want[i].Data) {
				t.Errorf("in pieces of %d, message %d: got %d of %d bytes", piece, i, got[i].Kind, len(got[i].Data))
			}
		}
	}
}

// A short message gains nothing by compression until an earlier one says the same.
func TestLaterMessagesGainByAShortFirstOne(t *testing.T) {
	message := []byte(`{"t":"echo","n":17}`)
	for _, row := range []struct {
		agreed *deflate.Params
		gains  bool
	}{
		{bothTakeOver, true},
		{&deflate.Params{ServerBits: 15, ClientBits: 15}, false},
	} {
		sh := shared()
		client, server := agreed(sh, row.agreed)
		first := bytes.Clone(sh.Message(server, wire.Text, message))
		second := bytes.Clone(sh.Message(server, wire.Text, message))
		if got := len(second) <= len(message)/2; got != row.gains {
			t.Errorf("%+v: frames of %d and %d bytes for a message of %d", row.agreed, len(first), len(second), len(message))
		}
		if first[0]&0x40 != 0 != row.gains {
			t.Errorf("%+v: the first frame begins with %#x", row.agreed, first[0])
		}
		got := read(client, &paperLink{}, sh, append(first, second...), wire.Arrival{})
		if len(got) != 2 {
			t.Fatalf("%+v: %d messages came, want 2", row.agreed, len(got))
		}
		for i, m := range got {
			if !bytes.Equal(m.Data, message) {
				t.Errorf("message %d: got %q", i, m.Data)
			}
		}
	}
}

func TestBreachesOfCompression(t *testing.T) {
	for _, row := range []struct {
		sentence string
		agreed   *deflate.Params
		in       []byte
		breach   string
		code     uint16
		by       wire.By
	}{
		{"a compressed message where nothing was agreed on", nil, frame.Append(nil, frame.Text|frame.Deflated, []byte("\x00")), "reserved_bits", 1002, wire.ByServer},
		{"another reserved bit", bothTakeOver, frame.Append(nil, frame.Text|0x20, []byte("\x00")), "reserved_bits", 1002, wire.ByServer},
		{"a compressed Ping", bothTakeOver, frame.Append(nil, frame.Ping|frame.Deflated, nil), "reserved_bits", 1002, wire.ByServer},
		{"the bit on a later fragment", bothTakeOver,
			append(fragment(frame.Text|frame.Deflated, false, []byte("\xf2")), frame.Append(nil, frame.Continuation|frame.Deflated, []byte("\x00"))...),
			"reserved_bits", 1002, wire.ByServer},
		{"what cannot be inflated", bothTakeOver, frame.Append(nil, frame.Text|frame.Deflated, []byte("\x07")), "bad_deflate", 1007, wire.ByServer},
		{"a reference to what never was", bothTakeOver, frame.Append(nil, frame.Text|frame.Deflated, []byte("\xf2\x00\x11\x00\x00")), "bad_deflate", 1007, wire.ByServer},
		{"text that is no UTF-8 once it is inflated", bothTakeOver, frame.Append(nil, frame.Text|frame.Deflated, compressed(t, "\xff")), "bad_utf8", 1007, wire.ByServer},
		{"more than the limit once it is inflated", bothTakeOver, frame.Append(nil, frame.Text|frame.Deflated, compressed(t, strings.Repeat("x", 1<<20+1))),
			"message_too_big", 1009, wire.ByGenerator},
	} {
		sh := NewShared(Options{Limits: frame.Limits{MessageBytes: 1 << 20}, CloseWithin: closeWithin})
		s, _ := agreed(sh, row.agreed)
		l := paperLink{}
		read(s, &l, sh, row.in, wire.Arrival{})
		if got := s.End(); got.Breach != row.breach || got.Code != row.code || got.By != row.by {
			t.Errorf("%s: ended with %+v, want %s, %d by the %v", row.sentence, got, row.breach, row.code, row.by)
		}
	}
}

func compressed(t *testing.T, message string) []byte {
	t.Helper()
	b, err := (&deflate.Deflater{}).Deflate([]byte(message), deflate.MaxBits, nil)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Without context takeover, a compressed message takes no allocation.
func TestCompressedMessagesAreReadAndSentWithoutAllocation(t *testing.T) {
	if poolsForget {
		t.Skip("the compressor's pools forget under the race detector")
	}
	// A collection empties the compressor's pools.
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	sh := shared()
	client, server := agreed(sh, &deflate.Params{ServerBits: 15, ClientBits: 15})
	message := []byte(strings.Repeat(`{"room":"general"}`, 10))
	in := bytes.Clone(sh.Message(server, wire.Text, message))
	l := &paperLink{}
	if allocs := testing.AllocsPerRun(100, func() {
		m, _ := client.Next(l, sh, in, false, wire.Arrival{})
		if !bytes.Equal(m.Data, message) {
			t.Fatalf("got %q", m.Data)
		}
		sh.Message(client, wire.Text, message)
	}); allocs > 0 {
		t.Errorf("%v allocations, want 0", allocs)
	}
}

// FuzzSocket feeds any bytes to a Socket that agreed on compression, in pieces.
// It holds no more than its limits, and gives up the rest at the end.
func FuzzSocket(f *testing.F) {
	f.Add(frame.Append(nil, frame.Text|frame.Deflated, []byte("\xf2\x48\xcd\xc9\xc9\x07\x00")), uint64(1), true)
	f.Add(append(fragment(frame.Text|frame.Deflated, false, []byte("\xf2\x48")), fragment(frame.Continuation, true, []byte("\xcd\xc9\xc9\x07\x00"))...), uint64(2), true)
	f.Add(frame.Append(nil, frame.Close, []byte("\x03\xe8")), uint64(3), false)
	f.Add(frame.AppendMasked(nil, frame.Binary|frame.Deflated, [4]byte{1, 2, 3, 4}, []byte("\x07")), uint64(4), false)
	f.Fuzz(func(t *testing.T, in []byte, seed uint64, fromServer bool) {
		const limit = 10_000
		buffer := frame.NewBuffer(2 * limit)
		sh := NewShared(Options{Limits: frame.Limits{MessageBytes: limit, Buffer: buffer}, CloseWithin: closeWithin})
		client, server := agreed(sh, bothTakeOver)
		s := server
		if fromServer {
			s = client
		}
		random := rand.New(rand.NewPCG(seed, 0))
		for len(in) > 0 && s.Reads() {
			n := 1 + random.IntN(len(in))
			for _, m := range read(s, &paperLink{}, sh, bytes.Clone(in[:n]), wire.Arrival{}) {
				if len(m.Data) > limit || m.Kind == wire.Text && !frame.ValidText(m.Data) {
					t.Fatalf("a message of kind %d and %d bytes", m.Kind, len(m.Data))
				}
			}
			in = in[n:]
		}
		s.Release(sh)
		if held := buffer.Bytes(); held > limit {
			t.Fatalf("%d bytes are held after the end", held)
		}
	})
}
