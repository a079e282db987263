package conform

import (
	"fmt"
	"slices"
	"strings"
)

// http2Cases are group 27: the extended CONNECT that asks for a WebSocket over
// HTTP/2 (RFC 8441).
func http2Cases() []Case { return slices.Concat(http2ServerCases(), http2ClientCases()) }

func http2ServerCases() []Case {
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

func http2ClientCases() []Case {
	const (
		fieldsRFC = "RFC 9113 8.3.2"
		hopRFC    = "RFC 9113 8.2.2"
	)
	taken := func(rfc, title string, r streamReply) Case {
		c := accepted(Client, rfc, title, Opening{})
		c.Reply = &r
		return c
	}
	asks := func(rfc, title string, check func(*clientStream) (Behavior, string)) Case {
		return taken(rfc, title, streamReply{Check: check})
	}
	refused := func(rfc, title string, e ...fieldEdit) Case {
		return taken(rfc, title, streamReply{Edit: e, Want: Refuse})
	}
	var all []Case
	numbered := func(group string, cases ...Case) {
		for i := range cases {
			cases[i].ID = fmt.Sprintf("%s.%d", group, i+1)
			all = append(all, cases[i])
		}
	}
	ended := refused("RFC 9113 8.1", "An answer that ends the stream leaves no WebSocket: the client must end its side.")
	ended.Reply.Ends = true
	created := taken("RFC 9110 9.3.6", "Status 201: tells whether the client takes each status of 2xx for success.", streamReply{Edit: []fieldEdit{setField(":status", "201")}})
	created.Informational = true
	numbered("27.3",
		asks("RFC 8441 3", "The request must not come before SETTINGS_ENABLE_CONNECT_PROTOCOL.", checkPatience),
		asks(hopRFC, "The request must not have the fields Connection and Upgrade, nor others of HTTP/1.1.", checkHop),
		asks("RFC 6455 4.1", "The request must have Sec-WebSocket-Version: 13.", checkVersion),
		asks("RFC 8441 5", "Sec-WebSocket-Key has no meaning: without it is better.", checkNoKey),
	)
	numbered("27.4",
		created,
		taken("RFC 9113 8.1", "Status 103 before the answer.", streamReply{Interim: "103"}),
		taken("RFC 8441 5", "Sec-WebSocket-Accept in the answer has no meaning.", streamReply{Edit: []fieldEdit{withField("sec-websocket-accept", "wrong")}}),
		taken("RFC 9113 6.10", "The answer in HEADERS and two CONTINUATION frames.", streamReply{Cut: true}),
		taken("RFC 9113 6.1", "Padded frames.", streamReply{Pad: 255}),
		taken("RFC 8441 5", "DATA frames of one octet.", streamReply{Octets: 1}),
		taken("RFC 9113 5.5", "Empty DATA frames, and frames of an unknown type.", streamReply{Noise: true}),
		taken("RFC 9113 6.7", "A PING must be answered.", streamReply{Ping: true}),
		taken("RFC 9113 6.9.2", "SETTINGS_INITIAL_WINDOW_SIZE of 4: the client must not send more than it is granted.", streamReply{Window: 4}),
		taken("RFC 9113 6.8", "GOAWAY that leaves this stream as it is.", streamReply{Away: true}),
	)
	numbered("27.5",
		refused("RFC 8441 5", "Status 101 must not be taken.", setField(":status", "101")),
		refused("RFC 8441 5", "Status 404 must not be taken.", setField(":status", "404")),
		refused("RFC 8441 5", "Status 302 must not be taken.", setField(":status", "302")),
		refused(fieldsRFC, "An answer without :status must not be taken.", withoutField(":status")),
		refused("RFC 9113 8.3", ":status twice must not be taken.", insertField(":status", "200")),
		refused("RFC 9113 8.3", ":path in an answer must not be taken.", insertField(":path", "/")),
		refused("RFC 9113 8.3", "A pseudo-header field that is not defined must not be taken.", insertField(":upgrade", "websocket")),
		refused("RFC 9113 8.3", ":status behind other fields must not be taken.", withoutField(":status"), withField("x-first", "1"), withField(":status", "200")),
		refused(hopRFC, "Connection: Upgrade in an answer must not be taken.", withField("connection", "Upgrade")),
		refused(hopRFC, "Upgrade: websocket in an answer must not be taken.", withField("upgrade", "websocket")),
		refused(hopRFC, "Transfer-Encoding: chunked in an answer must not be taken.", withField("transfer-encoding", "chunked")),
		refused("RFC 9113 8.2.1", "A field name in upper case must not be taken.", withField("X-Upper", "1")),
		refused("RFC 6455 4.1", "A subprotocol that was not offered must not be taken.", withField("sec-websocket-protocol", "k6-unknown")),
		refused("RFC 6455 4.1", "An extension that was not offered must not be taken.", withField("sec-websocket-extensions", "k6-unknown")),
		ended,
	)
	return all
}

func checkPatience(c *clientStream) (Behavior, string) {
	if c.hasty {
		return Failed, "the request came before this side's SETTINGS"
	}
	return OK, ""
}

func checkHop(c *clientStream) (Behavior, string) {
	for _, name := range ConnectionFields {
		if values := fieldsOf(c.fields, name); len(values) > 0 {
			return Failed, fmt.Sprintf("the request has the field %s: %s", name, strings.Join(values, ", "))
		}
	}
	return OK, ""
}

func checkVersion(c *clientStream) (Behavior, string) {
	if values := fieldsOf(c.fields, "sec-websocket-version"); !slices.Equal(values, []string{"13"}) {
		return Failed, fmt.Sprintf("Sec-WebSocket-Version is %q", values)
	}
	return OK, ""
}

func checkNoKey(c *clientStream) (Behavior, string) {
	if len(fieldsOf(c.fields, "sec-websocket-key")) > 0 {
		return NonStrict, "the request has Sec-WebSocket-Key"
	}
	return OK, ""
}
