package faulty

import (
	"encoding/binary"
	"errors"
	"io"
	"net"
	"time"
	"unicode/utf8"
)

const (
	opContinuation = 0
	opText         = 1
	opBinary       = 2
	opClose        = 8
	opPing         = 9
	opPong         = 10
)

type frame struct {
	fin     bool
	rsv, op byte
	masked  bool
	payload []byte
}

// breach is a rule that the peer broke: the code to fail the connection with.
type breach int

func (breach) Error() string { return "a rule was broken" }

const (
	protocol breach = 1002
	payload  breach = 1007
	tooBig   breach = 1009
)

// errDone ends a connection whose Close frames are exchanged.
var errDone = errors.New("done")

// echo sends each message back until the connection ends.
func (c *connection) echo() {
	for {
		f, err := c.read()
		if err == nil {
			err = c.take(f)
		}
		if err == nil {
			continue
		}
		if b, broke := errors.AsType[breach](err); broke {
			if c.has("hangs-on-breach") {
				time.Sleep(time.Hour)
			}
			code := int(b)
			if c.has("fails-with-1008") {
				code = 1008
			}
			c.write(frame{fin: true, op: opClose, payload: []byte{byte(code >> 8), byte(code)}})
			c.leave()
		}
		if errors.Is(err, errDone) {
			c.leave()
		}
		return
	}
}

func (c *connection) read() (*frame, error) {
	var head [8]byte
	if c.has("needs-whole-head") {
		if n, err := c.r.Read(head[:2]); n < 2 || err != nil {
			return nil, errors.Join(err, protocol)
		}
	} else if _, err := io.ReadFull(c.r, head[:2]); err != nil {
		return nil, err
	}
	f := &frame{fin: head[0]&0x80 != 0, rsv: head[0] >> 4 & 7, op: head[0] & 15, masked: head[1]&0x80 != 0}
	n := uint64(head[1] & 0x7f)
	switch n {
	case 126:
		if _, err := io.ReadFull(c.r, head[:2]); err != nil {
			return nil, err
		}
		n = uint64(binary.BigEndian.Uint16(head[:2]))
	case 127:
		if _, err := io.ReadFull(c.r, head[:8]); err != nil {
			return nil, err
		}
		n = binary.BigEndian.Uint64(head[:8])
	}
	if c.has("takes-high-length-bit") {
		n &^= 1 << 63
	}
	if err := c.check(f, n); err != nil {
		return nil, err
	}
	var key [4]byte
	if f.masked {
		if _, err := io.ReadFull(c.r, key[:]); err != nil {
			return nil, err
		}
	}
	f.payload = make([]byte, n)
	if _, err := io.ReadFull(c.r, f.payload); err != nil {
		return nil, err
	}
	for i := range f.payload {
		f.payload[i] ^= key[i&3]
	}
	return f, nil
}

func (c *connection) check(f *frame, n uint64) error {
	control := f.op >= opClose
	switch {
	case n>>63 != 0, n > 64<<20:
		return protocol
	case !f.masked && !c.has("takes-unmasked") && !(control && c.has("takes-unmasked-control")),
		f.rsv&3 != 0 && !c.has("takes-rsv23"),
		f.rsv&4 != 0 && !c.takesRSV1(f),
		f.op > opBinary && f.op < opClose && !c.has("takes-data-opcodes"),
		f.op > opPong && !c.has("takes-control-opcodes"),
		control && !f.fin && !(c.has("takes-fragmented-ping") && f.op == opPing),
		control && n > 125 && !(c.has("takes-long-ping") && f.op == opPing),
		f.op == opContinuation && c.op == 0 && !c.has("takes-stray-continuation"),
		(f.op == opText || f.op == opBinary) && c.op != 0 && !c.has("takes-message-in-message"):
		return protocol
	}
	return nil
}

func (c *connection) takesRSV1(f *frame) bool {
	switch {
	case c.deflate == nil:
		return c.has("takes-rsv1")
	case f.op >= opClose:
		return c.has("rsv1-on-control")
	case f.op == opContinuation:
		return c.has("rsv1-on-continuation")
	}
	return true
}

func (c *connection) take(f *frame) error {
	switch {
	case f.op == opPing:
		c.ping(f)
		return nil
	case f.op == opPong:
		if c.has("answers-pong") {
			c.write(frame{fin: true, op: opPong, payload: f.payload})
		}
		return nil
	case f.op == opClose:
		return c.close(f.payload)
	case f.op > opBinary:
		return nil // a fault takes it
	}
	return c.data(f)
}

func (c *connection) ping(f *frame) {
	answer := f.payload
	switch {
	case c.has("no-pong"):
		return
	case c.has("ping-ends-message"):
		c.message, c.op = nil, 0
	case c.has("empty-pong"):
		answer = nil
	case c.has("short-pong"):
		answer = answer[:min(len(answer), 100)]
	case c.has("late-pong") && c.op != 0:
		c.pongs = append(c.pongs, answer)
		return
	}
	c.write(frame{fin: true, op: opPong, payload: answer})
}

func (c *connection) data(f *frame) error {
	if f.op != opContinuation {
		c.op, c.message, c.packed = f.op, nil, f.rsv&4 != 0 && c.deflate != nil
		if c.deflate != nil && c.has("inflates-plain") {
			c.packed = true
		}
	} else if c.op == 0 {
		c.op = opText // a fault takes it
	}
	if c.has("inflates-by-frame") && c.packed {
		var err error
		if f.payload, err = c.deflate.inflate(c, f.payload); err != nil {
			return payload
		}
	}
	if c.has("utf8-by-fragment") && c.op == opText && !c.packed && !utf8.Valid(f.payload) {
		return payload
	}
	if !(c.has("loses-last-fragment") && f.op == opContinuation && f.fin) {
		c.message = append(c.message, f.payload...)
	}
	if c.has("limit-64k") && len(c.message) > 64<<10 {
		return tooBig
	}
	if !f.fin {
		return nil
	}
	return c.complete()
}

func (c *connection) complete() error {
	op, data := c.op, c.message
	c.op, c.message = 0, nil
	if c.packed && !c.has("inflates-by-frame") {
		var err error
		if data, err = c.deflate.inflate(c, data); err != nil && !c.has("empty-on-bad-deflate") {
			return payload
		}
	}
	if !c.valid(op, data) {
		return payload
	}
	c.answer(op, data)
	for _, p := range c.pongs {
		c.write(frame{fin: true, op: opPong, payload: p})
	}
	c.pongs = nil
	return nil
}

func (c *connection) valid(op byte, data []byte) bool {
	switch {
	case op == opBinary:
		return !c.has("utf8-binary") || utf8.Valid(data)
	case c.has("no-utf8"), c.has("no-utf8-after-inflation") && c.packed:
		return true
	case c.has("utf8-surrogates"):
		return utf8.Valid(without(data, func(b []byte) bool { return b[0] == 0xed && b[1] >= 0xa0 && b[1] <= 0xbf }, 3))
	case c.has("utf8-overlong"):
		return utf8.Valid(without(data, func(b []byte) bool { return b[0] == 0xc0 || b[0] == 0xc1 }, 2))
	}
	return utf8.Valid(data)
}

// without leaves out sequences of n bytes that match.
func without(data []byte, match func([]byte) bool, n int) (rest []byte) {
	for len(data) > 0 {
		if len(data) >= n && match(data) {
			data = data[n:]
			continue
		}
		rest, data = append(rest, data[0]), data[1:]
	}
	return rest
}

func (c *connection) answer(op byte, data []byte) {
	switch {
	case c.has("no-empty-echo") && len(data) == 0:
		return
	case c.has("text-as-binary"):
		op = opBinary
	case c.has("cuts-at-64k"):
		data = data[:min(len(data), 65535)]
	case c.has("swaps-echoes"):
		if c.held == nil {
			c.held = data
			if c.r.Buffered() > 0 {
				return
			}
			c.held = nil
		} else {
			c.write(frame{fin: true, op: op, payload: data})
			data, c.held = c.held, nil
		}
	}
	f := frame{fin: true, op: op, payload: data}
	if c.deflate != nil {
		f.rsv, f.payload = 4, c.deflate.deflate(data)
	}
	switch {
	case c.has("sends-rsv1"):
		f.rsv = 4
	case c.has("never-ends-message"):
		f.fin = false
	case c.has("echo-as-continuation"):
		f.op = opContinuation
	}
	c.write(f)
}

// close answers a Close frame.
func (c *connection) close(body []byte) error {
	if c.has("no-close-answer") {
		c.conn.(*net.TCPConn).SetLinger(0)
		return io.EOF
	}
	if len(body) == 1 && !c.has("takes-close-of-one-byte") {
		return protocol
	}
	if len(body) >= 2 {
		code := int(binary.BigEndian.Uint16(body))
		known := code >= 1000 && code <= 1014 && (code < 1004 || code > 1006)
		if !known && (code < 3000 || code > 4999) && !c.has("any-close-code") {
			return protocol
		}
		if !utf8.Valid(body[2:]) && !c.has("no-utf8-in-reason") {
			return payload
		}
		body = body[:2]
	} else if len(body) == 1 {
		body = []byte{0x03, 0xe8} // a fault takes it
	}
	switch {
	case c.has("echoes-after-close"):
		c.conn.SetReadDeadline(time.Now().Add(200 * time.Millisecond))
		for {
			f, err := c.read()
			if err != nil || c.take(f) != nil {
				break
			}
		}
	case c.has("answers-close-1001"):
		body = []byte{0x03, 0xe9}
	case c.has("answers-close-1005") && len(body) == 0:
		body = []byte{0x03, 0xed}
	}
	c.write(frame{fin: true, op: opClose, payload: body})
	return errDone
}

func (c *connection) write(f frame) {
	b := []byte{f.op | f.rsv<<4, 0}
	if f.fin {
		b[0] |= 0x80
	}
	n := len(f.payload)
	switch {
	case n > 65535:
		b[1] = 127
		b = binary.BigEndian.AppendUint64(b, uint64(n))
	case n > 125 || c.has("long-length-form") && f.op < opClose:
		b[1] = 126
		b = binary.BigEndian.AppendUint16(b, uint16(n))
	default:
		b[1] = byte(n)
	}
	if c.has("masks") {
		b[1] |= 0x80
		b = append(b, 0, 0, 0, 0)
	}
	c.conn.Write(append(b, f.payload...))
}
