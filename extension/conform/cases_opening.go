package conform

import (
	"encoding/base64"
	"fmt"
	"strings"
	"time"
)

// openingCases are groups 20 and 21: the opening handshake, with a server and
// with a client as the testee.
func openingCases() []Case {
	var all []Case
	numbered := func(group string, cases ...Case) {
		for i := range cases {
			cases[i].ID = fmt.Sprintf("%s.%d", group, i+1)
			all = append(all, cases[i])
		}
	}
	numbered("20.1", refusedByServers()...)
	numbered("20.2", acceptedByServers()...)
	numbered("21.1", checkedRequests()...)
	numbered("21.2", refusedByClients()...)
	numbered("21.3", acceptedByClients()...)
	return all
}

// greeting is what each accepted handshake is followed by: the connection must
// work.
var greeting = script(send(text(hello)))

func accepted(testee Testee, rfc, title string, o Opening) Case {
	return Case{Title: title, RFC: rfc, Testee: testee, Open: o, Script: greeting, OK: events(texts(hello)), Close: closesNormally}
}

func refused(testee Testee, rfc, title string, statuses []int, e ...edit) Case {
	return Case{Title: title, RFC: rfc, Testee: testee, Open: Opening{Edit: e, Want: Refuse, Statuses: statuses}, Script: greeting, OK: events(texts(hello)), Close: closesNormally}
}

func informational(c Case) Case { c.Informational = true; c.Open.Want = Either; return c }

const (
	lineRFC    = "RFC 6455 4.2.1 (1)"
	versionRFC = "RFC 6455 4.2.2 (4)"
	keyRFC     = "RFC 6455 4.2.1 (5)"
	wireRFC    = "RFC 9112 3.2"
)

func keyOf(bytes int) string {
	return base64.StdEncoding.EncodeToString([]byte(strings.Repeat("k", bytes)))
}

func refusedByServers() []Case {
	bad := []int{400}
	s := func(rfc, title string, statuses []int, e ...edit) Case {
		return refused(Server, rfc, title, statuses, e...)
	}
	version := func(value string) Case {
		c := s(versionRFC, fmt.Sprintf("Version %s must be refused, with Sec-WebSocket-Version: 13 in the response.", value), []int{400, 426}, set("Sec-WebSocket-Version", value))
		c.Open.CheckRefusal = func(got *head) *Breach {
			if got.has("Sec-WebSocket-Version", "13") {
				return nil
			}
			return breach("RFC 6455 4.4", "the refusal does not say which version the server speaks")
		}
		return c
	}
	cut := s("RFC 9112 8", "A request that ends before its head does must not be accepted.", nil)
	cut.Open.Cut, cut.Open.DropFine = 2, true
	early := s("RFC 9112 8", "A request that ends inside its Sec-WebSocket-Key must not be accepted.", nil)
	early.Open.Cut, early.Open.DropFine = 90, true
	return []Case{
		s(lineRFC, "POST in place of GET must be refused.", []int{400, 405, 501}, firstLine("GET", "POST")),
		s(lineRFC, "An unknown method must be refused.", []int{400, 405, 501}, firstLine("GET", "FETCH")),
		s(lineRFC, "HTTP/1.0 must be refused.", []int{400, 426, 505}, firstLine("HTTP/1.1", "HTTP/1.0")),
		s(wireRFC, "A request without Host must be refused.", bad, drop("Host")),
		s(wireRFC, "A request with two Host lines must be refused.", bad, add("Host", "other.example")),
		s("RFC 6455 4.2.1 (3)", "A request without Upgrade must not be accepted.", nil, drop("Upgrade")),
		s("RFC 6455 4.2.1 (3)", "Upgrade: h2c must not be accepted.", nil, set("Upgrade", "h2c")),
		s("RFC 6455 4.2.1 (3)", "Upgrade: websockets must not be accepted.", nil, set("Upgrade", "websockets")),
		s("RFC 6455 4.2.1 (4)", "A request without Connection must not be accepted.", nil, drop("Connection")),
		s("RFC 6455 4.2.1 (4)", "Connection: keep-alive must not be accepted.", nil, set("Connection", "keep-alive")),
		s("RFC 6455 4.2.1 (4)", "Connection: upgraded must not be accepted.", nil, set("Connection", "upgraded")),
		s(keyRFC, "A request without Sec-WebSocket-Key must be refused.", bad, drop("Sec-WebSocket-Key")),
		s(keyRFC, "An empty Sec-WebSocket-Key must be refused.", bad, set("Sec-WebSocket-Key", "")),
		s(keyRFC, "A Sec-WebSocket-Key of 15 bytes must be refused.", bad, set("Sec-WebSocket-Key", keyOf(15))),
		s(keyRFC, "A Sec-WebSocket-Key of 17 bytes must be refused.", bad, set("Sec-WebSocket-Key", keyOf(17))),
		s(keyRFC, "A Sec-WebSocket-Key that is not base64 must be refused.", bad, set("Sec-WebSocket-Key", "!!!!!!!!!!!!!!!!!!!!!!==")),
		s("RFC 6455 11.3.1", "Two Sec-WebSocket-Key lines must be refused.", bad, add("Sec-WebSocket-Key", keyOf(16))),
		s(versionRFC, "A request without Sec-WebSocket-Version must be refused.", []int{400, 426}, drop("Sec-WebSocket-Version")),
		version("12"), version("14"), version("0"), version("99"),
		s(versionRFC, "A version that is no number must be refused.", []int{400, 426}, set("Sec-WebSocket-Version", "thirteen")),
		s("RFC 6455 11.3.5", "Two Sec-WebSocket-Version lines, 13 and 99, must be refused.", []int{400, 426}, add("Sec-WebSocket-Version", "99")),
		s("RFC 9112 3", "A request line without a target must be refused.", bad, statusLine("GET HTTP/1.1")),
		s("RFC 9112 5.1", "A space between a header's name and the colon must be refused.", bad, rename("Upgrade", "Upgrade ")),
		s("RFC 9110 5.5", "A header value with a NUL must be refused.", bad, add("X-Test", "a\x00b")),
		s("RFC 9112 5", "A header line without a colon must be refused.", bad, rename("User-Agent", "no colon\r\nUser-Agent")),
		cut, early,
	}
}

func acceptedByServers() []Case {
	s := func(rfc, title string, e ...edit) Case { return accepted(Server, rfc, title, Opening{Edit: e}) }
	cased := func(change func(string) string) edit {
		return func(h *head) {
			for i := range h.lines {
				h.lines[i].name = change(h.lines[i].name)
			}
		}
	}
	var many []edit
	for i := range 40 {
		many = append(many, add(fmt.Sprintf("X-Test-%d", i), strings.Repeat("v", 20)))
	}
	absolute := func(h *head) { h.line = strings.Replace(h.line, " /", " http://"+h.get("Host")+"/", 1) }
	octets := s("RFC 9112 2", "The head octet by octet.")
	octets.Open.Chop = 1
	slow := s("RFC 9112 2", "The head in parts of 40 octets with pauses.")
	slow.Open.Chop, slow.Open.Gap = 40, 30*time.Millisecond
	behind := informational(s("RFC 6455 4.1", "A text frame right behind the request, which a client must not send: tells whether the server takes it."))
	behind.Open.Then, behind.Script = []Frame{text(hello)}, nil
	return []Case{
		s("RFC 6455 4.2.1 (3)", "Upgrade: WebSocket, in other letter case.", set("Upgrade", "WebSocket")),
		s("RFC 6455 4.2.1 (4)", "Connection: keep-alive, Upgrade.", set("Connection", "keep-alive, Upgrade")),
		s("RFC 6455 4.2.1 (4)", "Connection: upgrade, in lower case.", set("Connection", "upgrade")),
		s("RFC 9110 5.3", "Two Connection lines, keep-alive and Upgrade.", set("Connection", "keep-alive"), add("Connection", "Upgrade")),
		s("RFC 9110 5.1", "Header names in lower case.", cased(strings.ToLower)),
		s("RFC 9110 5.1", "Header names in upper case.", cased(strings.ToUpper)),
		s("RFC 9112 5", "Spaces around the values.", set("Upgrade", "  websocket  "), set("Sec-WebSocket-Version", " 13\t")),
		s("RFC 9112 3.2.2", "The request target in absolute form.", absolute),
		s("RFC 6455 4.2.1", "Forty more header lines.", many...),
		s("RFC 6455 4.2.1", "A header line of 4 KiB.", add("X-Test", strings.Repeat("v", 4*kib))),
		s("RFC 6455 4.2.1", "An unknown Sec-WebSocket header.", add("Sec-WebSocket-Test", "1")),
		octets, slow,
		informational(s("RFC 9110 7.8", "Upgrade: websocket, test: tells whether the server picks its protocol from a list.", set("Upgrade", "websocket, test"))),
		informational(s("RFC 6455 10.2", "A foreign Origin: tells whether the server refuses it.", set("Origin", "http://foreign.example"))),
		behind,
	}
}

// checkedRequests look at the parts of a client's request. Each other case of a
// client checks the whole of it too.
func checkedRequests() []Case {
	const rfc = "RFC 6455 4.1"
	c := func(rfc, title string, check func(*head) *Breach) Case {
		return accepted(Client, rfc, title, Opening{Check: func(got, _ *head) *Breach { return check(got) }})
	}
	once := func(name string) Case {
		return c(rfc, fmt.Sprintf("The request has %s once.", name), func(got *head) *Breach {
			if n := len(got.all(name)); n != 1 {
				return breach(rfc, "%s came %d times", name, n)
			}
			return nil
		})
	}
	return []Case{
		once("Host"), once("Upgrade"), once("Sec-WebSocket-Key"), once("Sec-WebSocket-Version"),
		c(rfc, "The key is random: its 16 bytes are not all the same.", func(got *head) *Breach {
			key, _ := base64.StdEncoding.DecodeString(got.get("Sec-WebSocket-Key"))
			if strings.Count(string(key), string(key[:1])) == len(key) {
				return breach(rfc, "the key is one byte over and over")
			}
			return nil
		}),
		c("RFC 9112 6", "The request has no body.", func(got *head) *Breach {
			if v := got.get("Content-Length"); v != "" && v != "0" || got.get("Transfer-Encoding") != "" {
				return breach("RFC 9112 6", "the request announces a body")
			}
			return nil
		}),
		c("RFC 6455 4.1 (10)", "The subprotocols, if any, are different tokens.", func(got *head) *Breach {
			seen := map[string]bool{}
			for _, p := range got.tokens("Sec-WebSocket-Protocol") {
				if seen[p] {
					return breach("RFC 6455 4.1 (10)", "subprotocol %q is offered twice", p)
				}
				seen[p] = true
			}
			return nil
		}),
		c("RFC 7692 7.1", "Each offer of permessage-deflate, if any, has valid parameters.", func(got *head) *Breach {
			for _, e := range extensionsOf(got) {
				if b := checkOffer(&e); b != nil {
					return b
				}
			}
			return nil
		}),
	}
}

// checkOffer finds fault with a client's offer (RFC 7692 7.1).
func checkOffer(e *extension) *Breach {
	if e.name != deflateName {
		return nil
	}
	rest := &extension{name: e.name}
	for _, p := range e.params {
		if p.name != "client_max_window_bits" || p.hasValue {
			rest.params = append(rest.params, p)
		}
	}
	_, b := parametersOf(rest)
	return b
}

func refusedByClients() []Case {
	const rfc = "RFC 6455 4.1"
	c := func(rfc, title string, e ...edit) Case { return refused(Client, rfc, title, nil, e...) }
	deflate := func(params string) Case {
		return c("RFC 7692 7.1", fmt.Sprintf("The response %q must be refused.", deflateName+params), set("Sec-WebSocket-Extensions", deflateName+params))
	}
	const switching = "101 Switching Protocols"
	return []Case{
		c(rfc, "Status 200 must be refused.", firstLine(switching, "200 OK"), add("Content-Length", "0")),
		c(rfc, "Status 400 must be refused.", firstLine(switching, "400 Bad Request"), add("Content-Length", "0")),
		c(rfc, "Status 503 must be refused.", firstLine(switching, "503 Service Unavailable"), add("Content-Length", "0")),
		c(rfc, "A request that is not HTTP must be refused.", statusLine("SSH-2.0-test")),
		c(rfc, "A response without Upgrade must be refused.", drop("Upgrade")),
		c(rfc, "Upgrade: h2c must be refused.", set("Upgrade", "h2c")),
		c(rfc, "A response without Connection must be refused.", drop("Connection")),
		c(rfc, "Connection: close must be refused.", set("Connection", "close")),
		c(rfc, "A response without Sec-WebSocket-Accept must be refused.", drop("Sec-WebSocket-Accept")),
		c(rfc, "An empty Sec-WebSocket-Accept must be refused.", set("Sec-WebSocket-Accept", "")),
		c(rfc, "The Sec-WebSocket-Accept of another key must be refused.", set("Sec-WebSocket-Accept", acceptOf(keyOf(16)))),
		c(rfc, "A Sec-WebSocket-Accept in other letter case must be refused.", func(h *head) {
			set("Sec-WebSocket-Accept", swapCase(h.get("Sec-WebSocket-Accept")))(h)
		}),
		c(rfc, "A subprotocol that was not offered must be refused.", set("Sec-WebSocket-Protocol", "not-offered.example")),
		c("RFC 6455 9.1", "An extension that was not offered must be refused.", set("Sec-WebSocket-Extensions", "x-not-offered")),
		deflate("; unknown_parameter"),
		deflate("; server_max_window_bits=7"),
		deflate("; server_max_window_bits=16"),
		deflate("; server_max_window_bits"),
		deflate("; server_no_context_takeover=1"),
		deflate("; server_no_context_takeover; server_no_context_takeover"),
		deflate("; client_max_window_bits=16"),
		informational(deflate(", " + deflateName)),
	}
}

func swapCase(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z':
			return r - 'a' + 'A'
		case r >= 'A' && r <= 'Z':
			return r - 'A' + 'a'
		}
		return r
	}, s)
}

func acceptedByClients() []Case {
	c := func(rfc, title string, e ...edit) Case { return accepted(Client, rfc, title, Opening{Edit: e}) }
	lower := func(h *head) {
		for i := range h.lines {
			h.lines[i].name = strings.ToLower(h.lines[i].name)
		}
	}
	octets := c("RFC 9112 2", "The head octet by octet.")
	octets.Open.Chop = 1
	slow := c("RFC 9112 2", "The head in parts of 40 octets with pauses.")
	slow.Open.Chop, slow.Open.Gap = 40, 30*time.Millisecond
	behind := c("RFC 6455 4.1", "A text frame in the same write as the response: it must be echoed.")
	behind.Open.Then, behind.Script = []Frame{text(hello)}, nil
	pinged := c("RFC 6455 4.1", "A ping and half a message in the same write as the response.")
	pinged.Open.Then, pinged.Script = []Frame{ping("at once"), first("Hello, ")}, script(send(last("world!")))
	pinged.OK = events(pongs("at once"), texts(hello))
	return []Case{
		c("RFC 6455 4.1", "Upgrade: WebSocket, in other letter case.", set("Upgrade", "WebSocket")),
		c("RFC 6455 4.1", "Connection: keep-alive, Upgrade.", set("Connection", "keep-alive, Upgrade")),
		c("RFC 9110 5.1", "Header names in lower case.", lower),
		c("RFC 9112 5", "Spaces around the values.", set("Upgrade", "  websocket ")),
		c("RFC 9112 4", "A status line without a reason phrase.", statusLine("HTTP/1.1 101 ")),
		c("RFC 6455 4.1", "Unknown header lines.", add("X-Test", "1"), add("Set-Cookie", "a=b")),
		octets, slow, behind, pinged,
	}
}
