package conform

import "fmt"

// http2Cases are group 27: the extended CONNECT that asks for a WebSocket over
// HTTP/2 (RFC 8441), with a server as the testee.
func http2Cases() []Case {
	const (
		connectRFC = "RFC 8441 4"
		pseudoRFC  = "RFC 9113 8.3"
		hopRFC     = "RFC 9113 8.2.2"
	)
	malformed := func(rfc, title string, e ...fieldEdit) Case {
		return Case{RFC: rfc, Title: title, Stream: &streamOpening{Edit: e, Want: Refuse}}
	}
	lawful := func(rfc, title string, then streamThen, e ...fieldEdit) Case {
		return Case{RFC: rfc, Title: title, Stream: &streamOpening{Edit: e, Then: then}}
	}
	var all []Case
	numbered := func(group string, cases ...Case) {
		for i, c := range cases {
			c.ID, c.Testee = fmt.Sprintf("%s.%d", group, i+1), Server
			all = append(all, c)
		}
	}
	numbered("27.1",
		lawful("RFC 8441 3", "SETTINGS_ENABLE_CONNECT_PROTOCOL must be 1 in the server's first SETTINGS, and an extended CONNECT is answered with 2xx, not 101.", nothingMore),
		lawful("RFC 8441 5", "Sec-WebSocket-Key has no meaning, and must not keep the server from accepting.", nothingMore, withField("sec-websocket-key", keyOf(16))),
		lawful("RFC 8441 5", "END_STREAM without a Close frame is the end of TCP: the server must end its side, too.", endsStream),
		lawful("RFC 8441 5", "RST_STREAM is TCP's RST: it ends that stream alone, and the next one is accepted.", resetsStream),
	)
	numbered("27.2",
		malformed(connectRFC, ":protocol with GET must be refused.", setField(":method", "GET")),
		malformed(connectRFC, "An extended CONNECT without :scheme must be refused.", withoutField(":scheme")),
		malformed(connectRFC, "An extended CONNECT without :path must be refused.", withoutField(":path")),
		malformed("RFC 9113 8.3.1", "An empty :path must be refused.", setField(":path", "")),
		malformed("RFC 8441 5", "An unknown :protocol must not be taken for websocket.", setField(":protocol", "k6-unknown")),
		malformed(pseudoRFC, ":protocol twice must be refused.", insertField(":protocol", "websocket")),
		malformed(pseudoRFC, "A pseudo-header field that is not defined must be refused.", insertField(":upgrade", "websocket")),
		malformed(pseudoRFC, "A pseudo-header field behind other fields must be refused.", withoutField(":path"), withField(":path", "/")),
		malformed(hopRFC, "Connection: Upgrade must be refused.", withField("connection", "Upgrade")),
		malformed(hopRFC, "Upgrade: websocket must be refused.", withField("upgrade", "websocket")),
		malformed("RFC 9113 8.2.1", "A field name in upper case must be refused.", withField("X-Upper", "1")),
		malformed("RFC 6455 4.4", "Sec-WebSocket-Version 12 must be refused.", setField("sec-websocket-version", "12")),
	)
	return all
}
