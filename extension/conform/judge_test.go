package conform

import "testing"

// TestJudge holds each rule of judging: the events first, then who ended the
// connection, how, with which code, and who closed TCP.
func TestJudge(t *testing.T) {
	closed := func(code int) *Event { return &Event{Kind: Close, Code: code, Data: closePayload(code, "")} }
	echo := &Case{OK: events(texts("a")), Close: closesNormally}
	fail := &Case{OK: events(texts("a")), Lenient: true, Close: failsProtocol}
	deflated := &Case{Open: Opening{Compression: true}, Close: closesNormally}
	tests := []struct {
		name        string
		c           *Case
		t           Trace
		want, close Behavior
	}{
		{"an echo and a clean end", echo, Trace{Events: events(texts("a")), ClosedByMe: true, Close: closed(1000), End: "closed"}, OK, OK},
		{"another echo", echo, Trace{Events: events(texts("b")), ClosedByMe: true, Close: closed(1000)}, Failed, OK},
		{"text where it was binary", echo, Trace{Events: events(bins([]byte("a"))), ClosedByMe: true, Close: closed(1000)}, Failed, OK},
		{"one event too many", echo, Trace{Events: events(texts("a"), pongs("")), ClosedByMe: true, Close: closed(1000)}, Failed, OK},
		{"the testee closed first", echo, Trace{Events: events(texts("a")), Close: closed(1000)}, OK, Failed},
		{"no Close frame", echo, Trace{Events: events(texts("a")), ClosedByMe: true, End: "closed"}, OK, Unclean},
		{"another code", echo, Trace{Events: events(texts("a")), ClosedByMe: true, Close: closed(1001)}, OK, WrongCode},
		{"TCP left open", echo, Trace{Events: events(texts("a")), ClosedByMe: true, Close: closed(1000), Dropped: true}, OK, FailedByClient},
		{"a breach", echo, Trace{Events: events(texts("a")), ClosedByMe: true, Breach: breach("RFC 6455 5.1", "x")}, Failed, Unclean},
		{"failed with the code", fail, Trace{Events: events(texts("a")), Close: closed(1002)}, OK, OK},
		{"failed without the echo", fail, Trace{Close: closed(1002)}, NonStrict, OK},
		{"failed by dropping TCP", fail, Trace{Events: events(texts("a")), End: "closed"}, OK, OK},
		{"not failed", fail, Trace{Events: events(texts("a")), ClosedByMe: true, TimedOut: true}, OK, Failed},
		{"no compression", deflated, Trace{ClosedByMe: true, Close: closed(1000)}, Unimplemented, OK},
		{"no compression, and TCP dropped", deflated, Trace{End: "reset"}, Unimplemented, Unimplemented},
		{"a handshake that decides", echo, Trace{Opening: Failed, OpeningWhy: "refused"}, Failed, Failed},
	}
	for _, test := range tests {
		v := Judge(test.c, &test.t)
		if v.Behavior != test.want || v.Close != test.close {
			t.Errorf("%s: %s, %s, want %s, %s (%s; %s)", test.name, v.Behavior, v.Close, test.want, test.close, v.Why, v.WhyClose)
		}
	}
}
