package http2

import (
	"strings"

	"golang.org/x/net/http2/hpack"
)

// TooLarge is how a Reset names fields beyond our limit, which is not a breach.
const TooLarge = "the header fields are longer than our limit"

func (s *Session) fieldsWrong() string {
	if s.fields > s.o.HeaderBytes {
		return TooLarge
	}
	for _, f := range s.decoded {
		if f.IsPseudo() && !isDefined(f.Name, s.o.Server) {
			return "a pseudo-header field that is not defined"
		}
	}
	return fieldsWrong(s.decoded)
}

// isDefined tells a pseudo-header field of a request from other ones, or one of
// an answer (RFC 9113 section 8.3, RFC 8441 section 4).
func isDefined(name string, ofRequest bool) bool {
	switch name {
	case ":method", ":scheme", ":authority", ":path", ":protocol":
		return ofRequest
	}
	return name == ":status" && !ofRequest
}

// fieldsWrong is how fields break RFC 9113 section 8.2 and 8.3, "" if they do not. Names must be
// in lower case, pseudo-header fields must come first and once each, and fields of HTTP/1.1's
// connections must not come.
func fieldsWrong(fields []hpack.HeaderField) string {
	regular := false
	for i, f := range fields {
		switch {
		case f.Name == "" || strings.ContainsFunc(f.Name, notInName):
			return "a field's name is malformed"
		case strings.ContainsAny(f.Value, "\x00\r\n"):
			return "a field's value is malformed"
		case f.IsPseudo() && regular:
			return "a pseudo-header field after others"
		case f.IsPseudo() && hasName(fields[:i], f.Name):
			return "a pseudo-header field twice"
		case isHop(f):
			return "a field of HTTP/1.1's connections"
		}
		regular = regular || !f.IsPseudo()
	}
	return ""
}

func notInName(c rune) bool { return c <= ' ' || c >= 0x7F || c >= 'A' && c <= 'Z' }

func hasName(fields []hpack.HeaderField, name string) bool {
	for _, f := range fields {
		if f.Name == name {
			return true
		}
	}
	return false
}

// isHop tells a field that is of one connection of HTTP/1.1 (section 8.2.2).
func isHop(f hpack.HeaderField) bool {
	switch f.Name {
	case "connection", "proxy-connection", "keep-alive", "transfer-encoding", "upgrade":
		return true
	}
	return f.Name == "te" && f.Value != "trailers"
}
