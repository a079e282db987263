package conform

import (
	"bufio"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// link is a connection to a testee, after the opening handshake or before.
type link struct {
	conn    net.Conn
	buffer  *bufio.Reader
	testee  Testee
	silence time.Duration // without a byte that moves; 0 for no limit
	log     *wireLog
	random  *rand.Rand
	deflate *deflate
	reader  *strictReader

	moved atomic.Int64 // when a byte moved last, nanoseconds since the log's start

	mu    sync.Mutex
	queue []Event
	wake  chan struct{}
}

func newLink(conn net.Conn, testee Testee, silence time.Duration, log *wireLog, seed string) *link {
	l := &link{
		conn: conn, testee: testee, silence: silence, log: log,
		random: seeded(seed), wake: make(chan struct{}, 1),
	}
	l.buffer = bufio.NewReaderSize(movedReader{l}, 64<<10)
	l.touch()
	return l
}

func seeded(s string) *rand.Rand {
	var seed [32]byte
	copy(seed[:], s)
	return rand.New(rand.NewChaCha8(seed))
}

// closeWith drops the connection when ctx ends, until stop is called.
func (l *link) closeWith(ctx context.Context) (stop func() bool) {
	return context.AfterFunc(ctx, func() { l.conn.Close() })
}

func (l *link) touch() { l.moved.Store(int64(time.Since(l.log.start))) }

type movedReader struct{ *link }

func (r movedReader) Read(b []byte) (int, error) {
	n, err := r.conn.Read(b)
	if n > 0 {
		r.touch()
	}
	return n, err
}

// maxWrite bounds what one deadline is for.
const maxWrite = 256 << 10

// write sends bytes as they are, chop octets at a time; 0 for as many as go.
func (l *link) write(b []byte, chop int) error { return l.writeSlowly(b, chop, 0) }

// writeSlowly is write with a pause between two writes.
func (l *link) writeSlowly(b []byte, chop int, gap time.Duration) error {
	if chop == 0 {
		chop = maxWrite
	}
	for len(b) > 0 {
		n := min(chop, len(b))
		if l.silence > 0 {
			l.conn.SetWriteDeadline(time.Now().Add(l.silence))
		}
		if _, err := l.conn.Write(b[:n]); err != nil {
			return err
		}
		l.touch()
		if b = b[n:]; gap > 0 && len(b) > 0 {
			time.Sleep(gap)
		}
	}
	return nil
}

// encode is a frame's bytes, masked as the role demands and compressed where
// the frame asks for it.
func (l *link) encode(b []byte, f Frame) []byte {
	var key [4]byte
	for i := range key {
		key[i] = byte(l.random.Uint32())
	}
	from := len(b)
	b = f.encode(b, l.testee == Server, key)
	l.log.sent(f, b[from:])
	return b
}

// listen reads frames until the stream ends or breaks a rule. The events come
// by next.
func (l *link) listen(inflate *inflate) {
	l.reader = &strictReader{r: l.buffer, masked: l.testee == Client, inflate: inflate}
	go func() {
		for {
			f, err := l.reader.readFrame()
			var e *Event
			if err == nil {
				l.log.received(f)
				e, err = l.reader.take(f)
			}
			if e != nil {
				l.push(*e)
			}
			if err != nil {
				kind := End
				var b *Breach
				if errors.As(err, &b) {
					kind = Fault
				}
				l.push(Event{Kind: kind, Err: err})
				return
			}
		}
	}()
}

func (l *link) push(e Event) {
	l.mu.Lock()
	l.queue = append(l.queue, e)
	l.mu.Unlock()
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

func (l *link) pop() (e Event, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.queue) == 0 {
		return e, false
	}
	e = l.queue[0]
	l.queue = l.queue[1:]
	return e, true
}

// next waits for an event until nothing has moved for the silence limit.
func (l *link) next() (Event, bool) {
	for {
		if e, ok := l.pop(); ok {
			return e, true
		}
		if l.silence == 0 {
			<-l.wake
			continue
		}
		left := l.silence - (time.Since(l.log.start) - time.Duration(l.moved.Load()))
		if left <= 0 {
			return Event{}, false
		}
		timer := time.NewTimer(left)
		select {
		case <-l.wake:
		case <-timer.C:
		}
		timer.Stop()
	}
}

// within waits for an event no longer than d.
func (l *link) within(d time.Duration) (Event, bool) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	for {
		if e, ok := l.pop(); ok {
			return e, true
		}
		select {
		case <-l.wake:
		case <-timer.C:
			return l.pop()
		}
	}
}

// closeWrite sends a FIN and goes on reading.
func (l *link) closeWrite() {
	if c, ok := l.conn.(interface{ CloseWrite() error }); ok {
		c.CloseWrite()
		return
	}
	l.conn.Close()
}

// endOf says how a stream ended.
func endOf(err error) string {
	switch {
	case err == nil:
		return ""
	case errors.Is(err, io.EOF):
		return "closed"
	case errors.Is(err, errCut):
		return "closed inside a frame"
	}
	return "reset"
}
