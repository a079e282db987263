package engine

import (
	"bytes"
	"encoding/binary"
	"io"
	"net"
	"runtime"
	"testing"
	"time"

	"xk6-realtime/engine/frame"
)

func TestBreachesEndTheConnection(t *testing.T) {
	declared := func(length uint64) []byte { return binary.BigEndian.AppendUint64([]byte{0x82, 127}, length) }
	tests := []struct {
		name  string
		serve func(c *net.TCPConn)
		want  *frame.Error
	}{
		{"a masked frame", upgradedThenSends(frame.AppendMasked(nil, frame.Text, [4]byte{1, 2, 3, 4}, []byte("x"))), frame.ErrMasked},
		{"a declared length of 2^62", upgradedThenSends(declared(1 << 62)), frame.ErrMessageTooBig},
		{"a declared length of 2^63", upgradedThenSends(declared(1 << 63)), frame.ErrLength},
		{"an endless fragment", upgraded(func(c *net.TCPConn) {
			endlessly(c, append([]byte{0x02, 126, 0x10, 0}, make([]byte, 0x1000)...),
				append([]byte{0x00, 126, 0x10, 0}, make([]byte, 0x1000)...))
		}), frame.ErrMessageTooBig},
		{"invalid UTF-8", upgradedThenSends([]byte("\x81\x02\xc3\x28")), frame.ErrUTF8},
		{"invalid UTF-8 early in a long message", upgradedThenSends([]byte("\x81\x7e\xff\xff\xc3\x28")), frame.ErrUTF8},
		{"garbage", upgradedThenSends(bytes.Repeat([]byte("garbage"), 1000)), frame.ErrReservedBits},
		{"a reserved close code", upgradedThenSends([]byte("\x88\x02\x03\xed")), frame.ErrCloseCode},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			url := rawPeer(t, test.serve)
			onEachTransport(t, func(t *testing.T, o Options) {
				o.MessageBytes = 1 << 20
				e, w := start(t, impatientToClose(o)), newWitness(t)
				dial(t, e, url, w)
				w.next("opened")
				end := w.next("closed").end
				by := ByServer
				if test.want == frame.ErrMessageTooBig { // as the protocol has it: the limit is ours
					by = ByGenerator
				}
				if end.Breach != test.want.Reason || end.By != by || end.Code != test.want.CloseCode || end.Planned {
					t.Errorf("closed with %+v (%v), want %v by the %v, a drop", end, end.Breach, test.want, by)
				}
			})
		})
	}
}

func TestHostilePeersAreHeldInLittleMemory(t *testing.T) {
	onEachTransport(t, func(t *testing.T, o Options) {
		const peers, limit = 64, 4 << 20
		// Each sends most of a message of 1 MiB and never the rest.
		half := append(binary.BigEndian.AppendUint64([]byte{0x82, 127}, 1<<20), make([]byte, 1<<20-1)...)
		url := rawPeer(t, upgradedThenSends(half))
		o = impatientToClose(o)
		o.MessageBytes, o.BufferedBytes = 1<<20, limit
		e, w := start(t, o), newWitness(t)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		for range peers {
			dial(t, e, url, w)
		}
		refused := 0
		for seen := 0; refused < peers-limit>>20-1; seen++ {
			select {
			case h := <-w.heard:
				if h.what == "closed" && h.end.Breach == frame.ErrBufferLimit.Reason {
					refused++
				}
			case <-time.After(patience):
				t.Fatalf("%d of %d were refused", refused, peers)
			}
		}
		if held := e.options.buffer.Bytes(); held > limit*3/2 {
			t.Errorf("%d bytes are held, with a limit of %d", held, limit)
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		if after.HeapAlloc > before.HeapAlloc && after.HeapAlloc-before.HeapAlloc > 4*limit {
			t.Errorf("the heap grew by %d bytes", after.HeapAlloc-before.HeapAlloc)
		}
	})
}

func TestAMuteConnectionAnswersNoPing(t *testing.T) {
	next, got := make(chan struct{}), make(chan []byte, 1)
	url := rawPeer(t, upgraded(func(c *net.TCPConn) {
		c.Write([]byte("\x89\x04mute"))
		<-next
		c.Write([]byte("\x89\x05Hello"))
		answer := make([]byte, 2+4+5)
		io.ReadFull(c, answer)
		got <- answer
		untilGone(c)
	}))
	onEachTransport(t, func(t *testing.T, o Options) {
		e, w := start(t, o), newWitness(t)
		w.atOpen = func(c *Conn) { c.AnswerPings(false) }
		dial(t, e, url, w)
		c := w.next("opened").conn
		if m := w.next("message").message; m.Kind != Ping {
			t.Errorf("got kind %d, want the Ping all the same", m.Kind)
		}
		do(c, func() { c.AnswerPings(true) })
		next <- struct{}{}
		ps, s := frame.NewParser(frame.Limits{}, true), frame.State{}
		if m, _, err := ps.Next(&s, <-got); err != nil || m.Op != frame.Pong || string(m.Data) != "Hello" {
			t.Errorf("the first answer is opcode %d %q, %v; want the Pong to the second Ping", m.Op, m.Data, err)
		}
		w.next("message")
		do(c, c.Reset)
		w.next("closed")
	})
}

func TestReplyToPing(t *testing.T) {
	pong := make(chan []byte, 2)
	url := rawPeer(t, upgraded(func(c *net.TCPConn) {
		c.Write([]byte("\x89\x05Hello"))
		answer := make([]byte, 2+4+5)
		if _, err := io.ReadFull(c, answer); err == nil {
			pong <- answer
		}
	}))
	onEachTransport(t, func(t *testing.T, o Options) {
		e, w := start(t, o), newWitness(t)
		dial(t, e, url, w)
		w.next("opened")
		select {
		case answer := <-pong:
			ps, s := frame.NewParser(frame.Limits{}, true), frame.State{}
			if m, _, err := ps.Next(&s, answer); err != nil || m.Op != frame.Pong || string(m.Data) != "Hello" {
				t.Errorf("got opcode %d, %q, %v; want a masked Pong with the Ping's payload", m.Op, m.Data, err)
			}
		case <-time.After(patience):
			t.Error("no Pong came")
		}
	})
}
