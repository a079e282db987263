package eventstream

import "errors"

// errFraming: the peer's chunks break RFC 9112 section 7.1.
var errFraming = errors.New("eventstream: the body's chunks break HTTP")

// body takes an HTTP/1.1 body apart (RFC 9112 section 6): chunked, of a length,
// or to the connection's end.
type body struct {
	framing framing
	at      chunkPart
	left    int64 // of the present chunk, or of the length
	seen    int32 // bytes of the present size, extension or trailer
}

type framing uint8

const (
	toTheEnd framing = iota
	byLength
	chunked
)

type chunkPart uint8

const (
	chunkSize chunkPart = iota
	chunkExtension
	chunkData
	chunkCR // behind its data
	chunkLF
	trailer     // at the start of a line of it
	trailerLine // within
	bodyOver
)

// maxChunkHead bounds a chunk's size and extension, and the trailer, which have
// no use here.
const maxChunkHead = 16 << 10

func newBody(f framing, length int64) body {
	b := body{framing: f, left: length}
	if f == byLength && length == 0 {
		b.at = bodyOver
	}
	return b
}

// over tells whether the body's end has come.
func (d *body) over() bool { return d.at == bodyOver }

// take skips framing at the front of b, n bytes of it, and returns the content
// that follows; say with took how much of that was taken.
func (d *body) take(b []byte) (content []byte, n int, err error) {
	switch {
	case d.at == bodyOver:
		return nil, len(b), nil // after the end nothing counts
	case d.framing == toTheEnd:
		return b, 0, nil
	case d.framing == byLength:
		return b[:min(int64(len(b)), d.left)], 0, nil
	}
	for n < len(b) && d.at != bodyOver {
		if d.at == chunkData {
			rest := b[n:]
			return rest[:min(int64(len(rest)), d.left)], n, nil
		}
		if err := d.step(b[n]); err != nil {
			return nil, n, err
		}
		n++
	}
	return nil, n, nil
}

// took says that so much of the content was taken.
func (d *body) took(n int) {
	if d.framing == toTheEnd {
		return
	}
	d.left -= int64(n)
	switch {
	case d.left > 0:
	case d.framing == byLength:
		d.at = bodyOver
	default:
		d.at = chunkCR
	}
}

// step takes one byte of framing.
func (d *body) step(c byte) error {
	if d.seen++; d.seen > maxChunkHead {
		return errFraming
	}
	switch d.at {
	case chunkSize:
		return d.size(c)
	case chunkExtension:
		if c == '\n' {
			d.sized()
		}
	case chunkCR:
		switch c {
		case '\r':
			d.at = chunkLF
		case '\n':
			d.nextChunk()
		default:
			return errFraming
		}
	case chunkLF:
		if c != '\n' {
			return errFraming
		}
		d.nextChunk()
	case trailer:
		switch c {
		case '\n':
			d.at = bodyOver
		case '\r':
		default:
			d.at = trailerLine
		}
	case trailerLine:
		if c == '\n' {
			d.at = trailer
		}
	}
	return nil
}

// size takes one byte of a chunk's size: left is -1 before its first digit.
func (d *body) size(c byte) error {
	digit := int64(-1)
	switch lower := c | 0x20; {
	case c >= '0' && c <= '9':
		digit = int64(c - '0')
	case lower >= 'a' && lower <= 'f':
		digit = int64(lower-'a') + 10
	}
	const most = 1 << 55
	switch {
	case digit >= 0 && d.left < most:
		d.left = max(d.left, 0)<<4 | digit
	case digit >= 0 || d.left < 0:
		return errFraming
	case c == '\n':
		d.sized()
	case c == '\r' || c == ';' || c == ' ' || c == '\t':
		d.at = chunkExtension
	default:
		return errFraming
	}
	return nil
}

// nextChunk goes on behind a chunk's end.
func (d *body) nextChunk() { d.at, d.seen, d.left = chunkSize, 0, -1 }

// sized goes on behind a chunk's head.
func (d *body) sized() {
	d.at, d.seen = chunkData, 0
	if d.left == 0 {
		d.at = trailer
	}
}

// skip is how many bytes at the front of b end a chunk whose content was taken,
// where all of its end is there.
func (d *body) skip(b []byte) int {
	if d.framing != chunked || d.at != chunkCR || len(b) < 2 || b[0] != '\r' || b[1] != '\n' {
		return 0
	}
	d.nextChunk()
	return 2
}
