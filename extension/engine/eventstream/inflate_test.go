package eventstream

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"xk6-realtime/engine/clock"
	"xk6-realtime/engine/frame"
	"xk6-realtime/engine/wire"
)

// paperLink notes what a stream does to its connection.
type paperLink struct{ finished, reset bool }

func (l *paperLink) Send([]byte) error       { return nil }
func (l *paperLink) SendLast([]byte) error   { return nil }
func (l *paperLink) Within(time.Duration)    {}
func (l *paperLink) Overdue(clock.Time) bool { return false }
func (l *paperLink) Finish(reset bool)       { l.finished, l.reset = true, reset }
func (l *paperLink) CloseWrite()             {}
func (l *paperLink) Alive() bool             { return !l.finished }
func (l *paperLink) IsStream() bool          { return false }

// opened is a stream whose head says so.
func opened(t testing.TB, sh *Shared, fields string) *Stream {
	t.Helper()
	s := &Stream{}
	head := "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n" + fields + "\r\n"
	if n, _, err := s.Answered(sh, []byte(head)); n != len(head) || err != nil {
		t.Fatal(n, err)
	}
	return s
}

// readAll gives a stream its bytes in pieces, each gone afterwards.
func readAll(s *Stream, l wire.Link, sh *Shared, b []byte, piece int) (messages []string) {
	for len(b) > 0 && l.Alive() {
		now := bytes.Clone(b[:min(piece, len(b))])
		b = b[len(now):]
		for rest := now; l.Alive(); {
			m, _, n := s.Next(l, sh, rest, false, wire.Arrival{})
			rest = rest[n:]
			if m.Kind == wire.None {
				break
			}
			messages = append(messages, string(m.Data))
		}
		clear(now)
	}
	return messages
}

type flusher interface {
	io.WriteCloser
	Flush() error
}

// compressedEvents are events, each flushed as servers do.
func compressedEvents(count int, make func(w io.Writer) flusher) []byte {
	var b bytes.Buffer
	w := make(&b)
	for i := range count {
		fmt.Fprintf(w, "id: %d\ndata: it said so before, it said so before\n\n", i)
		w.Flush()
	}
	w.Close()
	return b.Bytes()
}

var compressions = map[string]func(w io.Writer) flusher{
	"gzip":    func(w io.Writer) flusher { return gzip.NewWriter(w) },
	"x-gzip":  func(w io.Writer) flusher { return gzip.NewWriter(w) },
	"deflate": func(w io.Writer) flusher { return zlib.NewWriter(w) },
	"Deflate": func(w io.Writer) flusher { // without zlib's frame
		f, _ := flate.NewWriter(w, flate.BestSpeed)
		return f
	},
}

func TestCompressedStreams(t *testing.T) {
	const count = 50
	for name, make := range compressions {
		b := compressedEvents(count, make)
		for _, piece := range []int{1, 7, 100, len(b)} {
			sh, l := NewShared(Options{HeaderBytes: 1 << 10}), &paperLink{}
			s := opened(t, sh, fmt.Sprintf("Content-Encoding: %s\r\nContent-Length: %d\r\n", name, len(b)))
			messages := readAll(s, l, sh, b, piece)
			if len(messages) != count || messages[count-1] != `{"event":"message","id":"49","data":"it said so before, it said so before"}` {
				t.Errorf("%s in pieces of %d: %d messages", name, piece, len(messages))
			}
			if end := s.End(); !l.finished || end.By != wire.ByServer || end.Code != 0 || end.Breach != "" {
				t.Errorf("%s in pieces of %d: ended with %+v", name, piece, end)
			}
			s.Release(sh)
		}
	}
}

// Each event is handed out with the bytes that bring it, not with later ones.
func TestACompressedEventIsNotHeldBack(t *testing.T) {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	sh, l := NewShared(Options{HeaderBytes: 1 << 10}), &paperLink{}
	s := opened(t, sh, "Content-Encoding: gzip\r\n")
	defer s.Release(sh)
	for i := range 10 {
		fmt.Fprintf(w, "data: %d\n\n", i)
		w.Flush()
		messages := readAll(s, l, sh, b.Bytes(), 1<<20)
		b.Reset()
		if want := fmt.Sprintf(`{"event":"message","data":%d}`, i); len(messages) != 1 || messages[0] != want {
			t.Fatalf("event %d: %q", i, messages)
		}
	}
}

func TestBodiesThatCannotBeInflated(t *testing.T) {
	good := compressedEvents(2, compressions["gzip"])
	broken := bytes.Clone(good)
	broken[len(broken)-5] ^= 0xFF // its checksum
	for sentence, b := range map[string][]byte{
		"no gzip":          []byte(strings.Repeat("data: 1\n\n", 10)),
		"a wrong checksum": broken,
	} {
		sh, l := NewShared(Options{HeaderBytes: 1 << 10}), &paperLink{}
		s := opened(t, sh, "Content-Encoding: gzip\r\n")
		readAll(s, l, sh, b, 1<<20)
		if end := s.End(); !l.finished || end.Breach != "bad_encoding" || end.By != wire.ByServer {
			t.Errorf("%s: ended with %+v", sentence, end)
		}
		s.Release(sh)
	}
}

// What is small compressed and large otherwise ends at the limit.
func TestALargeEventOfAFewBytesStaysBounded(t *testing.T) {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	io.WriteString(w, "data: ")
	for range 100 {
		w.Write(make([]byte, 1<<16))
	}
	w.Close()
	const limit = 100_000
	buffer := frame.NewBuffer(10 * limit)
	sh, l := NewShared(Options{Limits: Limits{EventBytes: limit, Buffer: buffer}, HeaderBytes: 1 << 10}), &paperLink{}
	s := opened(t, sh, "Content-Encoding: gzip\r\n")
	readAll(s, l, sh, b.Bytes(), 1<<20)
	if end := s.End(); end.Breach != "message_too_big" || end.By != wire.ByGenerator {
		t.Errorf("ended with %+v", end)
	}
	s.Release(sh)
	if held := buffer.Bytes(); held > 0 {
		t.Errorf("%d bytes are held", held)
	}
}

// FuzzStream feeds any bytes to a stream in chunks, whole and in pieces: what
// comes of them is the same, and holds no more than its limits.
func FuzzStream(f *testing.F) {
	f.Add([]byte("9\r\ndata: 1\n\n\r\n0\r\n\r\n"), uint8(3), uint8(0))
	f.Add([]byte("3;x=y\r\ndat\r\n06\r\na: 1\n\n\r\n0\r\nTrailer: x\r\n\r\n"), uint8(1), uint8(0))
	f.Add(compressedEvents(2, compressions["gzip"]), uint8(5), uint8(1))
	f.Add(compressedEvents(2, compressions["deflate"]), uint8(5), uint8(2))
	f.Add([]byte("data: 1\n\n: comment\n\ndata: 2\n\n"), uint8(2), uint8(3))
	kinds := []string{"Transfer-Encoding: chunked\r\n", "Content-Encoding: gzip\r\n", "Content-Encoding: deflate\r\n", ""}
	f.Fuzz(func(t *testing.T, b []byte, piece, kind uint8) {
		const limit = 500
		read := func(piece int) ([]string, wire.End, bool) {
			buffer := frame.NewBuffer(10 * limit)
			sh, l := NewShared(Options{Limits: Limits{EventBytes: limit, Buffer: buffer}, HeaderBytes: 1 << 10}), &paperLink{}
			s := opened(t, sh, kinds[int(kind)%len(kinds)])
			messages := readAll(s, l, sh, b, piece)
			end := s.End()
			s.Release(sh)
			if held := buffer.Bytes(); held > 10*limit {
				t.Fatalf("%d bytes are held", held)
			}
			return messages, end, l.finished
		}
		whole, endWhole, overWhole := read(len(b) + 1)
		cut, endCut, overCut := read(1 + int(piece))
		// Lines that nobody knows count against the limit only where they are kept.
		if endWhole.By == wire.ByGenerator || endCut.By == wire.ByGenerator {
			return
		}
		if fmt.Sprint(whole) != fmt.Sprint(cut) || endWhole != endCut || overWhole != overCut {
			t.Fatalf("whole %q, %+v, %v\n  cut %q, %+v, %v", whole, endWhole, overWhole, cut, endCut, overCut)
		}
	})
}
