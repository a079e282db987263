package tokens

import (
	"xk6-realtime/engine"
	"xk6-realtime/engine/hist"
	"xk6-realtime/engine/tally"
)

// Outcome is how a request ended.
type Outcome uint8

// The outcomes.
const (
	Finished Outcome = iota // the stream came to its end
	Refused                 // no stream was opened, for the engine's reason
	TimedOut                // it had not ended by the time-out
	Cut                     // the connection ended in the middle
	Broken                  // the server broke the protocol of the connection
	NoDone                  // the response ended without the format's last message
	Errored                 // an error came in the middle
	Empty                   // it finished without content
	Ours                    // a limit of this side ended it
	Stopped                 // this side was told to stop, and waited no longer
	numOutcomes
)

var outcomeNames = [...]string{"finished", "refused", "timeout", "cut", "protocol", "no_done", "error_event", "no_content", "generator", "stopped"}

func (o Outcome) String() string { return outcomeNames[o] }

// Outcomes are all, in order.
func Outcomes() []Outcome {
	all := make([]Outcome, numOutcomes)
	for i := range all {
		all[i] = Outcome(i)
	}
	return all
}

// Series is one distribution of times that a Run keeps.
type Series int

// The series of every Run. All but the last but one count from a request's due
// time, or lie between two arrivals.
const (
	FirstByte     Series = iota // due time to the first byte of the answer
	FirstEvent                  // due time to the first event
	FirstContent                // due time to the first content; the time-out where none came
	ContentGap                  // from each content event to the next
	PerToken                    // first to last content, by the tokens after the first, as the server reports them
	PerTokenGuess               // the same where their number is estimated
	Whole                       // due time to the end; the time-out where it failed
	Connect                     // due time to a connection to make the request on
	SendDelay                   // due time to the actual start: the generator's own
	ReceiveDelay                // arrival of an event, the earliest that it can have been, to its reading: likewise
	numSeries
)

// Counts is what happened over some time. Each request that fell due ends in one
// of Outcomes.
type Counts struct {
	Requests int64 // that fell due
	Outcomes [numOutcomes]int64
	// Refusals are those of Refused by the engine's reason.
	Refusals map[engine.Reason]int64
	Good     int64 // that kept the limits

	Events int64 // of streams, whatever they said
	Chunks int64 // with content
	// Tokens are the tokens that servers reported. Guessed are the ones estimated for streams
	// that reported none.
	Tokens, Guessed int64
	PromptTokens    int64 // reported
	Stalls          int64
	// Buffered is how many of the streams that were long enough to tell came in
	// bursts, and Bursts how many these were.
	Buffered, Bursts, BufferedChunks int64
	// Uncertain is how many events were read together with later ones, and may
	// have come more than a millisecond before these.
	Uncertain                int64
	BytesSent, BytesReceived int64
}

// record is what one loop writes, until the reader takes it away.
type record struct {
	Counts
	series hist.Set[Series]
}

func newRecord() *record {
	return &record{Counts: Counts{Refusals: map[engine.Reason]int64{}}, series: hist.NewSet(numSeries)}
}

// moveTo adds all to another record and leaves r empty.
func (r *record) moveTo(to *record) {
	tally.Add(&to.Counts, &r.Counts)
	clear(r.Refusals)
	r.Counts = Counts{Refusals: r.Refusals}
	r.series.MoveTo(to.series)
}

// Window is what happened between two snapshots. A series is nil without
// values.
type Window struct {
	Counts
	// Active is how many requests are under way at its end.
	Active int
	Series []*hist.Distribution
}
