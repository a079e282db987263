package handshake

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
)

// AppendStream appends the request for an event stream (WHATWG HTML section 9.2.2), with its
// body. Header fields of the request's own replace the ones that every such request has. It fails
// as Append does.
func (r *Request) AppendStream(dst []byte) ([]byte, error) {
	dst, err := r.appendStreamHead(dst)
	if err != nil {
		return dst, err
	}
	return append(dst, r.Body...), nil
}

// ofEveryStream is what each request for an event stream has.
var ofEveryStream = [...]Field{{"Accept", "text/event-stream"}, {"Cache-Control", "no-cache"}}

// method is the request's, of one for an event stream.
func (r *Request) method() string {
	if r.Method == "" {
		return "GET"
	}
	return r.Method
}

// hasLength tells whether a request for an event stream says how long its body is.
func (r *Request) hasLength() bool { return len(r.Body) > 0 || r.method() != "GET" }

func (r *Request) appendStreamHead(dst []byte) ([]byte, error) {
	method := r.method()
	if !isToken(method) {
		return dst, fmt.Errorf("method %q: want a token (RFC 9110 section 5.6.2)", method)
	}
	dst, err := r.appendLine(dst, method)
	if err != nil {
		return dst, err
	}
	for _, own := range ofEveryStream {
		if !r.has(own.Name) {
			dst, _ = appendField(dst, own.Name, own.Value)
		}
	}
	for _, f := range r.Fields {
		if isReservedOfStream(f.Name) {
			return dst, fmt.Errorf("header %q is set by the request itself", f.Name)
		}
		if dst, err = appendField(dst, f.Name, f.Value); err != nil {
			return dst, err
		}
	}
	if r.hasLength() {
		dst = append(dst, "Content-Length: "...)
		dst = strconv.AppendInt(dst, int64(len(r.Body)), 10)
		dst = append(dst, "\r\n"...)
	}
	return append(dst, "\r\n"...), nil
}

func (r *Request) has(name string) bool {
	for _, f := range r.Fields {
		if strings.EqualFold(f.Name, name) {
			return true
		}
	}
	return false
}

func isReservedOfStream(name string) bool {
	for _, own := range [...]string{"Host", "Connection", "Content-Length", "Transfer-Encoding", "Upgrade"} {
		if strings.EqualFold(name, own) {
			return true
		}
	}
	return false
}

// Answer is the head of what a server answered to the request for an event
// stream. Its texts lie in the bytes that were read.
type Answer struct {
	Status int
	// ContentType and Encoding are the values of Content-Type and
	// Content-Encoding.
	ContentType, Encoding []byte
	// Chunked says that the body is in chunks. Else Length is its size, -1 where
	// the connection's end ends it.
	Chunked bool
	Length  int64
	// Location is where an answer redirects to, nil where it does not.
	Location []byte
}

// Encoded tells whether the body is compressed: as [Answer.Gzipped] says, else by
// deflate (RFC 9110 section 8.4.1).
func (a *Answer) Encoded() bool { return len(a.Encoding) > 0 && !is(a.Encoding, "identity") }

// Gzipped tells whether it is by gzip.
func (a *Answer) Gzipped() bool { return is(a.Encoding, "gzip") || is(a.Encoding, "x-gzip") }

// Faults of an answer to the request for an event stream, beside ErrStatus, ErrTooLarge and
// ErrMalformed.
var (
	ErrContentType = &Error{"bad_content_type", "want Content-Type text/event-stream"}
	ErrEncoding    = &Error{"bad_content_encoding", "want no Content-Encoding but gzip and deflate, no Transfer-Encoding but chunked"}
)

// ReadAnswer reads the answer to the request for an event stream from the start of b. The size of
// its head is n, or 0 when b ends before the head does. Any status but 200 is ErrStatus. limit
// bounds the head in bytes.
func ReadAnswer(b []byte, limit int) (a Answer, n int, err error) {
	const protocol = "HTTP/1."
	if start := b[:min(len(b), len(protocol))]; string(start) != protocol[:len(start)] {
		return a, 0, ErrMalformed
	}
	seen := b[:min(len(b), limit)]
	head := lines{rest: seen}
	for {
		a, err = readAnswer(&head)
		if err == errIncomplete {
			return a, 0, tooLarge(b, limit)
		}
		if err != nil || !a.IsInterim() {
			break
		}
		// An interim answer, such as 103 Early Hints: the real one follows.
	}
	if err != nil {
		return a, 0, err
	}
	return a, len(seen) - len(head.rest), nil
}

var errIncomplete = &Error{"incomplete", "the head goes on"}

func readAnswer(head *lines) (a Answer, err error) {
	const protocol = "HTTP/1.1 "
	line, whole := head.next()
	if !whole {
		return a, errIncomplete
	}
	if len(line) < len(protocol) || line[len(protocol)-1] != ' ' {
		return a, ErrMalformed
	}
	if a.Status, err = parseStatus(line[len(protocol):]); err != nil {
		return a, err
	}
	a.Length = -1
	for {
		line, whole := head.next()
		if !whole {
			return a, errIncomplete
		}
		if len(line) == 0 {
			break
		}
		name, value, err := field(line)
		if err == nil {
			err = a.take(name, value)
		}
		if err != nil {
			return a, err
		}
	}
	return a, a.check()
}

// IsInterim tells an answer that another one follows.
func (a *Answer) IsInterim() bool { return a.Status < 200 }

// check returns the fault of the answer as that of an event stream.
func (a *Answer) check() error {
	switch {
	case a.IsInterim():
		return nil
	case a.Status != 200:
		return ErrStatus
	case !isEventStream(a.ContentType):
		return ErrContentType
	case a.Encoded() && !a.Gzipped() && !is(a.Encoding, "deflate"):
		return ErrEncoding
	}
	return nil
}

// take takes one header field.
func (a *Answer) take(name, value []byte) error {
	switch {
	case is(name, "Content-Type"):
		a.ContentType = value
	case is(name, "Content-Encoding"):
		a.Encoding = value
	case is(name, "Location"):
		a.Location = value
	case is(name, "Transfer-Encoding"):
		if !is(value, "chunked") {
			return ErrEncoding
		}
		a.Chunked = true
	case is(name, "Content-Length"):
		length, err := strconv.ParseUint(string(value), 10, 62)
		if err != nil || a.Length >= 0 && a.Length != int64(length) {
			return ErrMalformed
		}
		a.Length = int64(length)
	}
	return nil
}

// isEventStream tells whether a Content-Type is that of event streams, whatever
// its parameters.
func isEventStream(value []byte) bool {
	kind, _, _ := bytes.Cut(value, []byte(";"))
	return is(bytes.TrimRight(kind, " \t"), "text/event-stream")
}
