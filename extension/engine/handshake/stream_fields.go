package handshake

import (
	"strconv"
	"strings"

	"golang.org/x/net/http2/hpack"
)

// AppendStreamFields appends the header fields that ask for an event stream over
// HTTP/2 (RFC 9113 section 8.3.1), as AppendStream does over HTTP/1.1. The body is
// the caller's to send.
func (r *Request) AppendStreamFields(dst []hpack.HeaderField, secure bool) ([]hpack.HeaderField, error) {
	var head [512]byte
	if _, err := r.appendStreamHead(head[:0]); err != nil {
		return dst, err
	}
	dst = r.appendTarget(append(dst, hpack.HeaderField{Name: ":method", Value: r.method()}), secure)
	for _, own := range ofEveryStream {
		if !r.has(own.Name) {
			dst = append(dst, hpack.HeaderField{Name: strings.ToLower(own.Name), Value: own.Value})
		}
	}
	dst, err := r.appendOwnFields(dst)
	if err == nil && r.hasLength() {
		dst = append(dst, hpack.HeaderField{Name: "content-length", Value: strconv.Itoa(len(r.Body))})
	}
	return dst, err
}

// ReadAnswerFields reads the header fields of an answer over HTTP/2 to the request
// for an event stream, as ReadAnswer does over HTTP/1.1. One that IsInterim is
// followed by another.
func ReadAnswerFields(fields []hpack.HeaderField) (a Answer, err error) {
	a.Length = -1
	for _, f := range fields {
		if f.Name == ":status" {
			a.Status, err = parseStatus([]byte(f.Value))
		} else {
			err = a.take([]byte(f.Name), []byte(f.Value))
		}
		if err != nil {
			return a, err
		}
	}
	if a.Status == 0 {
		return a, ErrNoStatus
	}
	return a, a.check()
}
