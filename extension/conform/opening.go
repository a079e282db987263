package conform

import (
	"bufio"
	"crypto/sha1"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Opening is the opening handshake of a case. The zero value is lawful and
// must be accepted.
type Opening struct {
	// Edit changes the head that this side sends: the request to a server, the
	// response to a client.
	Edit []edit
	// Chop is how many octets of the head are written at once. Default: all.
	Chop int
	// Want is the answer that the testee must give. Default: accept.
	Want OpenWant
	// Statuses are those with which a server should refuse. Others that refuse
	// are NON-STRICT. Default: any from 400 to 499.
	Statuses []int
	// Check finds fault with the testee's head: the RFC paragraph's breach, or
	// nil.
	Check func(testee *head, sent *head) *Breach
	// CheckRefusal makes a refusal NON-STRICT that a server should word
	// otherwise.
	CheckRefusal func(testee *head) *Breach
	// Gap is a pause between two writes of the head.
	Gap time.Duration
	// DropFine: ending the connection without a response is as good as a
	// status.
	DropFine bool
	// Cut leaves out so many octets at the end of the request, and ends this
	// side of TCP.
	Cut int
	// Then is sent in the same write as the head.
	Then []Frame
	// Compression offers permessage-deflate to a server, and agrees to it with
	// a client.
	Compression bool
	// DeflateOptional: the case also counts without compression.
	DeflateOptional bool
	// Offers are the parameters of each offer to a server. Default: one offer
	// with client_no_context_takeover and client_max_window_bits.
	Offers []string
	// NeedTakeover: the case is UNIMPLEMENTED where this side's context must
	// not be kept from message to message.
	NeedTakeover bool
	// NeedNoTakeover: the case is UNIMPLEMENTED where it may be kept.
	NeedNoTakeover bool
	// RefusalNonStrict: a refusal of the handshake is NON-STRICT, where it
	// should be accepted without what it offers.
	RefusalNonStrict bool
	// RawOffers sends Offers as they are.
	RawOffers bool
	// NoTakeover resets this side's compressor for each message, though that
	// was not agreed. That is always allowed (RFC 7692 7.1.1).
	NoTakeover bool
	// Requests are what to request of a client, the first that its offer
	// allows. Default: nothing.
	Requests []clientLimits
	// Protocols are the subprotocols to offer to a server.
	Protocols []string
}

// OpenWant is what a testee must make of an opening handshake.
type OpenWant byte

// The choices.
const (
	Accept OpenWant = iota
	Refuse
	Either // both are lawful
)

// suits tells whether the agreed extension is the one that the case needs.
func (o *Opening) suits(noTakeover bool) bool {
	return !(o.NeedTakeover && noTakeover || o.NeedNoTakeover && !noTakeover)
}

// clientLimits are what a server can request of a client's compressor
// (RFC 7692 7.1). The zero value requests nothing.
type clientLimits struct {
	noTakeover bool
	bits       int
}

// head is the head of an HTTP request or response.
type head struct {
	line  string
	lines []headerLine
}

type headerLine struct{ name, value string }

func (h *head) all(name string) (values []string) {
	for _, l := range h.lines {
		if strings.EqualFold(l.name, name) {
			values = append(values, l.value)
		}
	}
	return values
}

func (h *head) get(name string) string {
	if v := h.all(name); len(v) > 0 {
		return v[0]
	}
	return ""
}

// tokens are the elements of a header that is a list.
func (h *head) tokens(name string) (tokens []string) {
	for _, v := range h.all(name) {
		for _, t := range strings.Split(v, ",") {
			if t = strings.TrimSpace(t); t != "" {
				tokens = append(tokens, t)
			}
		}
	}
	return tokens
}

func (h *head) has(name, token string) bool {
	return slices.ContainsFunc(h.tokens(name), func(t string) bool { return strings.EqualFold(t, token) })
}

func (h *head) String() string {
	var b strings.Builder
	b.WriteString(h.line + "\r\n")
	for _, l := range h.lines {
		b.WriteString(l.name + ": " + l.value + "\r\n")
	}
	b.WriteString("\r\n")
	return b.String()
}

// edit changes a head before it is sent.
type edit func(*head)

func set(name, value string) edit {
	return func(h *head) {
		for i := range h.lines {
			if strings.EqualFold(h.lines[i].name, name) {
				h.lines[i].value = value
				return
			}
		}
		h.lines = append(h.lines, headerLine{name, value})
	}
}

func add(name, value string) edit {
	return func(h *head) { h.lines = append(h.lines, headerLine{name, value}) }
}

func drop(name string) edit {
	return func(h *head) {
		h.lines = slices.DeleteFunc(h.lines, func(l headerLine) bool { return strings.EqualFold(l.name, name) })
	}
}

// rename changes how a name is written.
func rename(name, to string) edit {
	return func(h *head) {
		for i := range h.lines {
			if strings.EqualFold(h.lines[i].name, name) {
				h.lines[i].name = to
			}
		}
	}
}

func firstLine(from, to string) edit {
	return func(h *head) { h.line = strings.Replace(h.line, from, to, 1) }
}

func statusLine(line string) edit { return func(h *head) { h.line = line } }

func edits(e ...edit) []edit { return e }

const maxHead = 64 << 10

// readHead reads a head strictly: each line ends with CR LF and is a name, a
// colon and a value.
func readHead(r *bufio.Reader) (*head, string, error) {
	h, all := &head{}, strings.Builder{}
	for i := 0; ; i++ {
		line, err := r.ReadString('\n')
		all.WriteString(line)
		if err != nil {
			return nil, all.String(), err
		}
		if all.Len() > maxHead {
			return nil, all.String(), breach("RFC 9112 3", "a head of more than %d bytes", maxHead)
		}
		text, ok := strings.CutSuffix(line, "\r\n")
		if !ok {
			return nil, all.String(), breach("RFC 9112 2.2", "a line of the head ends without CR LF: %q", line)
		}
		switch {
		case i == 0:
			h.line = text
		case text == "":
			return h, all.String(), nil
		default:
			name, value, ok := strings.Cut(text, ":")
			if !ok || name == "" || strings.ContainsAny(name, " \t") {
				return nil, all.String(), breach("RFC 9112 5", "a header line without a name and a colon: %q", text)
			}
			h.lines = append(h.lines, headerLine{name, strings.Trim(value, " \t")})
		}
	}
}

// acceptOf is the answer to a Sec-WebSocket-Key (RFC 6455 4.2.2).
func acceptOf(key string) string {
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	return base64.StdEncoding.EncodeToString(sum[:])
}

// statusOf is a response's status code, 0 where there is none.
func statusOf(line string) (status int) {
	var minor int
	if n, err := fmt.Sscanf(line, "HTTP/1.%d %d", &minor, &status); n != 2 || err != nil {
		return 0
	}
	return status
}

// checkResponse finds fault with a response of status 101 (RFC 6455 4.1).
func checkResponse(sent, got *head) *Breach {
	const rfc = "RFC 6455 4.1"
	switch {
	case !strings.HasPrefix(got.line, "HTTP/1.1 101"):
		return breach("RFC 6455 4.2.2", "the status line is %q", got.line)
	case len(got.all("Upgrade")) != 1 || !strings.EqualFold(got.get("Upgrade"), "websocket"):
		return breach(rfc, "Upgrade is %q, expected websocket", got.all("Upgrade"))
	case !got.has("Connection", "Upgrade"):
		return breach(rfc, "Connection is %q, expected Upgrade among its tokens", got.all("Connection"))
	case !slices.Equal(got.all("Sec-WebSocket-Accept"), []string{acceptOf(sent.get("Sec-WebSocket-Key"))}):
		return breach(rfc, "Sec-WebSocket-Accept is %q, expected %q", got.all("Sec-WebSocket-Accept"), acceptOf(sent.get("Sec-WebSocket-Key")))
	}
	if chosen := got.all("Sec-WebSocket-Protocol"); len(chosen) > 1 {
		return breach("RFC 6455 11.3.4", "Sec-WebSocket-Protocol came %d times", len(chosen))
	} else if len(chosen) == 1 && !slices.Contains(sent.tokens("Sec-WebSocket-Protocol"), chosen[0]) {
		return breach(rfc, "the server chose subprotocol %q, which was not offered", chosen[0])
	}
	return nil
}

// checkRequest finds fault with a client's request (RFC 6455 4.1).
func checkRequest(got *head) *Breach {
	const rfc = "RFC 6455 4.1"
	parts := strings.Split(got.line, " ")
	key, err := base64.StdEncoding.DecodeString(got.get("Sec-WebSocket-Key"))
	switch {
	case len(parts) != 3 || parts[0] != "GET" || parts[2] != "HTTP/1.1":
		return breach(rfc, "the request line is %q, expected GET and HTTP/1.1", got.line)
	case !strings.HasPrefix(parts[1], "/"):
		return breach(rfc, "the request names %q, expected a path", parts[1])
	case len(got.all("Host")) != 1:
		return breach(rfc, "%d Host headers, expected one", len(got.all("Host")))
	case !got.has("Upgrade", "websocket"):
		return breach(rfc, "Upgrade is %q, expected websocket", got.all("Upgrade"))
	case !got.has("Connection", "Upgrade"):
		return breach(rfc, "Connection is %q, expected Upgrade among its tokens", got.all("Connection"))
	case len(got.all("Sec-WebSocket-Key")) != 1 || err != nil || len(key) != 16:
		return breach(rfc, "Sec-WebSocket-Key is %q, expected 16 bytes in base64", got.all("Sec-WebSocket-Key"))
	case !slices.Equal(got.all("Sec-WebSocket-Version"), []string{"13"}):
		return breach(rfc, "Sec-WebSocket-Version is %q, expected 13", got.all("Sec-WebSocket-Version"))
	}
	return nil
}
