package conform

import (
	"bytes"
	"fmt"
	"strings"
	"time"
)

// sizes are on both sides of each bound of the length's forms (RFC 6455 5.2).
var sizes = []int{0, 125, 126, 127, 128, 65535, 65536}

const (
	hello     = "Hello, world!"
	unasked   = "unsolicited pong payload"
	nothingTo = "non-continuation payload"
)

var (
	odds     = []byte{0x00, 0xff, 0xfe, 0xfd, 0xfc, 0xfb, 0x00, 0xff}
	fullPing = strings.Repeat("\xfe", 125)
)

// echoCases are groups 1.1 and 1.2.
func echoCases() (all []Case) {
	for i, kind := range []struct {
		name string
		op   Op
		fill string
	}{{"text", OpText, "*"}, {"binary", OpBinary, "\xfe"}} {
		row := func(n, size int, chop int) Case {
			payload := bytes.Repeat([]byte(kind.fill), size)
			title := fmt.Sprintf("A %s message of %d bytes, to be echoed.", kind.name, size)
			if chop > 0 {
				title = fmt.Sprintf("A %s message of %d bytes, in writes of %d octets.", kind.name, size, chop)
			}
			echo := Event{Kind: Text, Data: payload}
			if kind.op == OpBinary {
				echo.Kind = Binary
			}
			return Case{
				ID: fmt.Sprintf("1.%d.%d", i+1, n), Title: title, RFC: "RFC 6455 5.2, 5.6",
				Script: script(chopped(chop, Frame{Fin: true, Op: kind.op, Payload: payload})),
				OK:     events(echo), Close: closesNormally,
			}
		}
		for n, size := range sizes {
			all = append(all, row(n+1, size, 0))
		}
		all = append(all, row(8, 65536, 997))
	}
	return all
}

func pingCases() []Case {
	row := func(id, title string, ok []Event, script ...Step) Case {
		return Case{ID: id, Title: title, RFC: "RFC 6455 5.5.2, 5.5.3", Script: script, OK: ok, Close: closesNormally}
	}
	var tenPings []Frame
	var tenPongs []Event
	for i := range 10 {
		s := fmt.Sprintf("payload-%d", i)
		tenPings, tenPongs = append(tenPings, ping(s)), append(tenPongs, pongs(s))
	}
	return []Case{
		row("2.1", "A ping without a payload.", events(pongs("")), send(ping(""))),
		row("2.2", "A ping with a text payload.", events(pongs(hello)), send(ping(hello))),
		row("2.3", "A ping with a payload that is not UTF-8.", events(pongs(string(odds))), send(ping(string(odds)))),
		row("2.4", "A ping of 125 octets, the most.", events(pongs(fullPing)), send(ping(fullPing))),
		{
			ID: "2.5", Title: "A ping of 126 octets must fail the connection.", RFC: "RFC 6455 5.5",
			Script: script(send(ping(fullPing + "\xfe"))), Close: failsProtocol,
		},
		row("2.6", "A ping of 125 octets, octet by octet.", events(pongs(fullPing)), chopped(1, ping(fullPing))),
		row("2.7", "A pong that nobody asked for, without a payload: no answer.", nil, send(pong(""))),
		row("2.8", "A pong that nobody asked for, with a payload: no answer.", nil, send(pong(unasked))),
		row("2.9", "A pong that nobody asked for, then a ping: the ping's pong alone.", events(pongs("ping payload")), send(pong(unasked), ping("ping payload"))),
		row("2.10", "Ten pings: ten pongs in their order.", tenPongs, send(tenPings...)),
		row("2.11", "Ten pings, octet by octet.", tenPongs, chopped(1, tenPings...)),
	}
}

// afterEcho is a case in which a message may be echoed before the connection
// must fail.
func afterEcho(id, title, rfc string, step Step) Case {
	return Case{
		ID: id, Title: title, RFC: rfc, Script: script(step),
		OK: events(texts(hello)), Lenient: true, Close: failsProtocol,
	}
}

// echoFirst is afterEcho where the writes are apart: the echo comes before the
// rest goes out, so that no race decides.
func echoFirst(id, title, rfc string, write func(...Frame) Step, rest ...Frame) Case {
	c := afterEcho(id, title, rfc, write(text(hello)))
	c.Script = append(c.Script, await(1), write(rest...))
	return c
}

func byOctet(frames ...Frame) Step { return chopped(1, frames...) }

func atOnce(id, title, rfc string, steps ...Step) Case {
	return Case{ID: id, Title: title, RFC: rfc, Script: steps, Close: failsProtocol}
}

func reservedCases() []Case {
	const bits = "RFC 6455 5.2"
	text13 := text(hello)
	control := strings.Repeat("x", 23)
	all := []Case{
		atOnce("3.1", "A text message with RSV 1.", bits, send(text13.rsv(1))),
		afterEcho("3.2", "A text message, one with RSV 2, a ping.", bits, send(text13, text13.rsv(2), ping(""))),
		echoFirst("3.3", "The same with RSV 3, each frame in a write of its own.", bits, sendEach, text13.rsv(3), ping("")),
		echoFirst("3.4", "The same with RSV 4, octet by octet.", bits, byOctet, text13.rsv(4), ping("")),
		atOnce("3.5", "A binary message with RSV 5.", bits, send(bin(odds).rsv(5))),
		atOnce("3.6", "A ping with RSV 6.", bits, send(ping(hello).rsv(6))),
		atOnce("3.7", "A Close frame with RSV 7.", bits, send(Frame{Fin: true, Op: OpClose, RSV: 7})),
	}
	for i, kind := range []struct {
		name  string
		first Op
	}{{"non-control", 3}, {"control", 11}} {
		id := func(n int) string { return fmt.Sprintf("4.%d.%d", i+1, n) }
		title := func(n int) string { return fmt.Sprintf("the reserved %s opcode %d", kind.name, int(kind.first)+n) }
		op := func(n int) Op { return kind.first + Op(n) }
		all = append(all,
			atOnce(id(1), "A frame with "+title(0)+".", bits, send(odd(op(0), ""))),
			atOnce(id(2), "A frame with "+title(1)+" and a payload.", bits, send(odd(op(1), control))),
			afterEcho(id(3), "A text message, a frame with "+title(2)+", a ping.", bits, send(text13, odd(op(2), ""), ping(""))),
			afterEcho(id(4), "A text message, a frame with "+title(3)+" and a payload, a ping.", bits, send(text13, odd(op(3), hello), ping(""))),
			echoFirst(id(5), "A text message, a frame with "+title(4)+" and a payload, a ping, octet by octet.", bits, byOctet, odd(op(4), hello), ping("")),
		)
	}
	return all
}

func fragmentCases() []Case {
	const rfc = "RFC 6455 5.4"
	one, two := first("fragment1"), last("fragment2")
	both := "fragment1fragment2"
	between := ping("ping payload")
	echo := func(id, title string, ok []Event, steps ...Step) Case {
		return Case{ID: id, Title: title, RFC: rfc, Script: steps, OK: ok, Close: closesNormally}
	}
	ponged := events(pongs("ping payload"), texts(both))
	stray, strayOpen := last(nothingTo), more(nothingTo)
	five := func(step func(...Frame) Step) []Step {
		return script(
			step(first("fragment1"), more("fragment2"), ping("pongme 1!")), wait(time.Second),
			step(more("fragment3"), more("fragment4"), ping("pongme 2!"), last("fragment5")))
	}
	fivePongs := events(pongs("pongme 1!"), pongs("pongme 2!"), texts("fragment1fragment2fragment3fragment4fragment5"))
	return []Case{
		atOnce("5.1", "A ping in two fragments.", "RFC 6455 5.5", send(ping("fragment1").notFin(), two)),
		atOnce("5.2", "A pong in two fragments.", "RFC 6455 5.5", send(pong("fragment1").notFin(), two)),
		echo("5.3", "A text message in two fragments, in one write.", events(texts(both)), send(one, two)),
		echo("5.4", "A text message in two fragments, in two writes.", events(texts(both)), sendEach(one, two)),
		echo("5.5", "A text message in two fragments, octet by octet.", events(texts(both)), chopped(1, one, two)),
		echo("5.6", "A ping between two fragments, in one write.", ponged, send(one, between, two)),
		echo("5.7", "A ping between two fragments, in three writes.", ponged, sendEach(one, between, two)),
		echo("5.8", "A ping between two fragments, octet by octet.", ponged, chopped(1, one, between, two)),
		atOnce("5.9", "A final continuation with nothing to continue, then a text message, in one write.", rfc, send(stray, text(hello))),
		atOnce("5.10", "The same in two writes.", rfc, sendEach(stray, text(hello))),
		atOnce("5.11", "The same octet by octet.", rfc, chopped(1, stray, text(hello))),
		atOnce("5.12", "A continuation that is not final with nothing to continue, then a text message, in one write.", rfc, send(strayOpen, text(hello))),
		atOnce("5.13", "The same in two writes.", rfc, sendEach(strayOpen, text(hello))),
		atOnce("5.14", "The same octet by octet.", rfc, chopped(1, strayOpen, text(hello))),
		{
			ID: "5.15", Title: "A text message in two fragments, a continuation with nothing to continue, a text message.", RFC: rfc,
			Script: script(send(one, two, more("fragment3"), text("fragment4"))),
			OK:     events(texts(both)), Lenient: true, Close: failsProtocol,
		},
		atOnce("5.16", "Twice: a continuation that is not final with nothing to continue, a text message in two fragments.", rfc,
			send(more("fragment1"), first("fragment2"), last("fragment3"), more("fragment4"), first("fragment5"), last("fragment6"))),
		atOnce("5.17", "Twice: a final continuation with nothing to continue, a text message in two fragments.", rfc,
			send(last("fragment1"), first("fragment2"), last("fragment3"), last("fragment4"), first("fragment5"), last("fragment6"))),
		atOnce("5.18", "A text frame that is not final, then another text frame.", rfc, send(one, text("fragment2"))),
		echo("5.19", "Five fragments with two pings between them, a pause behind the first ping.", fivePongs, five(send)...),
		echo("5.20", "The same, each frame in a write of its own.", fivePongs, five(sendEach)...),
	}
}
