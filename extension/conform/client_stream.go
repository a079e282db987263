package conform

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// clientStream is a stream that a client has opened. A case sees a connection of
// HTTP/1.1: the extended CONNECT is an upgrade, END_STREAM is a FIN.
type clientStream struct {
	*clientSession
	id     uint32
	fields []hpack.HeaderField // of the request
	// how frames this side's bytes as a case wants them.
	how *streamReply

	in      []byte // that has not been read
	end     error  // of the client's bytes, io.EOF for END_STREAM
	granted int64  // what the client may send
	window  int64  // what this side may send
	said    bool   // END_STREAM is sent
	head    []byte // of the answer, until it is whole
	began   bool   // the answer is sent
	read    deadline
	written deadline
}

func newClientStream(s *clientSession, f *http2.MetaHeadersFrame) *clientStream {
	c := &clientStream{
		clientSession: s, id: f.StreamID, fields: f.Fields, how: &streamReply{},
		granted: streamWindow, window: s.initial,
	}
	if f.StreamEnded() {
		c.end = errEndedAtOnce
	}
	c.in = []byte(upgradeOf(f.Fields).String())
	return c
}

// errEndedAtOnce: END_STREAM came with the request.
var errEndedAtOnce = fmt.Errorf("the request ended its stream: %w", io.EOF)

// upgradeOf is a request as HTTP/1.1 says it.
func upgradeOf(fields []hpack.HeaderField) *head {
	path, host := fieldOf(fields, ":path"), fieldOf(fields, ":authority")
	h := &head{line: "GET " + path + " HTTP/1.1", lines: []headerLine{{"Host", host}}}
	if isWebSocket(fields) {
		h.lines = append(h.lines, headerLine{"Upgrade", "websocket"}, headerLine{"Connection", "Upgrade"}, headerLine{"Sec-WebSocket-Key", keyOf(16)})
	}
	for _, f := range fields {
		switch {
		case strings.HasPrefix(f.Name, ":"), f.Name == "host", f.Name == "sec-websocket-key", f.Name == "upgrade", f.Name == "connection":
		default:
			h.lines = append(h.lines, headerLine{f.Name, f.Value})
		}
	}
	return h
}

func isWebSocket(fields []hpack.HeaderField) bool {
	return fieldOf(fields, ":method") == "CONNECT" && fieldOf(fields, ":protocol") == "websocket"
}

// takeLocked takes what the client sent.
func (c *clientStream) takeLocked(f *http2.DataFrame) {
	c.granted -= int64(f.Length)
	switch {
	case c.end != nil:
		c.end = breach("RFC 9113 5.1", "DATA came behind the stream's end")
	case c.granted < 0:
		c.end = breach("RFC 9113 6.9.1", "%d bytes came beyond the stream's window", -c.granted)
	default:
		c.in = append(c.in, f.Data()...)
		if padding := int(f.Length) - len(f.Data()); padding > 0 {
			c.grantLocked(padding)
		}
		if f.StreamEnded() {
			c.end = io.EOF
		}
	}
}

// grantLocked lets the client send as many bytes more.
func (c *clientStream) grantLocked(n int) {
	c.granted += int64(n)
	_ = c.write(func() error {
		return errors.Join(c.framer.WriteWindowUpdate(c.id, uint32(n)), c.framer.WriteWindowUpdate(0, uint32(n)))
	})
}

// Read is part of net.Conn.
func (c *clientStream) Read(b []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for len(c.in) == 0 {
		switch {
		case c.end != nil:
			return 0, c.end
		case c.gone != nil:
			return 0, c.gone
		case c.read.passed():
			return 0, c.read.err()
		}
		c.changed.Wait()
	}
	n := copy(b, c.in)
	c.in = c.in[n:]
	if c.granted < c.allowance() {
		c.grantLocked(int(min(int64(n), c.allowance()-c.granted)))
	}
	return n, nil
}

// allowance is the window that the client is granted at first.
func (c *clientStream) allowance() int64 {
	if c.how.Window > 0 {
		return int64(c.how.Window)
	}
	return streamWindow
}

// Write is part of net.Conn. The first that is written is the head of an answer.
func (c *clientStream) Write(b []byte) (int, error) {
	if !c.began {
		c.head = append(c.head, b...)
		end := bytes.Index(c.head, []byte("\r\n\r\n"))
		if end < 0 {
			return len(b), nil
		}
		rest := c.head[end+4:]
		if err := c.answer(c.head[:end+4]); err != nil {
			return 0, err
		}
		if err := c.say(rest); err != nil {
			return 0, err
		}
		return len(b), nil
	}
	return len(b), c.say(b)
}

// answer sends HEADERS for a head of HTTP/1.1, as the case has it.
func (c *clientStream) answer(text []byte) error {
	h, _, err := readHead(bufio.NewReader(bytes.NewReader(text)))
	if err != nil {
		return err
	}
	c.began = true
	fields := answerOf(h)
	for _, e := range c.how.Edit {
		fields = e(fields)
	}
	c.mu.Lock()
	c.said = c.how.Ends
	c.granted = c.allowance()
	c.mu.Unlock()
	return c.write(func() error { return c.how.greet(c, fields) })
}

// answerOf are the fields of HTTP/2 for an answer of HTTP/1.1.
func answerOf(h *head) []hpack.HeaderField {
	status := statusOf(h.line)
	if status == 101 {
		status = 200
	}
	fields := []hpack.HeaderField{{Name: ":status", Value: fmt.Sprint(status)}}
	for _, line := range h.lines {
		switch name := strings.ToLower(line.name); name {
		case "upgrade", "connection", "sec-websocket-accept":
		default:
			fields = append(fields, hpack.HeaderField{Name: name, Value: line.value})
		}
	}
	return fields
}

// say sends DATA, as the windows allow.
func (c *clientStream) say(b []byte) error {
	for len(b) > 0 {
		n, err := c.room(len(b))
		if err != nil {
			return err
		}
		if err := c.write(func() error { return c.how.data(c, b[:n]) }); err != nil {
			return err
		}
		b = b[n:]
	}
	return nil
}

// room takes up to n bytes from the windows, and waits until there is one.
func (c *clientStream) room(n int) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	padding := int64(c.how.padding())
	for {
		free := min(c.window, c.clientSession.window) - padding
		switch {
		case c.said:
			return 0, net.ErrClosed
		case c.end != nil && !errors.Is(c.end, io.EOF):
			return 0, c.end
		case c.gone != nil:
			return 0, c.gone
		case c.written.passed():
			return 0, c.written.err()
		case free > 0:
			n = min(n, int(min(free, int64(c.frame))), c.how.most())
			c.window -= int64(n) + padding
			c.clientSession.window -= int64(n) + padding
			return n, nil
		}
		c.changed.Wait()
	}
}

// CloseWrite sends END_STREAM.
func (c *clientStream) CloseWrite() error {
	c.mu.Lock()
	said := c.said
	c.said = true
	c.mu.Unlock()
	if said || !c.began {
		return nil
	}
	return c.write(func() error { return c.framer.WriteData(c.id, true, nil) })
}

// Close resets the stream, unless both sides have ended it.
func (c *clientStream) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.streams[c.id] != c {
		return nil
	}
	delete(c.streams, c.id)
	both := c.said && errors.Is(c.end, io.EOF)
	c.said = true
	c.changed.Broadcast()
	return c.write(func() error {
		var err error
		if !both {
			err = c.framer.WriteRSTStream(c.id, http2.ErrCodeCancel)
		}
		return errors.Join(err, c.how.leave(c))
	})
}

// LocalAddr is part of net.Conn.
func (c *clientStream) LocalAddr() net.Addr { return c.tcp.LocalAddr() }

// RemoteAddr is part of net.Conn.
func (c *clientStream) RemoteAddr() net.Addr { return c.tcp.RemoteAddr() }

// SetDeadline is part of net.Conn.
func (c *clientStream) SetDeadline(t time.Time) error {
	return errors.Join(c.SetReadDeadline(t), c.SetWriteDeadline(t))
}

// SetReadDeadline is part of net.Conn.
func (c *clientStream) SetReadDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.read.set(c.clientSession, t)
	return nil
}

// SetWriteDeadline is part of net.Conn.
func (c *clientStream) SetWriteDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.written.set(c.clientSession, t)
	return nil
}
