// Package deflate is WebSocket's compression, permessage-deflate (RFC 7692): the negotiation in
// the handshake, and the compression of messages. It is pure. Inflaters and Deflaters serve all
// connections of a loop, one message at a time. A connection keeps only a Window for each
// direction in which its messages refer to earlier ones.
package deflate

import (
	"math/bits"

	"github.com/klauspost/compress/flate"
)

// Window is the end of what one direction of a connection carried so far, to which later messages
// may refer. The zero Window and nil keep nothing. It takes memory as it fills.
type Window struct {
	bytes []byte
	size  int
}

// NewWindow makes an empty Window of so many bits for messages that come.
func NewWindow(windowBits uint8) Window { return Window{size: 1 << windowBits} }

// NewSentWindow makes one for messages that a Deflater is to compress, which looks no further
// back than lookBackBits say.
func NewSentWindow(windowBits uint8) Window { return NewWindow(min(windowBits, lookBackBits)) }

// Keeps tells whether it is other than the zero Window.
func (w *Window) Keeps() bool { return w != nil && w.size > 0 }

// Bytes is what the Window holds, good until the next Add.
func (w *Window) Bytes() []byte {
	if w == nil {
		return nil
	}
	return w.bytes
}

// last is up to n bytes of its end.
func (w *Window) last(n int) []byte {
	b := w.Bytes()
	return b[max(0, len(b)-max(n, 0)):]
}

// Add appends a message.
func (w *Window) Add(b []byte) {
	if !w.Keeps() {
		return
	}
	b = b[max(0, len(b)-w.size):]
	kept := min(len(w.bytes), w.size-len(b))
	if needed := kept + len(b); needed > cap(w.bytes) {
		// By powers of two, as the size is one: a window which fills up is not copied
		// too often, and none of it is left over.
		grown := make([]byte, kept, 1<<bits.Len(uint(needed-1)))
		copy(grown, w.bytes[len(w.bytes)-kept:])
		w.bytes = grown
	} else {
		copy(w.bytes, w.bytes[len(w.bytes)-kept:])
	}
	w.bytes = append(w.bytes[:kept], b...)
}

// Deflater compresses messages.
type Deflater struct {
	out     sink
	writers [MaxBits + 1]*flate.Writer // by window bits
}

// sink is a writer into memory.
type sink []byte

func (s *sink) Write(b []byte) (int, error) {
	*s = append(*s, b...)
	return len(b), nil
}

// lookBackBits bound how far back a Deflater looks. Further would take long for each message: the
// Deflater keeps no knowledge of a Window from the last one.
const (
	lookBackBits  = 13
	lookBackBytes = 1 << lookBackBits
)

// syncBytes end the flushed data, and are left out of a message (section 7.2.1).
const syncBytes = 4

// Deflate compresses a message for a peer that keeps a window of windowBits bits. The data that
// it may refer to is in w, nil for none. The caller adds the message to it once it is sent. The
// result is good until the next call.
func (d *Deflater) Deflate(message []byte, windowBits uint8, w *Window) ([]byte, error) {
	const kept = 64 << 10
	if cap(d.out) > kept {
		d.out = nil
	}
	d.out = d.out[:0]
	size := 1 << windowBits
	var err error
	if windowBits == MaxBits || len(message) <= size {
		// Nothing in it is further apart than the window.
		err = flate.StatelessDeflate(&d.out, message, false, w.last(min(lookBackBytes, size-min(size, len(message)))))
	} else {
		err = d.write(message, windowBits, w)
	}
	if err != nil {
		return nil, err
	}
	return d.out[:len(d.out)-syncBytes], nil
}

// write compresses a message that is longer than the window.
func (d *Deflater) write(message []byte, windowBits uint8, w *Window) (err error) {
	if d.writers[windowBits] == nil {
		if d.writers[windowBits], err = flate.NewWriterWindow(&d.out, 1<<windowBits); err != nil {
			return err
		}
	}
	writer := d.writers[windowBits]
	writer.ResetDict(&d.out, w.last(lookBackBytes))
	if _, err := writer.Write(message); err != nil {
		return err
	}
	return writer.Flush()
}
