package handshake

// AppendConnect appends a request to a proxy for a tunnel to an authority,
// host:port (RFC 9110 section 9.3.6). authorization is the value of
// Proxy-Authorization, empty for none.
func AppendConnect(dst []byte, authority, authorization string) []byte {
	dst = append(dst, "CONNECT "...)
	dst = append(dst, authority...)
	dst = append(dst, " HTTP/1.1\r\nHost: "...)
	dst = append(dst, authority...)
	dst = append(dst, "\r\n"...)
	if authorization != "" {
		dst = append(dst, "Proxy-Authorization: "...)
		dst = append(dst, authorization...)
		dst = append(dst, "\r\n"...)
	}
	return append(dst, "\r\n"...)
}

// ReadConnected reads a proxy's answer to that request from the start of b. The size of its head
// is n, or 0 while the head is incomplete. The tunnel begins after the head. Any status but a
// successful one is ErrStatus. limit bounds the head in bytes.
func ReadConnected(b []byte, limit int) (status, n int, err error) {
	const protocol = "HTTP/1."
	if start := b[:min(len(b), len(protocol))]; string(start) != protocol[:len(start)] {
		return 0, 0, ErrMalformed
	}
	seen := b[:min(len(b), limit)]
	head := lines{rest: seen}
	for {
		const version = len(protocol) + len("1 ")
		line, whole := head.next()
		if !whole {
			return 0, 0, tooLarge(b, limit)
		}
		if len(line) < version || string(line[:len(protocol)]) != protocol || line[version-1] != ' ' {
			return 0, 0, ErrMalformed
		}
		if status, err = parseStatus(line[version:]); err != nil {
			return 0, 0, err
		}
		if status >= 300 {
			return status, 0, ErrStatus
		}
		for len(line) > 0 {
			if line, whole = head.next(); !whole {
				return status, 0, tooLarge(b, limit)
			}
		}
		if status >= 200 {
			return status, len(seen) - len(head.rest), nil
		}
		// An interim answer: the real one follows.
	}
}
