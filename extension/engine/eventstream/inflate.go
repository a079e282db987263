package eventstream

import (
	"bufio"
	"errors"
	"io"
	"iter"

	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zlib"
)

// inflater reads a body of a Content-Encoding as it comes. The readers of a
// compressed stream want to wait for its bytes: they run in a coroutine, which
// goes on whenever there are some. It takes some 50 KB, of streams that are
// compressed alone.
type inflater struct {
	in    []byte // what has come and was not read yet
	plain []byte // what it says and was not taken yet
	next  func() ([]byte, bool)
	stop  func()
	err   error // why it ended
}

// encoding is how a body is compressed (RFC 9110 section 8.4.1).
type encoding uint8

const (
	identity encoding = iota
	gzipped
	deflated
)

var errStopped = errors.New("eventstream: the stream is over")

func newInflater(e encoding) *inflater {
	const pieceBytes = 4 << 10
	f := &inflater{}
	f.next, f.stop = iter.Pull(func(yield func([]byte) bool) {
		r, err := e.open(bufio.NewReader(&awaiting{f, yield}))
		piece := make([]byte, pieceBytes)
		for n := 0; err == nil; {
			if n, err = r.Read(piece); n > 0 && !yield(piece[:n]) {
				return
			}
		}
		f.err = err
	})
	return f
}

// open makes the reader of an encoding. Some servers leave out zlib's frame
// around deflate.
func (e encoding) open(b *bufio.Reader) (io.Reader, error) {
	if e == gzipped {
		return gzip.NewReader(b)
	}
	head, err := b.Peek(2)
	if err != nil {
		return nil, err
	}
	const method, deflate = 0x0F, 8
	if head[0]&method == deflate && (int(head[0])<<8|int(head[1]))%31 == 0 {
		return zlib.NewReader(b)
	}
	return flate.NewReader(b), nil
}

// awaiting is the compressed bytes as the coroutine reads them: where there are
// none, it lets go until there are.
type awaiting struct {
	f     *inflater
	yield func([]byte) bool
}

func (a *awaiting) Read(b []byte) (int, error) {
	for len(a.f.in) == 0 {
		if !a.yield(nil) {
			return 0, errStopped
		}
	}
	n := copy(b, a.f.in)
	a.f.in = a.f.in[n:]
	return n, nil
}

// more inflates a piece of what has come, as far as anything is left of it. ended
// says that nothing will follow.
func (f *inflater) more() (ended bool) {
	plain, ok := f.next()
	f.plain = plain
	return !ok
}
