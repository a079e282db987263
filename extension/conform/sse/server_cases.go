package sse

import (
	"fmt"
	"strings"
	"sync"

	"xk6-realtime/conform"
)

// serverCase is one test of a server.
type serverCase struct {
	Listed
	play play
}

// play plays a case and gives the verdict.
type play func(p *serverPlay) (conform.Behavior, string)

// onStream has a case begin on a stream that is open.
func onStream(then func(p *serverPlay, s *stream) (conform.Behavior, string)) play {
	return func(p *serverPlay) (conform.Behavior, string) {
		s, err := p.open()
		if err != nil {
			return failed("%v", err)
		}
		return then(p, s)
	}
}

// needsPublish is for a case that decides what the server writes.
func needsPublish(then play) play {
	return func(p *serverPlay) (conform.Behavior, string) {
		if p.Publish == nil {
			return unimplemented("it needs --publish")
		}
		return then(p)
	}
}

func pass() (conform.Behavior, string) { return conform.OK, "as the specification has it" }
func failed(format string, args ...any) (conform.Behavior, string) {
	return conform.Failed, fmt.Sprintf(format, args...)
}
func preferred(format string, args ...any) (conform.Behavior, string) {
	return conform.NonStrict, fmt.Sprintf(format, args...)
}
func unimplemented(format string, args ...any) (conform.Behavior, string) {
	return conform.Unimplemented, fmt.Sprintf(format, args...)
}
func informs(format string, args ...any) (conform.Behavior, string) {
	return conform.Informational, fmt.Sprintf(format, args...)
}

const needsEvents = "no event came; --publish has the server write some"

// serverCases are all, by their numbers.
var serverCases = sync.OnceValue(func() (all []serverCase) {
	numbered := func(group int, cases ...serverCase) {
		for i := range cases {
			cases[i].ID = fmt.Sprintf("%d.%d", group, i+1)
			all = append(all, cases[i])
		}
	}
	one := func(title, spec string, play play) serverCase {
		return serverCase{Listed{Title: title, Spec: spec}, play}
	}
	over := func(version string, c serverCase) serverCase {
		c.HTTP = version
		return c
	}
	numbered(1,
		one("The answer is 200 with the type text/event-stream.", processing, hasType),
		one("The charset is utf-8 or none.", "WHATWG HTML 9.2.5", onStream(hasCharset)),
		one("The answer may not be stored (Cache-Control: no-store or no-cache).", authoring, onStream(isUncached)),
		one("The head comes at once, before any event.", processing, comesAtOnce),
		over("1.1", one("HTTP/1.0 gets no chunks.", "RFC 9112 6.1", knowsOldHTTP)),
		one("A client that takes other types too gets the stream.", processing, withAccept("Accept: */*", true)),
		one("A client that does not take event streams: tells what it gets.", "RFC 9110 12.5.1", withAccept("Accept: application/json", false)),
		over("1.1", one("The head octet by octet.", "RFC 9112 2", headSlowly)),
	)
	numbered(2,
		one("What is written is lines of the grammar, in UTF-8.", parsing, isGrammatical),
		one("An event ends with its empty line, without waiting for the next event.", parsing, needsPublish(onStream(isFlushed))),
		one("Line ends in a published text make no fields.", parsing, needsPublish(onStream(isInjected))),
		one("Text beyond ASCII comes as UTF-8.", parsing, needsPublish(onStream(isUTF8))),
	)
	numbered(3,
		one("Events have ids.", reconnecting, hasIDs),
		one("Last-Event-ID: what came after it is sent again, in order and once.", reconnecting, resumes),
		one("Last-Event-ID of the last event: nothing is sent again.", reconnecting, needsPublish(resumesAtEnd)),
		one("An unknown Last-Event-ID is not an error.", reconnecting, oddID("no-such-id")),
		one("A Last-Event-ID of 4,000 characters does the server no harm.", reconnecting, oddID(strings.Repeat("x", 4_000))),
		one("A Last-Event-ID in UTF-8 is not an error.", processing, oddID("naïve 東京")),
		one("Two subscribers get the same events.", processing, needsPublish(onStream(reachesBoth))),
		one("A subscriber that is reset does the others no harm.", processing, onStream(survivesReset)),
	)
	numbered(4,
		one("retry has digits: tells what the server asks for.", parsing, hasRetry),
		one("A comment, or an event, comes often enough to keep a connection alive.", authoring, onStream(keepsAlive)),
		one("204 No Content tells a client to stop.", processing, isGone),
	)
	numbered(5,
		over("2", one("The answer has none of the fields that HTTP/2 forbids, such as Connection.", "RFC 9113 8.2.2", onStream(hasNoHop))),
		over("2", one("Two streams of one connection get the same events.", "RFC 9113 5", needsPublish(sharesConnection))),
		over("2", one("RST_STREAM ends its stream alone: another one of its connection goes on.", "RFC 9113 5.4.2", endsOneStream)),
	)
	return all
})
