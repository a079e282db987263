package conform

import (
	"fmt"
	"strings"
)

var validCodes = []int{1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999}
var invalidCodes = []int{0, 999, 1004, 1005, 1006, 1016, 1100, 2000, 2999}

func closeCases() []Case {
	const handshake, body = "RFC 6455 5.5.1, 7.1.2", "RFC 6455 5.5.1"
	normal := closeFrame(1000, "")
	row := func(id, title, rfc string, want CloseWant, steps ...Step) Case {
		return Case{ID: id, Title: title, RFC: rfc, Script: steps, Close: want}
	}
	all := []Case{
		{
			ID: "7.1.1", Title: "A text message, then the closing handshake.", RFC: handshake,
			Script: script(send(text("Hello World!"))), OK: events(texts("Hello World!")), Close: closesNormally,
		},
		row("7.1.2", "Two Close frames: the second is ignored.", handshake, closesNormally,
			closing(normal, Frame{Fin: true, Op: OpClose})),
		row("7.1.3", "A ping after the Close frame: no pong.", handshake, closesNormally, closing(normal, ping(""))),
		row("7.1.4", "A text message after the Close frame: no echo.", handshake, closesNormally, closing(normal, text("Hello World!"))),
		row("7.1.5", "A Close frame between two fragments: no echo.", handshake, closesNormally,
			closing(first("fragment1"), normal, last("fragment2"))),
		{
			ID: "7.1.6", Title: "A message of 256 KiB, a short one, a Close frame, a ping: tells what is still echoed.", RFC: handshake,
			Script: script(closing(text(strings.Repeat("BAsd7&jh23", 26214)), text("Hello World!"), normal, ping(""))),
			OK:     events(texts("Hello World!")), Close: closesNormally, Informational: true,
		},
		row("7.3.1", "A Close frame without a body.", body, closesNormally, closing(Frame{Fin: true, Op: OpClose})),
		row("7.3.2", "A Close frame with a body of one byte.", body, refuses(1002), closing(Frame{Fin: true, Op: OpClose, Payload: []byte("a")})),
		row("7.3.3", "A Close frame with a code.", body, closesNormally, closing(normal)),
		row("7.3.4", "A Close frame with a code and a reason.", body, closesNormally, closing(closeFrame(1000, "Hello World!"))),
		row("7.3.5", "A Close frame with a reason of 123 bytes, the most.", body, closesNormally, closing(closeFrame(1000, strings.Repeat("*", 123)))),
		row("7.3.6", "A Close frame with a reason of 124 bytes, one too many.", "RFC 6455 5.5", refuses(1002), closing(closeFrame(1000, strings.Repeat("*", 124)))),
		row("7.5.1", "A Close frame with a reason that is not UTF-8.", "RFC 6455 5.5.1, 8.1", refuses(1002, 1007),
			closing(closeFrame(1000, greek+surrogate+afterwards))),
	}
	for i, code := range validCodes {
		all = append(all, row(fmt.Sprintf("7.7.%d", i+1), fmt.Sprintf("A Close frame with the valid code %d.", code), "RFC 6455 7.4", answers(1000, code), closing(closeFrame(code, ""))))
	}
	for i, code := range invalidCodes {
		all = append(all, row(fmt.Sprintf("7.9.%d", i+1), fmt.Sprintf("A Close frame with the invalid code %d.", code), "RFC 6455 7.4", refuses(1002), closing(closeFrame(code, ""))))
	}
	for i, code := range []int{5000, 65535} {
		c := row(fmt.Sprintf("7.13.%d", i+1), fmt.Sprintf("A Close frame with code %d, of which the RFC says nothing: tells how it is answered.", code), "RFC 6455 7.4.2", refuses(1000, code, 1002), closing(closeFrame(code, "")))
		c.Informational = true
		all = append(all, c)
	}
	for i := range all {
		all[i].EndDecides = true
	}
	return all
}
