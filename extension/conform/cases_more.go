package conform

import (
	"fmt"
	"strings"
	"time"
)

// moreCases are groups 22, 25 and 26: closing, timing and framing beyond the
// groups that the field knows.
func moreCases() []Case {
	var all []Case
	numbered := func(group string, cases ...Case) {
		for i := range cases {
			cases[i].ID = fmt.Sprintf("%s.%d", group, i+1)
			all = append(all, cases[i])
		}
	}
	numbered("22.1", endings()...)
	numbered("22.2", closeBodies()...)
	numbered("22.3", namedFailures()...)
	numbered("25.1", slowBytes()...)
	numbered("25.2", underLoad()...)
	numbered("26.1", masks()...)
	numbered("26.2", lengths()...)
	numbered("26.3", fragmentsAndControl()...)
	numbered("26.4", moreText()...)
	return all
}

func row(rfc, title string, ok []Event, want CloseWant, steps ...Step) Case {
	return Case{Title: title, RFC: rfc, Script: steps, OK: ok, Close: want}
}

func only(testee Testee, c Case) Case { c.Testee = testee; return c }

func endings() []Case {
	const tcp, after = "RFC 6455 7.1.1", "RFC 6455 5.5.1"
	normal := closeFrame(1000, "")
	dropped := CloseWant{Codes: []int{1000}, Clean: true, NeedDrop: true}
	failedAndDropped := CloseWant{ByTestee: true, Codes: []int{1002}, NeedDrop: true}
	gone := CloseWant{ByTestee: true}
	return []Case{
		only(Server, row(tcp, "After the Close frames the server closes TCP.", nil, dropped, closing(normal))),
		only(Server, row(tcp, "After an echo and the Close frames the server closes TCP.", events(texts(hello)), dropped, send(text(hello)))),
		only(Server, row(tcp, "After the server fails the connection, it closes TCP.", nil, failedAndDropped, send(odd(3, "")))),
		row(after, "64 KiB of text after the Close frame: no echo.", nil, closesNormally, closing(normal, text(strings.Repeat("*", 64*kib)))),
		row(after, "A frame with reserved bits after the Close frame: it is not looked at.", nil, closesNormally, closing(normal, text(hello).rsv(7))),
		row(after, "Half a frame after the Close frame.", nil, closesNormally, closing(normal), Step{Frames: []Frame{text(hello)}, Upto: 5}),
		row(after, "A Close frame octet by octet.", nil, closesNormally, Step{Frames: []Frame{normal}, Chop: 1, Closes: true}),
		row("RFC 6455 7.1.2", "A Close frame and the end of this side's TCP: the Close frame is still answered.", nil, closesNormally, closing(normal).fin()),
		row("RFC 6455 7.1.3", "The end of this side's TCP without a Close frame: the testee ends the connection.", nil, gone, Step{Fin: true}),
		row("RFC 6455 7.1.3", "The end of this side's TCP inside a frame: the testee ends the connection.", nil, gone, Step{Frames: []Frame{text(hello)}, Upto: 5, Fin: true}),
		row("RFC 6455 7.1.3", "The end of this side's TCP inside a fragmented message: no echo, and an end.", nil, gone, send(first("half")).fin()),
		row("RFC 6455 5.5.1", "Messages before the Close frame are all echoed before it is answered, or dropped in their order.", events(texts("1"), texts("2"), texts("3")), closesNormally,
			send(text("1"), text("2"), text("3")), await(3), closing(normal)),
	}
}

func closeBodies() []Case {
	const registry, body = "RFC 6455 7.4.2, IANA WebSocket Close Code Number Registry", "RFC 6455 5.5.1"
	reason := strings.Repeat("ü", 61)
	all := []Case{}
	for _, code := range []int{1012, 1013, 1014} {
		c := row(registry, fmt.Sprintf("A Close frame with code %d, registered after the RFC: tells how it is answered.", code), nil, answers(1000, code), closing(closeFrame(code, "")))
		c.Informational = true
		all = append(all, c)
	}
	for _, code := range []int{1015, 1005, 1006} {
		all = append(all, row("RFC 6455 7.4.1", fmt.Sprintf("A Close frame with code %d, which must not be sent, and a reason.", code), nil, refuses(1002), closing(closeFrame(code, "reason"))))
	}
	return append(all,
		row(body, "A reason of 122 bytes in two-byte characters.", nil, closesNormally, closing(closeFrame(1000, reason))),
		row(body, "A reason cut inside a character.", nil, refuses(1002, 1007), closing(closeFrame(1000, reason[:len(reason)-1]))),
		row(body, "A reason with a NUL, which UTF-8 allows.", nil, closesNormally, closing(closeFrame(1000, "a\x00b"))),
		row(body, "A reason that begins with a surrogate.", nil, refuses(1002, 1007), closing(closeFrame(1000, surrogate))),
		row("RFC 6455 5.5", "A Close frame that is not final.", nil, CloseWant{ByTestee: true, Codes: []int{1002}}, send(Frame{Op: OpClose, Payload: closePayload(1000, "")})),
		row("RFC 6455 5.5", "A Close frame of 65536 bytes.", nil, CloseWant{ByTestee: true, Codes: []int{1002, 1009}}, send(closeFrame(1000, strings.Repeat("*", 65534)))),
	)
}

// namedFailures want a Close frame that says why: RFC 6455 7.1.7 says that the
// testee should send one.
func namedFailures() []Case {
	named := func(code int) CloseWant { return CloseWant{ByTestee: true, Codes: []int{code}, NeedCode: true} }
	const rfc = "RFC 6455 7.1.7, 7.4.1"
	return []Case{
		row(rfc, "Reserved bits are answered with code 1002.", nil, named(1002), send(text(hello).rsv(2))),
		row(rfc, "A reserved opcode is answered with code 1002.", nil, named(1002), send(odd(4, hello))),
		row(rfc, "A stray continuation is answered with code 1002.", nil, named(1002), send(last(hello))),
		row(rfc, "A long ping is answered with code 1002.", nil, named(1002), send(ping(strings.Repeat("*", 200)))),
		row(rfc, "A wrong mask is answered with code 1002.", nil, named(1002), send(wrongMask(text(hello)))),
		row(rfc, "Text that is not UTF-8 is answered with code 1007.", nil, named(1007), send(text("\xff"))),
	}
}

func slowBytes() []Case {
	const rfc = "RFC 6455 5.2"
	gap := 10 * time.Millisecond
	long := strings.Repeat("*", 300)
	half := func(upto int, payload string) []Step {
		return []Step{{Frames: []Frame{text(payload)}, Upto: upto}, wait(300 * time.Millisecond), {Upto: len(payload)}}
	}
	echo := func(title, payload string, steps ...Step) Case {
		return row(rfc, title, events(texts(payload)), closesNormally, steps...)
	}
	return []Case{
		echo("A text message octet by octet, with a pause behind each.", hello, slowly(gap, 1, text(hello))),
		echo("A text message of 300 bytes in parts of 50, with a pause behind each.", long, slowly(gap, 50, text(long))),
		echo("A text message with a pause behind the first octet of its payload.", hello, half(1, hello)...),
		echo("A text message with a pause before its last octet.", hello, half(len(hello)-1, hello)...),
		echo("Two fragments with a pause between.", "ab", send(first("a")), wait(300*time.Millisecond), send(last("b"))),
		echo("A pause before the first message.", hello, wait(time.Second), send(text(hello))),
		row("RFC 6455 5.5.2", "A ping octet by octet, with a pause behind each.", events(pongs(hello)), closesNormally, slowly(gap, 1, ping(hello))),
		row("RFC 6455 5.5.2", "A pause, then a ping.", events(pongs(hello)), closesNormally, wait(time.Second), send(ping(hello))),
		echo("An empty text message octet by octet, with a pause of 300 ms behind each: its head comes in parts.", "", slowly(300*time.Millisecond, 1, text(""))),
		row("RFC 6455 5.5.1", "A Close frame octet by octet, with a pause behind each.", nil, closesNormally, Step{Frames: []Frame{closeFrame(1000, hello)}, Chop: 1, Gap: gap, Closes: true}),
	}
}

func underLoad() []Case {
	var many []Frame
	var echoes []Event
	for i := range 100 {
		s := fmt.Sprintf("message %d", i)
		many, echoes = append(many, text(s)), append(echoes, texts(s))
	}
	var large []Frame
	var largeEchoes []Event
	for range 50 {
		s := strings.Repeat("*", 4*kib)
		large, largeEchoes = append(large, text(s)), append(largeEchoes, texts(s))
	}
	pinged := row("RFC 6455 5.5.2", "50 messages of 4 KiB and a ping in one write: the pong comes, before or between the echoes.",
		append([]Event{pongs("under load")}, largeEchoes...), closesNormally, send(append(large, ping("under load"))...))
	pinged.AnyOrder = true
	between := row("RFC 6455 5.4, 5.5.2", "A ping between two fragments of 256 KiB: the pong comes before the message has ended.",
		events(pongs("between"), texts(strings.Repeat("*", 512*kib))), closesNormally,
		send(first(strings.Repeat("*", 256*kib)), ping("between")), await(1), send(last(strings.Repeat("*", 256*kib))))
	return []Case{
		row("RFC 6455 5.6", "100 messages in one write: 100 echoes in their order.", echoes, closesNormally, send(many...)),
		row("RFC 6455 5.6", "100 messages in writes of 7 octets.", echoes, closesNormally, chopped(7, many...)),
		pinged, between,
	}
}

func wrongMask(f Frame) Frame { f.WrongMask = true; return f }

func masks() []Case {
	const rfc = "RFC 6455 5.1"
	fail := func(title string, f ...Frame) Case { return row(rfc, title, nil, failsProtocol, send(f...)) }
	return []Case{
		fail("A text frame, unmasked to a server, masked to a client.", wrongMask(text(hello))),
		fail("A binary frame, masked the wrong way.", wrongMask(bin(odds))),
		fail("An empty text frame, masked the wrong way.", wrongMask(text(""))),
		fail("A ping, masked the wrong way.", wrongMask(ping(hello))),
		fail("A pong, masked the wrong way.", wrongMask(pong(hello))),
		fail("A Close frame, masked the wrong way.", wrongMask(closeFrame(1000, ""))),
		fail("A continuation, masked the wrong way.", first("a"), wrongMask(last("b"))),
		only(Server, row(rfc, "A mask key of zeros is a mask.", events(texts(hello)), closesNormally, send(Frame{Fin: true, Op: OpText, Payload: []byte(hello), ZeroKey: true}))),
	}
}

// lengths are forms of a length that a sender must not choose. The RFC does not oblige a receiver
// to notice forms that are merely too long.
func lengths() []Case {
	const rfc = "RFC 6455 5.2"
	form := func(title string, f Frame, bytes int) Case {
		f.LengthBytes = bytes
		c := row(rfc, title, nil, CloseWant{Either: true, Codes: []int{1002}}, send(f))
		c.NonStrict = events(Event{Kind: Text, Data: f.Payload})
		return c
	}
	top := func(f Frame) Frame {
		f.LengthBytes, f.Declared = 8, 1<<63|uint64(len(f.Payload))
		return f
	}
	control := func(title string, f Frame, bytes int) Case {
		f.LengthBytes = bytes
		c := row("RFC 6455 5.2, 5.5", title, nil, CloseWant{Either: true, Codes: []int{1002}}, send(f))
		c.NonStrict = events(Event{Kind: Pong, Data: f.Payload})
		return c
	}
	return []Case{
		form("A length of 13 in two bytes.", text(hello), 2),
		form("A length of 13 in eight bytes.", text(hello), 8),
		form("A length of 126 in eight bytes.", text(strings.Repeat("*", 126)), 8),
		form("A length of 65535 in eight bytes.", text(strings.Repeat("*", 65535)), 8),
		control("A ping whose length takes two bytes.", ping(hello), 2),
		control("A ping whose length takes eight bytes.", ping(hello), 8),
		row(rfc, "A length with its highest bit set.", nil, CloseWant{ByTestee: true, Codes: []int{1002, 1009}}, send(top(text(hello)))),
		row(rfc, "A ping whose length has its highest bit set.", nil, failsProtocol, send(top(ping(hello)))),
	}
}

func fragmentsAndControl() []Case {
	const rfc = "RFC 6455 5.4"
	letters := strings.Repeat("*", 1000)
	split := octetFrames(letters)
	var pinged []Frame
	var answers []Event
	for i := range 50 {
		pinged = append(pinged, Frame{Op: Op(1 - min(i, 1)), Payload: []byte("x")}, ping(fmt.Sprint(i)))
		answers = append(answers, pongs(fmt.Sprint(i)))
	}
	pinged = append(pinged, last(""))
	answers = append(answers, texts(strings.Repeat("x", 50)))
	empty := []Frame{first("")}
	for range 200 {
		empty = append(empty, more(""))
	}
	binary := []Frame{{Op: OpBinary, Payload: odds}, {Fin: true, Op: OpContinuation, Payload: odds}}
	return []Case{
		row(rfc, "A message in 1000 fragments of one octet.", events(texts(letters)), closesNormally, send(split...)),
		row(rfc, "A message in 50 fragments with a ping behind each.", answers, closesNormally, send(pinged...)),
		row(rfc, "200 empty fragments, then one that is not.", events(texts("end")), closesNormally, send(append(empty, last("end"))...)),
		row(rfc, "A binary message in two fragments.", events(bins(append(append([]byte(nil), odds...), odds...))), closesNormally, send(binary...)),
		row(rfc, "A pong that nobody asked for between two fragments.", events(texts("ab")), closesNormally, send(first("a"), pong("x"), last("b"))),
		row(rfc, "A binary frame inside a fragmented text message.", nil, failsProtocol, send(first("a"), bin(odds))),
		row(rfc, "A text frame that is not final inside a fragmented message.", nil, failsProtocol, send(first("a"), first("b"))),
		row(rfc, "A continuation behind a message that has ended.", events(texts("ab")), failsProtocol, send(first("a"), last("b")), await(1), send(last("c"))),
		row("RFC 6455 5.2", "A continuation with RSV 2.", nil, failsProtocol, send(first("a"), last("b").rsv(2))),
		row("RFC 6455 5.2", "A ping with RSV 1 inside a fragmented message.", nil, failsProtocol, send(first("a"), ping("x").rsv(1))),
		row("RFC 6455 5.2", "A pong with RSV 2.", nil, failsProtocol, send(pong("x").rsv(2))),
		row("RFC 6455 5.2", "A Close frame with RSV 4.", nil, failsProtocol, send(Frame{Fin: true, Op: OpClose, RSV: 4, Payload: closePayload(1000, "")})),
		row("RFC 6455 5.5", "A ping of 65536 bytes.", nil, CloseWant{ByTestee: true, Codes: []int{1002, 1009}}, send(ping(strings.Repeat("*", 65536)))),
		row("RFC 6455 5.5", "A pong of 126 bytes.", nil, failsProtocol, send(pong(strings.Repeat("*", 126)))),
	}
}

func moreText() []Case {
	const rfc = "RFC 6455 8.1"
	valid := func(title, payload string, steps ...Step) Case {
		return row("RFC 6455 5.6", title, events(texts(payload)), closesNormally, steps...)
	}
	invalid := func(title string, steps ...Step) Case { return row(rfc, title, nil, failsPayload, steps...) }
	long := strings.Repeat("€", 20_000)
	return []Case{
		valid("A byte order mark is text.", "\ufeffa", send(text("\ufeffa"))),
		valid("NUL is text.", "a\x00b", send(text("a\x00b"))),
		valid("60000 bytes of three-byte characters in writes of 1000 octets.", long, chopped(1000, text(long))),
		valid("A character in two fragments with a ping between.", "€", send(first("\xe2\x82"), last("\xac"))),
		row("RFC 6455 5.6", "Binary data need not be UTF-8.", events(bins([]byte("\xff\xfe\xed\xa0\x80"))), closesNormally, send(bin([]byte("\xff\xfe\xed\xa0\x80")))),
		row("RFC 6455 5.6", "Fragmented binary data need not be UTF-8.", events(bins([]byte("\xff\xfe"))), closesNormally,
			send(Frame{Op: OpBinary, Payload: []byte("\xff")}, last("\xfe"))),
		invalid("A message that ends inside a character.", send(text("abc\xe2\x82"))),
		invalid("A fragmented message that ends inside a character.", send(first("abc\xe2"), last("\x82"))),
		invalid("A surrogate in two fragments.", send(first("\xed"), last("\xa0\x80"))),
		invalid("What is not UTF-8 behind 60000 bytes that are.", send(text(long+"\xff"))),
		invalid("An overlong slash in two fragments.", send(first("\xc0"), last("\xaf"))),
	}
}
