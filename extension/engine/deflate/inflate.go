package deflate

import (
	"bytes"
	"errors"
	"io"

	"github.com/klauspost/compress/flate"
)

// The faults of a compressed message.
var (
	// ErrData: it is not DEFLATE data, or refers to bytes outside the window.
	ErrData = errors.New("deflate: no DEFLATE data")
	// ErrTooBig: it has more bytes than the limit.
	ErrTooBig = errors.New("deflate: the message is larger than the limit")
	// ErrNoRoom: the memory of all messages together is used up.
	ErrNoRoom = errors.New("deflate: no memory is left for the message")
)

// Memory is what all loops may use together for what peers sent.
type Memory interface {
	// Grow notes that something went from one size to another, in bytes; false
	// says that there is no room, and nothing is noted.
	Grow(from, to int) bool
}

// Inflater decompresses messages.
type Inflater struct {
	limit  int64
	memory Memory
	flate  io.ReadCloser
	source bytes.Reader
	in     []byte
	out    []byte
}

// keptBytes is what an Inflater holds between messages; it counts for nothing.
const keptBytes = 64 << 10

// NewInflater makes an Inflater of messages of at most limit bytes. What it
// needs for long ones is asked of memory.
func NewInflater(limit int64, memory Memory) *Inflater {
	return &Inflater{limit: limit, memory: memory}
}

// tail is what a sender left out (section 7.2.2), and an empty last block, so
// that the end shows.
const tail = "\x00\x00\xff\xff\x01\x00\x00\xff\xff"

// Inflate decompresses a message and adds it to the window that it may refer
// to, nil for none. The result is good until the next call. Memory beyond the
// limits is never taken, whatever a message expands to.
func (f *Inflater) Inflate(message []byte, w *Window) ([]byte, error) {
	f.shrink()
	f.in = append(append(f.in[:0], message...), tail...)
	f.source.Reset(f.in)
	f.reset(w.Bytes())
	f.out = f.out[:0]
	for {
		if len(f.out) == cap(f.out) {
			if err := f.grow(); err != nil {
				return nil, err
			}
		}
		n, err := f.flate.Read(f.out[len(f.out):cap(f.out)])
		f.out = f.out[:len(f.out)+n]
		switch {
		case int64(len(f.out)) > f.limit:
			return nil, ErrTooBig
		case err == nil:
		case err != io.EOF:
			return nil, ErrData
		case f.source.Len() > 0:
			// A block that was marked as the last, which ends no message (section
			// 7.2.3.4). What follows may refer to it.
			f.reset(history(w, f.out))
		default:
			w.Add(f.out)
			return f.out, nil
		}
	}
}

func (f *Inflater) reset(window []byte) {
	if f.flate == nil {
		f.flate = flate.NewReader(&f.source)
	}
	// It only fails where the reader is of another kind.
	_ = f.flate.(flate.Resetter).Reset(&f.source, window)
}

// history is what of a window and a message may be referred to.
func history(w *Window, message []byte) []byte {
	const most = 1 << MaxBits
	all := append(bytes.Clone(w.Bytes()), message...)
	return all[max(0, len(all)-most):]
}

// grow makes room for more, but for no more than one byte above the limit.
func (f *Inflater) grow() error {
	const least = 4 << 10
	size := int(min(int64(max(least, 2*cap(f.out))), f.limit+1))
	if !f.memory.Grow(counted(cap(f.out)), counted(size)) {
		return ErrNoRoom
	}
	f.out = append(make([]byte, 0, size), f.out...)
	return nil
}

// shrink gives back what a long message took.
func (f *Inflater) shrink() {
	if cap(f.out) > keptBytes {
		f.memory.Grow(counted(cap(f.out)), 0)
		f.out = nil
	}
	if cap(f.in) > keptBytes {
		f.in = nil
	}
}

func counted(bytes int) int {
	if bytes <= keptBytes {
		return 0
	}
	return bytes
}
