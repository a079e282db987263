package conform

import (
	"bytes"
	"fmt"
	"sync"
)

const kib, mib = 1 << 10, 1 << 20

// big is a message of 16 MiB that the limits' cases take their payloads from.
var big = sync.OnceValue(func() []byte { return bytes.Repeat([]byte("0123456789abcdef"), mib) })

func limitCases() (all []Case) {
	for i, kind := range []struct {
		name string
		op   Op
		kind Kind
	}{{"text", OpText, Text}, {"binary", OpBinary, Binary}} {
		row := func(group, n int, title string, bytes, fragment, chop int) {
			payload := big()[:bytes]
			all = append(all, Case{
				ID: fmt.Sprintf("9.%d.%d", group+i, n), Title: title, RFC: "RFC 6455 5.2, 5.4",
				Script: script(Step{Frames: fragments(kind.op, payload, fragment), Chop: chop}),
				OK:     events(Event{Kind: kind.kind, Data: payload}), Close: closesNormally, Heavy: bytes > 256*kib,
			})
		}
		for n, size := range []int{64 * kib, 256 * kib, mib, 4 * mib, 8 * mib, 16 * mib} {
			row(1, n+1, fmt.Sprintf("A %s message of %d KiB.", kind.name, size/kib), size, 0, 0)
		}
		for n, size := range []int{64, 256, kib, 4 * kib, 16 * kib, 64 * kib, 256 * kib, mib, 4 * mib} {
			row(3, n+1, fmt.Sprintf("A %s message of 4 MiB in fragments of %d bytes.", kind.name, size), 4*mib, size, 0)
		}
		for n, chop := range []int{64, 128, 256, 512, 1024, 2048} {
			row(5, n+1, fmt.Sprintf("A %s message of 1 MiB in writes of %d octets.", kind.name, chop), mib, 0, chop)
		}
		for n, size := range []int{0, 16, 64, 256, 1024, 4096} {
			all = append(all, Case{
				ID: fmt.Sprintf("9.%d.%d", 7+i, n+1), Title: fmt.Sprintf("1000 %s messages of %d bytes, each echoed before the next.", kind.name, size), RFC: "RFC 6455 5.6",
				Script: script(Step{Rally: &Rally{Op: kind.op, Bytes: size, Count: 1000, Corpus: "plain"}}), Close: closesNormally, Heavy: true,
			})
		}
	}
	payload := big()[:64*kib]
	return append(all, Case{
		ID: "10.1.1", Title: "A text message of 64 KiB in fragments of 1300 bytes.", RFC: "RFC 6455 5.4",
		Script: script(send(fragments(OpText, payload, 1300)...)), OK: events(Event{Kind: Text, Data: payload}), Close: closesNormally,
	})
}

// fragments are a message's frames; size 0 means a single frame. If the size divides the message,
// an empty frame ends it: a sender does not always know that its message is over.
func fragments(op Op, payload []byte, size int) (frames []Frame) {
	if size == 0 || size >= len(payload) {
		return []Frame{{Fin: true, Op: op, Payload: payload}}
	}
	for ; len(payload) >= size; op = OpContinuation {
		frames = append(frames, Frame{Op: op, Payload: payload[:size]})
		payload = payload[size:]
	}
	return append(frames, Frame{Fin: true, Op: op, Payload: payload})
}
