package faulty

import (
	"bytes"
	"io"

	"github.com/klauspost/compress/flate"
)

// codec compresses this side's messages and inflates the peer's.
type codec struct {
	bits, peerBits      int
	forget, peerForgets bool

	out    bytes.Buffer
	w      *flate.Writer
	window []byte // of the peer's messages
}

func (d *codec) deflate(data []byte) []byte {
	d.out.Reset()
	if d.w == nil || d.forget {
		d.w = d.writer()
	}
	d.w.Write(data)
	d.w.Flush()
	return append([]byte(nil), bytes.TrimSuffix(d.out.Bytes(), []byte{0, 0, 0xff, 0xff})...)
}

func (d *codec) writer() *flate.Writer {
	if d.bits < 15 {
		w, err := flate.NewWriterWindow(&d.out, 1<<d.bits)
		if err != nil {
			panic(err) // 8 to 15 bits all work
		}
		return w
	}
	w, err := flate.NewWriter(&d.out, flate.DefaultCompression)
	if err != nil {
		panic(err)
	}
	return w
}

func (d *codec) inflate(c *connection, data []byte) ([]byte, error) {
	tail := []byte{0, 0, 0xff, 0xff, 1, 0, 0, 0xff, 0xff}
	if c.has("first-block-alone") {
		if i := bytes.Index(data, tail[:4]); i >= 0 {
			data = data[:i]
		}
	}
	r := flate.NewReaderDict(io.MultiReader(bytes.NewReader(data), bytes.NewReader(tail)), d.window)
	out, err := io.ReadAll(io.LimitReader(r, 64<<20))
	if d.peerForgets || c.has("forgets-context") {
		return out, err
	}
	d.window = append(d.window, out...)
	if over := len(d.window) - 1<<d.peerBits; over > 0 {
		d.window = append([]byte(nil), d.window[over:]...)
	}
	return out, err
}
