package conform

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// clientSession is a connection of HTTP/2 that a client has opened. Each of its
// streams is a connection of WebSocket.
type clientSession struct {
	tcp     net.Conn
	buffer  *bufio.Reader
	framer  *http2.Framer
	silence time.Duration
	secured bool

	writing sync.Mutex // a frame at a time
	greeted bool
	held    []byte // until this side has greeted
	block   fieldBlock

	mu      sync.Mutex
	changed *sync.Cond // anything below, or of a stream
	window  int64      // what may be sent on all streams, bytes
	initial int64      // what may be sent on a new one
	frame   int        // octets of a DATA frame that the client takes
	streams map[uint32]*clientStream
	acked   map[[8]byte]bool // PINGs that were answered
	gone    error            // why the connection is over
	// early: a request came before this side's SETTINGS; hasty: it asked for a
	// WebSocket.
	early, hasty bool
}

const (
	// streamWindow and sessionWindow are what a client may send before more is
	// granted.
	streamWindow  = 1 << 20
	sessionWindow = 1 << 30
	// defaultWindow is that of HTTP/2 (RFC 9113 6.9.2), as is defaultFrame (4.2).
	defaultWindow = 65_535
	defaultFrame  = 16_384
	// maxStreams bounds what one connection can make this side keep.
	maxStreams = 100
	// hasteGrace is how long this side's SETTINGS wait: a client that does not
	// wait for them has asked by then.
	hasteGrace = 5 * time.Millisecond
)

var errNoHTTP2 = errors.New("the client does not speak HTTP/2")

// serveHTTP2 hands each stream of a connection to serve, until it ends.
func serveHTTP2(ctx context.Context, tcp net.Conn, silence time.Duration, serve func(net.Conn)) error {
	s := &clientSession{
		tcp: tcp, buffer: bufio.NewReaderSize(tcp, 64<<10), silence: silence,
		window: defaultWindow, initial: defaultWindow, frame: defaultFrame,
		streams: map[uint32]*clientStream{}, acked: map[[8]byte]bool{},
	}
	s.changed = sync.NewCond(&s.mu)
	s.framer = http2.NewFramer(deadlineWriter{s}, s.buffer)
	s.framer.SetMaxReadFrameSize(defaultFrame)
	s.framer.ReadMetaHeaders, s.framer.MaxHeaderListSize = hpack.NewDecoder(4096, nil), maxHead
	defer context.AfterFunc(ctx, func() { tcp.Close() })()
	var open sync.WaitGroup
	defer open.Wait()
	err := s.greet()
	for err == nil {
		err = s.take(func(c *clientStream) {
			open.Go(func() {
				defer c.Close()
				serve(c)
			})
		})
	}
	s.mu.Lock()
	s.gone = err
	s.changed.Broadcast()
	s.mu.Unlock()
	return err
}

// deadlineWriter bounds each write: a client that reads nothing holds up none
// but itself.
type deadlineWriter struct{ *clientSession }

func (w deadlineWriter) Write(b []byte) (int, error) {
	if !w.greeted {
		w.held = append(w.held, b...)
		return len(b), nil
	}
	if w.silence > 0 {
		w.tcp.SetWriteDeadline(time.Now().Add(w.silence))
	}
	return w.tcp.Write(b)
}

// greet takes the client's preface and its SETTINGS, and sends this side's.
func (s *clientSession) greet() error {
	if s.silence > 0 {
		s.tcp.SetReadDeadline(time.Now().Add(s.silence))
	}
	if secured, is := s.tcp.(*tls.Conn); is {
		if err := secured.Handshake(); err != nil {
			return err
		}
		if secured.ConnectionState().NegotiatedProtocol != http2.NextProtoTLS {
			return errNoHTTP2
		}
		s.secured = true
	}
	preface := make([]byte, len(http2.ClientPreface))
	if _, err := io.ReadFull(s.buffer, preface); err != nil || string(preface) != http2.ClientPreface {
		return errors.Join(errNoHTTP2, err)
	}
	if err := s.awaitHaste(); err != nil {
		return err
	}
	return s.write(func() error {
		s.greeted = true
		held := s.held
		err := errors.Join(
			s.framer.WriteSettings(
				http2.Setting{ID: http2.SettingEnableConnectProtocol, Val: 1},
				http2.Setting{ID: http2.SettingInitialWindowSize, Val: streamWindow},
				http2.Setting{ID: http2.SettingMaxConcurrentStreams, Val: maxStreams},
				http2.Setting{ID: unknownSetting, Val: 1},
			),
			s.framer.WriteWindowUpdate(0, sessionWindow-defaultWindow),
		)
		_, rest := deadlineWriter{s}.Write(held)
		return errors.Join(err, rest)
	})
}

// unknownSetting must be ignored (RFC 9113 6.5.2).
const unknownSetting = 0xF0F0

// awaitHaste notes whether a request comes before this side's SETTINGS. It looks
// at what has come, and leaves the request where it is.
func (s *clientSession) awaitHaste() error {
	defer s.tcp.SetReadDeadline(time.Time{})
	for {
		s.tcp.SetReadDeadline(time.Now().Add(hasteGrace))
		head, err := s.buffer.Peek(9)
		var timeout net.Error
		switch {
		case errors.As(err, &timeout) && timeout.Timeout():
			return nil
		case err != nil:
			return err
		case http2.FrameType(head[3]) == http2.FrameHeaders:
			s.early = true
			return nil
		}
		s.tcp.SetReadDeadline(time.Time{})
		if err := s.take(nil); err != nil {
			return err
		}
	}
}

func (s *clientSession) write(frames func() error) error {
	s.writing.Lock()
	defer s.writing.Unlock()
	return frames()
}

// take takes the next frame.
func (s *clientSession) take(begin func(*clientStream)) error {
	f, err := s.framer.ReadFrame()
	var malformed http2.StreamError
	if errors.As(err, &malformed) {
		return s.write(func() error { return s.framer.WriteRSTStream(malformed.StreamID, malformed.Code) })
	}
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	defer s.changed.Broadcast()
	c := s.streams[f.Header().StreamID]
	switch f := f.(type) {
	case *http2.SettingsFrame:
		return s.setLocked(f)
	case *http2.PingFrame:
		if !f.IsAck() {
			return s.write(func() error { return s.framer.WritePing(true, f.Data) })
		}
		if len(s.acked) < maxStreams {
			s.acked[f.Data] = true
		}
	case *http2.WindowUpdateFrame:
		if f.StreamID == 0 {
			s.window += int64(f.Increment)
		} else if c != nil {
			c.window += int64(f.Increment)
		}
	case *http2.MetaHeadersFrame:
		if c != nil || len(s.streams) == maxStreams {
			return s.write(func() error { return s.framer.WriteRSTStream(f.StreamID, http2.ErrCodeRefusedStream) })
		}
		s.hasty, s.early = s.hasty || s.early && isWebSocket(f.Fields), false
		c = newClientStream(s, f)
		s.streams[f.StreamID] = c
		begin(c)
	case *http2.DataFrame:
		if c != nil {
			c.takeLocked(f)
		}
	case *http2.RSTStreamFrame:
		if c != nil {
			c.end = errors.New("RST_STREAM " + f.ErrCode.String())
		}
	}
	return nil
}

// setLocked takes the client's SETTINGS.
func (s *clientSession) setLocked(f *http2.SettingsFrame) error {
	if f.IsAck() {
		return nil
	}
	if v, given := f.Value(http2.SettingInitialWindowSize); given {
		for _, c := range s.streams {
			c.window += int64(v) - s.initial
		}
		s.initial = int64(v)
	}
	if v, given := f.Value(http2.SettingMaxFrameSize); given {
		s.frame = min(int(v), 1<<20)
	}
	return s.write(s.framer.WriteSettingsAck)
}

// isAcked waits until the client has answered a PING; 0 to wait for ever.
func (s *clientSession) isAcked(data [8]byte, within time.Duration) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	until := deadline{}
	if within > 0 {
		until.set(s, time.Now().Add(within))
	}
	for !s.acked[data] && s.gone == nil && !until.passed() {
		s.changed.Wait()
	}
	return s.acked[data]
}

// deadline wakes the waiters of a session when it has passed.
type deadline struct {
	at    time.Time // 0 for none
	timer *time.Timer
}

func (d *deadline) set(s *clientSession, at time.Time) {
	if d.timer != nil {
		d.timer.Stop()
	}
	d.at = at
	if !at.IsZero() {
		d.timer = time.AfterFunc(time.Until(at), func() {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.changed.Broadcast()
		})
	}
}

func (d *deadline) passed() bool { return !d.at.IsZero() && !time.Now().Before(d.at) }

func (d *deadline) err() error {
	if d.passed() {
		return os.ErrDeadlineExceeded
	}
	return nil
}
