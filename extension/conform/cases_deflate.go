package conform

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// deflateCases are groups 23 and 24: permessage-deflate beyond the groups that the field knows,
// and unusual offers.
func deflateCases() []Case {
	var all []Case
	numbered := func(group string, cases ...Case) {
		for i := range cases {
			cases[i].ID = fmt.Sprintf("%s.%d", group, i+1)
			all = append(all, cases[i])
		}
	}
	numbered("23.1", offers()...)
	numbered("23.2", lawfulMessages()...)
	numbered("23.3", wrongMessages()...)
	numbered("23.4", windows()...)
	numbered("24.1", subprotocols()...)
	return all
}

// offers are answers to look at; a message follows, compressed as agreed.
func offers() []Case {
	const rfc = "RFC 7692 7.1"
	packed := text(strings.Repeat(hello, 20))
	packed.Compress = true
	answered := func(rfc, title string, check func(*extension) *Breach, offers ...string) Case {
		c := accepted(Server, rfc, title, Opening{Compression: true, DeflateOptional: true, RefusalNonStrict: true, RawOffers: true, Offers: offers})
		c.Script, c.OK = script(send(packed)), events(Event{Kind: Text, Data: packed.Payload})
		c.Open.Check = func(got, _ *head) *Breach {
			if all := extensionsOf(got); len(all) > 0 {
				return check(&all[0])
			}
			return nil
		}
		return c
	}
	declined := func(params string) Case {
		return answered(rfc, fmt.Sprintf("The offer %q must be declined.", deflateName+params), func(*extension) *Breach {
			return breach(rfc, "the server agreed to an offer with an invalid parameter")
		}, params)
	}
	atMost := func(bits int, params string) Case {
		return answered("RFC 7692 7.1.2.1", fmt.Sprintf("The offer %q: the response must limit the window to %d bits, or decline.", deflateName+params, bits), func(e *extension) *Breach {
			p, _ := e.param("server_max_window_bits")
			if n, err := strconv.Atoi(p.value); err != nil || n > bits {
				return breach("RFC 7692 7.1.2.1", "server_max_window_bits is %q in the response, expected at most %d", p.value, bits)
			}
			return nil
		}, params)
	}
	noTakeover := answered("RFC 7692 7.1.1.1", "The offer of server_no_context_takeover: the response must have it too, or decline.", func(e *extension) *Breach {
		if _, has := e.param("server_no_context_takeover"); !has {
			return breach("RFC 7692 7.1.1.1", "the response has no server_no_context_takeover")
		}
		return nil
	}, "; server_no_context_takeover")
	plain := answered("RFC 7692 7.1.2.2", "An offer without client_max_window_bits: the response must not have it.", func(e *extension) *Breach {
		if _, has := e.param("client_max_window_bits"); has {
			return breach("RFC 7692 7.1.2.2", "client_max_window_bits in the response, the offer has none")
		}
		return nil
	}, "")
	second := answered(rfc, "An invalid offer, then a plain one: the response is to the second, or declines.", func(e *extension) *Breach {
		if len(e.params) > 0 && slices.ContainsFunc(e.params, func(p param) bool { return p.name == "unknown" }) {
			return breach(rfc, "the server agreed to an invalid parameter")
		}
		return nil
	}, "; unknown=1", "")
	unknown := accepted(Server, "RFC 6455 9.1", "An extension that does not exist: no extension in the response.", Opening{Edit: edits(set("Sec-WebSocket-Extensions", "x-unknown; a=1"))})
	besides := accepted(Server, "RFC 6455 9.1", "An extension that does not exist before permessage-deflate: the response has the latter alone, or none.", Opening{
		Compression: true, DeflateOptional: true, Edit: edits(set("Sec-WebSocket-Extensions", "x-unknown, permessage-deflate; client_no_context_takeover; client_max_window_bits")),
	})
	return []Case{
		declined("; unknown=1"), declined("; server_max_window_bits=7"), declined("; server_max_window_bits=16"),
		declined("; server_max_window_bits"), declined("; server_max_window_bits=ten"), declined("; server_max_window_bits=010"),
		declined("; server_no_context_takeover=1"), declined("; client_no_context_takeover=1"),
		declined("; client_max_window_bits=7"), declined("; client_max_window_bits=16"),
		declined("; server_no_context_takeover; server_no_context_takeover"),
		atMost(8, "; server_max_window_bits=8"), atMost(9, "; server_max_window_bits=9"), atMost(14, "; server_max_window_bits=14"),
		atMost(10, `; server_max_window_bits="10"`),
		noTakeover, plain, second, unknown, besides,
	}
}

func compressed(rfc, title string, ok []Event, want CloseWant, steps ...Step) Case {
	c := row(rfc, title, ok, want, steps...)
	c.Open.Compression = true
	return c
}

// stored, fixed and others are messages whose octets RFC 7692 7.2.3 prints.
var (
	fixedHello  = "\xf2\x48\xcd\xc9\xc9\x07\x00"
	againHello  = "\xf2\x00\x11\x00\x00"
	storedHello = "\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00"
	finalHello  = "\xf3\x48\xcd\xc9\xc9\x07\x00\x00"
	twoBlocks   = "\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00"
)

func rawText(octets string) Frame { return text(octets).rsv(rsv1) }

func squeezed(s string) Frame { f := text(s); f.Compress = true; return f }

func lawfulMessages() []Case {
	const messages, examples = "RFC 7692 7.2", "RFC 7692 7.2.3"
	echo := func(rfc, title string, ok []Event, steps ...Step) Case {
		return compressed(rfc, title, ok, closesNormally, steps...)
	}
	greet := events(texts("Hello"))
	octets := func(s string) []Frame {
		frames := octetFrames(s)
		frames[0].RSV = rsv1
		return frames
	}
	long := strings.Repeat("compress me ", 2_000)
	reset := echo("RFC 7692 7.1.1", "Three messages, each without the ones before as context: always allowed.", events(texts(long), texts(long), texts(long)),
		send(squeezed(long), squeezed(long), squeezed(long)))
	reset.Open.NoTakeover = true
	takeover := func(c Case) Case {
		c.Open.NeedTakeover, c.Open.RawOffers, c.Open.Offers = true, true, []string{""}
		return c
	}
	half := rawText(fixedHello[:3])
	half.Fin = false
	return []Case{
		echo(messages, "An uncompressed message.", greet, send(text("Hello"))),
		echo(messages, "A compressed message, an uncompressed one, a compressed one.", events(texts(long), texts(hello), texts(long)), send(squeezed(long), text(hello), squeezed(long))),
		echo(messages, "An uncompressed message, then a compressed one.", events(texts(hello), texts(long)), send(text(hello), squeezed(long))),
		echo(messages, "An empty uncompressed message.", events(texts("")), send(text(""))),
		echo("RFC 7692 7.2.3.6", "An empty compressed message, one octet of zero.", events(texts("")), send(rawText("\x00"))),
		echo("RFC 7692 7.2.3.1", "A block of fixed Huffman codes.", greet, send(rawText(fixedHello))),
		takeover(echo("RFC 7692 7.2.3.2", "The same message twice, the second by reference to the first.", events(texts("Hello"), texts("Hello")), send(rawText(fixedHello), rawText(againHello)))),
		echo("RFC 7692 7.2.3.3", "A block without compression.", greet, send(rawText(storedHello))),
		echo("RFC 7692 7.2.3.4", "A block that is marked as the last one.", greet, send(rawText(finalHello))),
		echo("RFC 7692 7.2.3.5", "Two blocks in one message.", greet, send(rawText(twoBlocks))),
		echo("RFC 7692 6.1", "A compressed message in fragments of one octet.", greet, send(octets(fixedHello)...)),
		echo("RFC 7692 6.1", "A ping between two fragments of a compressed message.", events(pongs("x"), texts("Hello")), send(half, ping("x"), last(fixedHello[3:]))),
		echo("RFC 7692 6.1", "An uncompressed message in two fragments.", events(texts("ab")), send(first("a"), last("b"))),
		echo("RFC 7692 6.1", "A first fragment that is empty.", greet, send(first("").rsv(rsv1), last(fixedHello))),
		echo(examples, "A compressed message, a message marked as last, a compressed message.", events(texts("Hello"), texts("Hello"), texts("Hello")), send(rawText(fixedHello), rawText(finalHello), rawText(fixedHello))),
		reset,
		echo(messages, "1 MiB of one letter in a thousandth of the octets.", events(texts(strings.Repeat("*", mib))), send(squeezed(strings.Repeat("*", mib)))),
		echo(messages, "A Close frame after compressed messages is not compressed.", greet, send(rawText(fixedHello))),
	}
}

func wrongMessages() []Case {
	const bits, data = "RFC 7692 6.1", "RFC 7692 6.2, 7.2.2"
	fail := func(rfc, title string, codes []int, steps ...Step) Case {
		return compressed(rfc, title, nil, CloseWant{ByTestee: true, Codes: codes}, steps...)
	}
	protocol := []int{1002}
	// RFC 7692 names no code for data that cannot be inflated.
	var any []int
	half := rawText(fixedHello[:3])
	half.Fin = false
	reserved := func(f Frame, bits byte) Frame { f.RSV |= bits; return f }
	forgotten := compressed("RFC 7692 7.1.1", "A reference to the message before, though no context may be kept.", events(texts("Hello")), CloseWant{ByTestee: true}, send(rawText(fixedHello)), await(1), send(rawText(againHello)))
	forgotten.Open.NeedNoTakeover = true
	lone := compressed("RFC 7692 7.1.1", "A reference to a message that was not sent compressed.", events(texts("Hello")), CloseWant{ByTestee: true}, send(text("Hello")), await(1), send(rawText(againHello)))
	return []Case{
		fail(bits, "RSV1 on a continuation.", protocol, send(half, last(fixedHello[3:]).rsv(rsv1))),
		fail(bits, "RSV1 on a continuation of an uncompressed message.", protocol, send(first("a"), last("b").rsv(rsv1))),
		fail(bits, "RSV1 on a ping.", protocol, send(ping("x").rsv(rsv1))),
		fail(bits, "RSV1 on a pong.", protocol, send(pong("x").rsv(rsv1))),
		fail(bits, "RSV1 on a Close frame.", protocol, send(Frame{Fin: true, Op: OpClose, RSV: rsv1, Payload: closePayload(1000, "")})),
		fail("RFC 6455 5.2", "RSV2 on a compressed message.", protocol, send(reserved(rawText(fixedHello), 2))),
		fail("RFC 6455 5.2", "RSV3 on a compressed message.", protocol, send(reserved(rawText(fixedHello), 1))),
		fail("RFC 6455 5.2", "RSV2 alone, on an uncompressed message.", protocol, send(text("Hello").rsv(2))),
		fail(data, "A block of the reserved type.", any, send(rawText("\x07\x00"))),
		fail(data, "A block without compression whose length and its complement disagree.", any, send(rawText("\x00\x05\x00\x00\x00Hello\x00"))),
		fail(data, "A reference to before the first octet.", any, send(rawText(againHello))),
		fail(data, "Text that was not compressed, with RSV1.", any, send(rawText(strings.Repeat("\xff", 20)))),
		fail(data, "A block without compression that ends before its length.", any, send(rawText("\x00\xff\x00\x00\xffHello"))),
		fail("RFC 6455 8.1", "Text that is not UTF-8 once it is inflated.", []int{1007}, send(squeezed("abc\xff"))),
		fail("RFC 6455 8.1", "A surrogate that shows once it is inflated.", []int{1007}, send(squeezed(greek+surrogate))),
		lone, forgotten,
	}
}

// windows force windows and context takeover, in each direction. The strict
// reader inflates with no more than was agreed.
func windows() (all []Case) {
	add := func(title, rfc string, o Opening) {
		o.Compression, o.RawOffers = true, true
		rally := &Rally{Op: OpText, Bytes: 8 * kib, Count: 30, Corpus: "json", Compress: true}
		all = append(all, Case{Title: title, RFC: rfc, Open: o, Script: script(Step{Rally: rally}), Close: closesNormally})
	}
	for _, bits := range []int{9, 10, 12, 15} {
		add(fmt.Sprintf("A window of %d bits for the testee's messages.", bits), "RFC 7692 7.1.2",
			Opening{Offers: []string{bitsOffer(bits)}, Requests: []clientLimits{{bits: bits}}})
	}
	add("No context takeover for the testee's messages.", "RFC 7692 7.1.1", Opening{Offers: []string{noTakeoverOffer}, Requests: []clientLimits{{noTakeover: true}}})
	add("No context takeover, and a window of 10 bits, for the testee's messages.", "RFC 7692 7.1", Opening{Offers: []string{noTakeoverOffer + bitsOffer(10)}, Requests: []clientLimits{{noTakeover: true, bits: 10}}})
	add("Context takeover for both.", "RFC 7692 7.1.1", Opening{Offers: []string{""}})
	return all
}

func subprotocols() []Case {
	offer := func(rfc, title string, protocols ...string) Case {
		return accepted(Server, rfc, title, Opening{Protocols: protocols})
	}
	const rfc = "RFC 6455 4.2.2 (5)"
	every := "!#$%&'*+-.^_`|~09azAZ"
	long := make([]string, 50)
	for i := range long {
		long[i] = fmt.Sprintf("protocol-%d.example", i)
	}
	lines := accepted(Server, "RFC 6455 11.3.4", "Two subprotocols in two header lines: the server chooses one of them, or none.", Opening{Edit: edits(add("Sec-WebSocket-Protocol", "one.example"), add("Sec-WebSocket-Protocol", "two.example"))})
	return []Case{
		offer(rfc, "A subprotocol that the server does not know: it chooses none, or that one.", "unknown.example"),
		offer(rfc, "Three subprotocols: the server chooses one of them, or none.", "one.example", "two.example", "three.example"),
		offer(rfc, "A subprotocol of all letters that a token may have.", every),
		offer(rfc, "Fifty subprotocols.", long...),
		lines,
		informational(accepted(Server, "RFC 6455 4.1 (10)", "An empty Sec-WebSocket-Protocol: tells whether the server refuses it.", Opening{Edit: edits(add("Sec-WebSocket-Protocol", ""))})),
		informational(accepted(Server, "RFC 6455 9.1", "A Sec-WebSocket-Extensions that is not a list of extensions: tells whether the server refuses it.", Opening{Edit: edits(add("Sec-WebSocket-Extensions", ";;=,"))})),
		informational(accepted(Server, "RFC 6455 4.1 (10)", "The same subprotocol twice: tells whether the server refuses it.", Opening{Protocols: []string{"one.example", "one.example"}})),
	}
}
