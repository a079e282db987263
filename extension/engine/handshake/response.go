package handshake

import "bytes"

// Error is why an answer is not a WebSocket handshake. The values below are all there are, so
// they compare with ==.
type Error struct {
	// Reason is a short name for counting, such as "bad_accept".
	Reason string
	// Detail states the expectation.
	Detail string
}

func (e *Error) Error() string { return "handshake: " + e.Reason + ": " + e.Detail }

// Every failure that ReadResponse and ReadRequest report.
var (
	ErrStatus      = &Error{"status", "the server answered with another status than 101"}
	ErrTooLarge    = &Error{"header_too_large", "the header did not end within the limit"}
	ErrMalformed   = &Error{"bad_upgrade", "the answer is not HTTP/1.1"}
	ErrUpgrade     = &Error{"bad_upgrade", "want exactly one Upgrade header, websocket, and Connection: Upgrade"}
	ErrVersion     = &Error{"bad_version", "want exactly one Sec-WebSocket-Version header, 13"}
	ErrExtension   = &Error{"bad_extension", "the server chose an extension, none was offered"}
	ErrAccept      = &Error{"bad_accept", "Sec-WebSocket-Accept does not answer the key that was sent"}
	ErrSubprotocol = &Error{"bad_subprotocol", "the server chose a subprotocol that was not offered"}
)

// Response is what a server answered.
type Response struct {
	// Status is the HTTP status, 0 until its line is whole.
	Status int
	// Protocol is the subprotocol that the server chose, nil for none. It lies
	// in the bytes that were read.
	Protocol []byte
	// Extensions is the value of Sec-WebSocket-Extensions, nil for none; several
	// lines are joined. It may lie in the bytes that were read.
	Extensions []byte
	// Location is where an answer redirects to, nil where it does not or that
	// was not read yet. It lies in the bytes that were read.
	Location []byte
}

// ReadResponse reads the answer to a request with key and the subprotocols offered from the start
// of b (section 4.1). The size of its head is n, or 0 when b ends before the head does; limit
// bounds it in bytes. A wrong answer is refused as soon as it shows.
func ReadResponse(b []byte, key Key, offered []string, limit int) (r Response, n int, err error) {
	for {
		var size int
		r, size, err = readResponse(b[n:], key, offered, limit-n)
		if size == 0 || err != nil {
			return r, 0, err
		}
		n += size
		if r.Status == 101 {
			return r, n, nil
		}
		// An interim answer, such as 103 Early Hints: the real one follows.
	}
}

func readResponse(b []byte, key Key, offered []string, limit int) (r Response, n int, err error) {
	const version, minor = "HTTP/1.1 ", len("HTTP/1.")
	for i, c := range b[:min(len(b), len(version))] {
		// Proxies refuse as HTTP/1.0 too.
		if c != version[i] && !(i == minor && c == '0') {
			return r, 0, ErrMalformed
		}
	}
	seen := b[:min(len(b), max(limit, 0))]
	head := lines{rest: seen}
	status, whole := head.next()
	if !whole {
		return r, 0, tooLarge(b, limit)
	}
	r.Status, err = parseStatus(status[len(version):])
	if err != nil {
		return r, 0, err
	}
	switch {
	case r.Status >= 200:
		r.Location = locationIn(head)
		return r, 0, ErrStatus
	case b[minor] == '0':
		return r, 0, ErrMalformed
	}
	var upgrade, connection, accept int
	for {
		line, whole := head.next()
		if !whole {
			return r, 0, tooLarge(b, limit)
		}
		if len(line) == 0 {
			break
		}
		name, value, err := field(line)
		if err != nil {
			return r, 0, err
		}
		switch {
		case r.Status != 101:
		case is(name, "Upgrade"):
			upgrade++
			if !is(value, "websocket") {
				return r, 0, ErrUpgrade
			}
		case is(name, "Connection"):
			if hasToken(value, "Upgrade") {
				connection++
			}
		case is(name, "Sec-WebSocket-Accept"):
			accept++
			if want := key.Accept(); string(value) != string(want[:]) {
				return r, 0, ErrAccept
			}
		case is(name, "Sec-WebSocket-Extensions"):
			r.Extensions = joined(r.Extensions, value)
		case is(name, "Sec-WebSocket-Protocol"):
			if r.Protocol != nil || !contains(offered, value) {
				return r, 0, ErrSubprotocol
			}
			r.Protocol = value
		}
	}
	switch {
	case r.Status != 101:
	case upgrade != 1 || connection == 0:
		return r, 0, ErrUpgrade
	case accept != 1:
		return r, 0, ErrAccept
	}
	return r, len(seen) - len(head.rest), nil
}

// joined adds a header field's value to what lines of the same name had.
func joined(list, value []byte) []byte {
	if len(list) == 0 {
		return value
	}
	return append(append(bytes.Clone(list), ", "...), value...)
}

// locationIn is the value of Location, nil where it is not among the lines.
func locationIn(head lines) []byte {
	for {
		line, whole := head.next()
		if !whole || len(line) == 0 {
			return nil
		}
		if name, value, err := field(line); err == nil && is(name, "Location") {
			return value
		}
	}
}

func tooLarge(b []byte, limit int) error {
	if len(b) >= limit {
		return ErrTooLarge
	}
	return nil
}

func parseStatus(b []byte) (int, error) {
	if len(b) < 3 || len(b) > 3 && b[3] != ' ' {
		return 0, ErrMalformed
	}
	status := 0
	for _, c := range b[:3] {
		if c < '0' || c > '9' {
			return 0, ErrMalformed
		}
		status = status*10 + int(c-'0')
	}
	if status < 100 || status > 599 {
		return 0, ErrMalformed
	}
	return status, nil
}

// lines takes a head apart. A line ends with CR LF; a bare LF is taken too
// (RFC 9112 section 2.2).
type lines struct{ rest []byte }

func (l *lines) next() (line []byte, whole bool) {
	end := bytes.IndexByte(l.rest, '\n')
	if end < 0 {
		return nil, false
	}
	line, l.rest = l.rest[:end], l.rest[end+1:]
	if end > 0 && line[end-1] == '\r' {
		line = line[:end-1]
	}
	return line, true
}

func field(line []byte) (name, value []byte, err error) {
	colon := bytes.IndexByte(line, ':')
	if colon < 1 || bytes.ContainsAny(line[:colon], " \t") {
		return nil, nil, ErrMalformed
	}
	value = bytes.Trim(line[colon+1:], " \t")
	if bytes.IndexByte(value, 0) >= 0 || bytes.IndexByte(value, '\r') >= 0 {
		return nil, nil, ErrMalformed // RFC 9110 section 5.5
	}
	return line[:colon], value, nil
}

// is compares without regard to ASCII case.
func is(b []byte, want string) bool {
	if len(b) != len(want) {
		return false
	}
	for i, c := range b {
		if lower(c) != lower(want[i]) {
			return false
		}
	}
	return true
}

func lower(c byte) byte {
	if c >= 'A' && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}

func hasToken(list []byte, want string) bool {
	for len(list) > 0 {
		token := list
		if comma := bytes.IndexByte(list, ','); comma >= 0 {
			token, list = list[:comma], list[comma+1:]
		} else {
			list = nil
		}
		if is(bytes.Trim(token, " \t"), want) {
			return true
		}
	}
	return false
}

func contains(offered []string, name []byte) bool {
	for _, o := range offered {
		if o == string(name) {
			return true
		}
	}
	return false
}
