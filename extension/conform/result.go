package conform

import "time"

// Result is what came of one case with one testee.
type Result struct {
	Agent string `json:"agent"`
	ID    string `json:"id"`
	Title string `json:"title"`
	RFC   string `json:"rfc"`
	Verdict
	Started    time.Time `json:"started"`
	DurationMs float64   `json:"durationMs"`
	// RemoteCode and RemoteReason are of the testee's Close frame.
	RemoteCode   *int     `json:"remoteCloseCode"`
	RemoteReason *string  `json:"remoteCloseReason"`
	Expected     []string `json:"expected"`
	NonStrict    []string `json:"nonStrict"`
	Received     []string `json:"received"`
	TimedOut     bool     `json:"timedOut"`
	// Known failures are in the baseline; an UnexpectedPass is in it and
	// passes.
	Known          bool    `json:"known,omitempty"`
	UnexpectedPass bool    `json:"unexpectedPass,omitempty"`
	Wire           []Entry `json:"wire"`

	trace Trace
}

// Fails tells whether a test run fails for the case.
func (r *Result) Fails() bool { return r.Behavior.Fails() || r.Close.Fails() }

// Word is the verdict in one word: of the events, and of the connection's end
// where that alone fails.
func (r *Result) Word() Behavior {
	if r.Close.Fails() && !r.Behavior.Fails() {
		return r.Close
	}
	return r.Behavior
}

func resultOf(c *Case, agent string, t *Trace, log *wireLog) Result {
	r := Result{
		Agent: agent, ID: c.ID, Title: c.Title, RFC: c.RFC, Verdict: Judge(c, t),
		Started: log.start, DurationMs: float64(time.Since(log.start).Microseconds()) / 1000,
		Expected: showEvents(c.OK), Received: showEvents(firstOf(t.Events)),
		TimedOut: t.TimedOut, Wire: log.all(), trace: *t,
	}
	if c.hasNonStrict() {
		r.NonStrict = showEvents(c.NonStrict)
	}
	if t.Close != nil && t.Close.Code != 0 {
		reason := string(reasonOf(t.Close))
		r.RemoteCode, r.RemoteReason = &t.Close.Code, &reason
	}
	return r
}

func firstOf(events []Event) []Event { return events[:min(len(events), 50)] }
