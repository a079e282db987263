package sse

import (
	"fmt"
	"strings"
	"sync"
	"time"

	"xk6-realtime/conform"
	"xk6-realtime/engine/eventstream/grammar"
)

// clientCase is one test of a client: its orders, the answers to its requests, and the events
// that it must report.
type clientCase struct {
	Listed
	// needs is a capability that the service must have.
	needs string
	// told has the further fields, beside the addresses, of the order to the service.
	told map[string]any
	// answers are those to its requests, in turn. The last one is held open after
	// [endOfCase], but for those of a case that ends in stops.
	answers []answer
	// want are the events before that.
	want []want
	// stops says that no request may follow the answers.
	stops bool
	// stopsStrictly: a client that does is not NON-STRICT.
	stopsStrictly bool
	// comments are to be told, beside events.
	comments []string
	// check looks at the requests; the empty text passes.
	check func(r []asked) (conform.Behavior, string)
}

// want is an event that a client must report.
type want struct{ kind, data, id, ownID string }

// answer is the answer to a request.
type answer struct {
	status  int    // default 200
	head    string // more lines of the head, each with its end
	kind    string // Content-Type; default text/event-stream, "-" for none
	body    string
	oneByte bool // each byte in a chunk of its own
	framing framing
	end     end
}

type framing byte

const (
	chunked framing = iota
	toTheEnd
	byLength
)

type end byte

const (
	completes end = iota
	cuts          // TCP ends, without the last chunk
	resets        // TCP is reset
)

// endOfCase is the last event of each case: what came before it is all.
const endOfCase = "k6-realtime: end of the case"

func held() answer { return answer{body: "data: " + endOfCase + "\n\n"} }

// clientCases are all, by their numbers.
var clientCases = sync.OnceValue(func() (all []clientCase) {
	numbered := func(group int, cases []clientCase) {
		for i := range cases {
			cases[i].ID = fmt.Sprintf("%d.%d", group, i+1)
			all = append(all, cases[i])
		}
	}
	numbered(1, grammarCases(false))
	numbered(2, grammarCases(true))
	numbered(3, reconnectCases())
	numbered(4, answerCases())
	numbered(5, requestCases())
	numbered(6, optionalCases())
	return all
})

// grammarCases are the rows of the grammar: the client reads each stream to its
// end, comes back, and says in the header what it has seen last.
func grammarCases(oneByte bool) (all []clientCase) {
	const longest = 3_000
	for _, row := range grammar.Rows() {
		if oneByte && len(row.Bytes()) > longest {
			continue
		}
		c := clientCase{Listed: Listed{Title: "The grammar: " + row.Name + ".", Spec: parsing}}
		if row.Source != "" {
			c.Spec = row.Source
		}
		if oneByte {
			c.Title = "The same byte by byte: " + row.Name + "."
		}
		for _, e := range row.Events {
			own := ""
			if e.ID != nil {
				own = *e.ID
			}
			c.want = append(c.want, want{e.Event, e.Data, e.LastEventID, own})
		}
		c.answers = []answer{{body: string(row.Bytes()), oneByte: oneByte}, held()}
		c.check = func(r []asked) (conform.Behavior, string) {
			v, why := cameBackWith(row.LastEventID)(r)
			if v == conform.OK && row.RetryMs != nil {
				return waited(r, time.Duration(*row.RetryMs)*time.Millisecond)
			}
			return v, why
		}
		all = append(all, c)
	}
	return all
}

// cameBackWith tells whether the last request had a Last-Event-ID.
func cameBackWith(id string) func(r []asked) (conform.Behavior, string) {
	return func(r []asked) (conform.Behavior, string) {
		got := r[len(r)-1].header.Get("Last-Event-ID")
		return ok(got == id, conform.Failed, "it came back with Last-Event-ID %q, expected %q", got, id)
	}
}

// waited tells whether the client came back no sooner than it was told.
func waited(r []asked, told time.Duration) (conform.Behavior, string) {
	// Clocks and timers round.
	const slack = 20 * time.Millisecond
	if after := r[1].at.Sub(r[0].answered); after < told-slack {
		return conform.Failed, fmt.Sprintf("it came back %v after the end, told to wait %v", after.Round(time.Millisecond), told)
	}
	return conform.OK, ""
}

func message(data string) want { return want{kind: "message", data: data} }

func reconnectCases() []clientCase {
	spec := func(title string) Listed { return Listed{Title: title, Spec: reconnecting} }
	one := want{"message", "1", "7", "7"}
	return []clientCase{
		{Listed: spec("A response that comes to its end: the client comes back."), answers: []answer{{body: "id: 7\ndata: 1\n\n"}, held()}, want: []want{one}, check: cameBackWith("7")},
		{Listed: spec("A response that is cut: the client comes back."), answers: []answer{{body: "id: 7\ndata: 1\n\n", end: cuts}, held()}, want: []want{one}, check: cameBackWith("7")},
		{Listed: spec("A connection that is reset: the client comes back."), answers: []answer{{body: "id: 7\ndata: 1\n\n", end: resets}, held()}, want: []want{one}, check: cameBackWith("7")},
		{Listed: spec("Three ends in a row: the client comes back each time."), answers: []answer{{body: "id: 5\ndata: 1\n\n"}, {body: ""}, {body: "id: 7\ndata: 2\n\n"}, held()}, want: []want{{"message", "1", "5", "5"}, {"message", "2", "7", "7"}}, check: cameBackWith("7")},
		{Listed: spec("Half an event before a cut is not an event, and its id is not the last one."), answers: []answer{{body: "id: 7\ndata: 1\n\nid: 8\ndata: 2\n", end: cuts}, held()}, want: []want{one}, check: cameBackWith("7")},
		{Listed: spec("retry: 1000: the client waits at least so long."), answers: []answer{{body: "retry: 1000\ndata: 1\n\n"}, held()}, want: []want{message("1")}, check: func(r []asked) (conform.Behavior, string) { return waited(r, time.Second) }},
		{Listed: spec("The id stays over an end without an event."), answers: []answer{{body: "id: 7\ndata: 1\n\n"}, {body: ": nothing\n\n"}, held()}, want: []want{one}, check: cameBackWith("7")},
		{Listed: spec("The type and data of half an event do not live on after a cut."), answers: []answer{{body: "event: x\ndata: 1\n", end: cuts}, {body: "data: 2\n\n"}, held()}, want: []want{message("2")}},
	}
}

func answerCases() []clientCase {
	spec := func(title string) Listed { return Listed{Title: title, Spec: processing} }
	const body = "data: 1\n\n"
	status := func(code int) answer { return answer{status: code, kind: "text/plain", body: "no"} }
	follows := func(code int) clientCase {
		return clientCase{Listed: spec(fmt.Sprintf("%d is followed.", code)), answers: []answer{{status: code, kind: "-", head: "Location: ?again\r\n"}, held()}}
	}
	stops := func(title string, a answer, strictly bool) clientCase {
		return clientCase{Listed: spec(title), answers: []answer{a}, stops: true, stopsStrictly: strictly}
	}
	return []clientCase{
		stops("204 No Content: the client stops, and does not come back.", answer{status: 204, kind: "-"}, true),
		stops("Another type, text/html, fails the connection: no event, and the client does not come back.", answer{kind: "text/html", body: body}, false),
		stops("No Content-Type fails the connection.", answer{kind: "-", body: body}, false),
		stops("404 fails the connection.", status(404), false),
		stops("500 fails the connection.", status(500), false),
		{Listed: spec("The type with a charset is the type."), answers: []answer{{kind: "text/event-stream; charset=utf-8", body: body}, held()}, want: []want{message("1")}},
		{Listed: spec("The type in other letters is the type."), answers: []answer{{kind: "Text/Event-Stream", body: body}, held()}, want: []want{message("1")}},
		{Listed: spec("A body to the connection's end."), answers: []answer{{framing: toTheEnd, body: body}, held()}, want: []want{message("1")}},
		{Listed: spec("A body of a length."), answers: []answer{{framing: byLength, body: body}, held()}, want: []want{message("1")}},
		{Listed: spec("An early hint before the answer."), answers: []answer{{head: "early", body: body}, held()}, want: []want{message("1")}},
		{Listed: spec("A megabyte in one event."), answers: []answer{{body: "data: " + strings.Repeat("x", 1<<20) + "\n\n"}, held()}, want: []want{message(strings.Repeat("x", 1<<20))}},
		follows(301), follows(302), follows(307), follows(308),
	}
}

func requestCases() []clientCase {
	ask := func(title string, check func(r asked) (conform.Behavior, string)) clientCase {
		return clientCase{Listed: Listed{Title: title, Spec: processing}, answers: []answer{held()}, check: func(r []asked) (conform.Behavior, string) { return check(r[0]) }}
	}
	return []clientCase{
		ask("The request is a GET.", func(r asked) (conform.Behavior, string) {
			return ok(r.method == "GET", conform.Failed, "the method was %q", r.method)
		}),
		ask("Accept has text/event-stream.", func(r asked) (conform.Behavior, string) {
			accept := r.header.Get("Accept")
			switch {
			case strings.Contains(accept, "text/event-stream"):
				return conform.OK, ""
			case accept == "" || strings.Contains(accept, "*/*") || strings.Contains(accept, "text/*"):
				return conform.NonStrict, fmt.Sprintf("Accept was %q", accept)
			}
			return conform.Failed, fmt.Sprintf("Accept was %q, which leaves event streams out", accept)
		}),
		ask("The request asks for no stored response (Cache-Control: no-store).", func(r asked) (conform.Behavior, string) {
			control := strings.ToLower(r.header.Get("Cache-Control"))
			return ok(strings.Contains(control, "no-store") || strings.Contains(control, "no-cache"), conform.NonStrict, "Cache-Control was %q", control)
		}),
		ask("The first request has no Last-Event-ID.", func(r asked) (conform.Behavior, string) {
			_, has := r.header["Last-Event-Id"]
			return ok(!has, conform.Failed, "Last-Event-ID was %q", r.header.Get("Last-Event-ID"))
		}),
	}
}

func optionalCases() []clientCase {
	spec := func(title string) Listed { return Listed{Title: title, Spec: "the contract of test services"} }
	first := func(check func(r asked) (conform.Behavior, string)) func(r []asked) (conform.Behavior, string) {
		return func(r []asked) (conform.Behavior, string) { return check(r[0]) }
	}
	return []clientCase{
		{Listed: spec("Headers of the caller's are sent."), needs: "headers", told: map[string]any{"headers": map[string]string{"x-one": "1", "x-two": "2"}}, answers: []answer{held()}, check: first(func(r asked) (conform.Behavior, string) {
			return ok(r.header.Get("X-One") == "1" && r.header.Get("X-Two") == "2", conform.Failed, "x-one was %q, x-two %q", r.header.Get("X-One"), r.header.Get("X-Two"))
		})},
		{Listed: spec("A Last-Event-ID of the caller's is sent, and again."), needs: "last-event-id", told: map[string]any{"lastEventId": "abc"}, answers: []answer{{body: ""}, held()}, check: func(r []asked) (conform.Behavior, string) {
			for _, one := range r {
				if got := one.header.Get("Last-Event-ID"); got != "abc" {
					return conform.Failed, fmt.Sprintf("Last-Event-ID was %q", got)
				}
			}
			return conform.OK, ""
		}},
		{Listed: spec("POST with a body."), needs: "post", told: map[string]any{"method": "POST", "body": `{"a":1}`}, answers: []answer{held()}, check: first(func(r asked) (conform.Behavior, string) {
			return ok(r.method == "POST" && r.body == `{"a":1}`, conform.Failed, "%s with the body %q came", r.method, r.body)
		})},
		{Listed: spec("Comments are told."), needs: "comments", answers: []answer{{body: ": one\ndata: 1\n\n:two\n\n"}, held()}, want: []want{message("1")}, comments: []string{" one", "two"}},
	}
}

func ok(is bool, otherwise conform.Behavior, format string, args ...any) (conform.Behavior, string) {
	if is {
		return conform.OK, ""
	}
	return otherwise, fmt.Sprintf(format, args...)
}
