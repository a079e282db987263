package conform

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Behavior is a verdict, by the words that scripts in the field know.
type Behavior string

// The verdicts. The last three are about the end of a connection.
const (
	OK             Behavior = "OK"
	NonStrict      Behavior = "NON-STRICT"
	Informational  Behavior = "INFORMATIONAL"
	Unimplemented  Behavior = "UNIMPLEMENTED"
	Failed         Behavior = "FAILED"
	WrongCode      Behavior = "WRONG CODE"
	Unclean        Behavior = "UNCLEAN"
	FailedByClient Behavior = "FAILED BY CLIENT"
)

// Fails tells whether the verdict is one that a test run fails for.
func (b Behavior) Fails() bool { return b == Failed || b == WrongCode || b == Unclean }

// Verdict is what a case comes to: of the events, and of the connection's end.
type Verdict struct {
	Behavior Behavior `json:"behavior"`
	Why      string   `json:"why"`
	Close    Behavior `json:"behaviorClose"`
	WhyClose string   `json:"whyClose"`
}

// Judge compares what happened with the outcomes of a case. It is pure.
func Judge(c *Case, t *Trace) Verdict {
	if t.Opening != "" {
		return c.openingVerdict(t)
	}
	if c.needsDeflate() && !t.Compressed {
		why := "the testee did not agree to what the case needs of permessage-deflate"
		v := Verdict{Unimplemented, why, Unimplemented, why}
		// Its end counts where it is a good one, and never against the testee.
		if end, whyEnd := judgeClose(&closesNormally, t); end == OK {
			v.Close, v.WhyClose = end, whyEnd
		}
		return v
	}
	v := Verdict{}
	v.Behavior, v.Why = judgeEvents(c, t)
	v.Close, v.WhyClose = judgeClose(&c.Close, t)
	if c.EndDecides && v.Behavior == OK && v.Close.Fails() {
		v.Behavior, v.Why = Failed, v.WhyClose
	}
	if c.Informational {
		v.Behavior, v.Close = Informational, Informational
	}
	if c.Close.NeedCode && v.Behavior == OK && v.Close == OK && t.Close == nil {
		v.Behavior, v.Why = NonStrict, "the connection was dropped without a Close frame"
	}
	return v
}

func (c *Case) openingVerdict(t *Trace) Verdict {
	v := Verdict{t.Opening, t.OpeningWhy, t.Opening, t.OpeningWhy}
	if c.Informational {
		v.Behavior, v.Close = Informational, Informational
	} else if v.Close == NonStrict {
		v.Close = OK
	}
	return v
}

func judgeEvents(c *Case, t *Trace) (Behavior, string) {
	switch {
	case t.Breach != nil:
		return Failed, "the testee broke a rule: " + t.Breach.Error()
	case c.matches(c.OK, t.Events):
		return OK, "the events are the expected ones: " + list(c.OK)
	case c.hasNonStrict() && c.matches(c.NonStrict, t.Events):
		return NonStrict, fmt.Sprintf("the events pass, %s is preferred: %s", list(c.OK), list(t.Events))
	}
	return Failed, fmt.Sprintf("expected %s; received %s", list(c.OK), list(t.Events))
}

func list(events []Event) string {
	if len(events) == 0 {
		return "no message and no pong"
	}
	shown := events
	if len(shown) > 12 {
		shown = shown[:12]
	}
	s := strings.Join(showEvents(shown), ", ")
	if len(shown) < len(events) {
		s += fmt.Sprintf(" and %d more", len(events)-len(shown))
	}
	return s
}

func judgeClose(want *CloseWant, t *Trace) (Behavior, string) {
	switch {
	case want.Either && t.TimedOut:
		return Failed, "the testee neither answered nor failed the connection"
	case want.Either && t.ClosedByMe && t.Close == nil:
		return Unclean, "the testee sent no Close frame: " + ended(t)
	case want.Either && t.ClosedByMe:
		return OK, "the connection ended as it should: " + ended(t)
	case want.ByTestee && t.ClosedByMe:
		return Failed, "the testee did not fail the connection"
	case !want.ByTestee && !want.Either && !t.ClosedByMe:
		return Failed, "the testee ended the connection: " + ended(t)
	case want.Clean && t.Close == nil:
		return Unclean, "the testee sent no Close frame: " + ended(t)
	case t.Close != nil && t.Close.Code != 0 && len(want.Codes) > 0 && !slices.Contains(want.Codes, t.Close.Code):
		return WrongCode, fmt.Sprintf("close code %d, expected %s or none", t.Close.Code, codes(want.Codes))
	case t.Dropped && want.NeedDrop:
		return Failed, "the server did not close TCP after the Close frames (RFC 6455 7.1.1)"
	case t.Dropped:
		return FailedByClient, "the server should close TCP after the Close frames, this side had to (RFC 6455 7.1.1)"
	}
	return OK, "the connection ended as it should: " + ended(t)
}

func reasonOf(e *Event) []byte {
	if len(e.Data) < 2 {
		return nil
	}
	return e.Data[2:]
}

func codes(of []int) string {
	var s []string
	for _, code := range slices.Compact(slices.Sorted(slices.Values(of))) {
		s = append(s, fmt.Sprint(code))
	}
	return strings.Join(s, " or ")
}

func ended(t *Trace) string {
	switch {
	case t.Close != nil:
		return t.Close.String()
	case t.TimedOut:
		return "it did nothing, and this side gave up"
	case t.End != "":
		return "TCP " + t.End + " without a Close frame"
	}
	return "this side ended it"
}

// matches compares events with an outcome.
func (c *Case) matches(want, got []Event) bool {
	if c.AnyOrder {
		want, got = sorted(want), sorted(got)
	}
	return slices.EqualFunc(want, got, Event.equal)
}

func sorted(events []Event) []Event {
	return slices.SortedFunc(slices.Values(events), func(a, b Event) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), bytes.Compare(a.Data, b.Data))
	})
}

// possible tells whether the events can still become an outcome.
func (c *Case) possible(got []Event) bool {
	return c.leads(c.OK, got) || c.hasNonStrict() && c.leads(c.NonStrict, got)
}

func (c *Case) leads(want, got []Event) bool {
	if len(got) > len(want) {
		return false
	}
	return c.AnyOrder && len(got) < len(want) || c.matches(want[:len(got)], got)
}

func (c *Case) hasNonStrict() bool { return c.Lenient || len(c.NonStrict) > 0 }

func (c *Case) needsDeflate() bool { return c.Open.Compression && !c.Open.DeflateOptional }
