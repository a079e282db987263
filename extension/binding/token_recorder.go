package binding

import (
	"time"

	"xk6-realtime/engine/tokens"
)

const byBasis, reported, estimated = "basis", "reported", "estimated"

// newTokenRecorder is newRecorder for TokenStreams.
func newTokenRecorder(i *instance, o *tokenOptions) *recorder {
	r := newPlainRecorder(i)
	m := i.metrics
	r.activity = []trend{
		tokens.FirstByte:     r.trend(m.TokenFirstByte, "", ""),
		tokens.FirstEvent:    r.trend(m.TokenFirstEvent, "", ""),
		tokens.FirstContent:  r.trend(m.TokenFirstContent, "", ""),
		tokens.ContentGap:    r.trend(m.TokenContentGap, "", ""),
		tokens.PerToken:      r.trend(m.TokenPerToken, byBasis, reported),
		tokens.PerTokenGuess: r.trend(m.TokenPerToken, byBasis, estimated),
		tokens.Whole:         r.trend(m.TokenStream, "", ""),
		tokens.Connect:       r.trend(m.TokenConnect, "", ""),
		tokens.SendDelay:     r.trend(m.GeneratorDelay, "side", "send"),
		tokens.ReceiveDelay:  r.trend(m.GeneratorDelay, "side", "receive"),
	}
	// How long answers are is not known beforehand.
	const eventsEach = 200
	requests := int64(o.requestsExpected())
	setRatios(r.activity, func(series int) int64 {
		if s := tokens.Series(series); s == tokens.ContentGap || s == tokens.ReceiveDelay {
			return requests * eventsEach
		}
		return requests
	})
	return r
}

// tokenWindow tells k6 what happened since the last one.
func (r *recorder) tokenWindow(w *tokens.Window) {
	s := batch{r: r, at: time.Now()}
	m := r.metrics
	for series, d := range w.Series {
		r.distribution(&r.activity[series], d, s.at)
	}
	s.count(m.TokenRequests, w.Requests)
	s.count(m.TokenEvents, w.Events)
	s.count(m.TokenChunks, w.Chunks)
	s.count(m.TokenOutput, w.Tokens, byBasis, reported)
	s.count(m.TokenOutput, w.Guessed, byBasis, estimated)
	s.count(m.TokenPrompt, w.PromptTokens)
	s.count(m.TokenStalls, w.Stalls)
	s.count(m.TokenBuffered, w.Buffered)
	s.count(m.TokenBursts, w.Bursts)
	s.count(m.TokenBurstChunks, w.BufferedChunks)
	s.count(m.Uncertain, w.Uncertain)
	s.count(r.builtin.DataSent, w.BytesSent)
	s.count(r.builtin.DataReceived, w.BytesReceived)
	refused := int64(0)
	for reason, n := range w.Refusals {
		refused += n
		s.count(m.TokenFailures, n, "reason", failureReason(m.TokenFailures, reason))
	}
	ended := int64(0)
	for _, o := range tokens.Outcomes() {
		n := w.Outcomes[o]
		switch o {
		case tokens.Stopped:
			continue // this side's own
		case tokens.Finished, tokens.Refused:
		case tokens.Ours:
			// Requests that were never opened have a reason of their own.
			s.count(m.TokenFailures, n-(refused-w.Outcomes[tokens.Refused]), "reason", o.String())
		default:
			s.count(m.TokenFailures, n, "reason", o.String())
		}
		ended += n
	}
	s.push()
	finished := w.Outcomes[tokens.Finished]
	r.outcomes(m.TokenFinished, finished, ended-finished)
	r.outcomes(m.TokenGood, w.Good, ended-w.Good)
}

// activeTokenStreams tells k6 how many requests of the process are under way.
func (r *recorder) activeTokenStreams(all int) {
	s := batch{r: r, at: time.Now()}
	s.add(r.metrics.TokenActive, float64(all), r.tags)
	s.push()
}
