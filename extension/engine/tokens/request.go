package tokens

import (
	"math"
	"time"

	"xk6-realtime/engine"
	"xk6-realtime/engine/clock"
	"xk6-realtime/engine/handshake"
)

const (
	// together is how close two arrivals are that count as one burst.
	together = 200 * time.Microsecond
	// chunksToTell is how many content events a stream must have before it is
	// called buffered, and how many of them come in one burst on average.
	chunksToTell, chunksInBurst = 4, 4
	// lingers is how long after its last message a response may take to end
	// before this side ends the connection.
	lingers = time.Second
)

// request is one request. It is used on its loop's goroutine.
type request struct {
	share   *share
	conn    *engine.Conn
	timeout *engine.Timer
	number  int
	due     clock.Time
	over    bool // its outcome is known

	opened       clock.Time
	began        bool // an event came
	firstContent clock.Time
	lastContent  clock.Time
	chunks       int64
	bursts       int64
	characters   int64
	tokens       int64 // reported, plus one; 0 for not
	prompt       int64
}

func (r *request) fill(_ *engine.Conn, q *handshake.Request) {
	o := &r.share.run.o
	o.Request(r.number, q)
	if o.EventStream {
		q.Method, q.Body = "POST", o.Body(r.number)
	}
}

func (r *request) Opened(c *engine.Conn, o *engine.Opening) {
	sh := r.share
	r.opened = o.Opened
	now := sh.records.Now
	r.connected(o)
	if sh.run.o.EventStream {
		now.series.Of(FirstByte).Record(o.FirstByte.Sub(r.due))
		return
	}
	if _, err := c.SendMessage(sh.run.o.Body(r.number), false); err != nil {
		r.end(Ours, clock.Now(), err.Error())
		c.Close()
	}
}

func (r *request) connected(o *engine.Opening) {
	now := r.share.records.Now
	now.series.Of(SendDelay).Record(o.Late())
	if o.Connected != 0 {
		now.series.Of(Connect).Record(max(o.Connected, o.Tunnelled, o.Secured).Sub(r.due))
	}
}

func (r *request) Failed(_ *engine.Conn, o *engine.Opening, f engine.Failure) {
	if r.over {
		r.share.gone(r)
		return
	}
	r.connected(o)
	outcome, text := Refused, f.Error()
	switch {
	case f.Reason == engine.ReasonAborted:
		outcome, text = Stopped, ""
	case f.Reason.IsOurs():
		outcome = Ours
	}
	if outcome != Stopped {
		r.share.records.Now.Refusals[f.Reason]++
	}
	r.end(outcome, clock.Now(), text)
	r.share.gone(r)
}

func (r *request) Message(c *engine.Conn, m engine.Message) {
	if !m.Kind.IsData() || r.over {
		return
	}
	sh := r.share
	now := sh.records.Now
	now.Events++
	if !r.began {
		r.began = true
		now.series.Of(FirstEvent).Record(m.At.Sub(r.due))
		if !sh.run.o.EventStream {
			now.series.Of(FirstByte).Record(m.At.Sub(r.due))
		}
	}
	said := sh.run.format.read(sh.reader, m.Data, m.Kind == engine.Binary)
	if said.content {
		// What this side read late and at once may have come one by one.
		r.content(m.At, m.At.Sub(m.Since) <= engine.CertainWithin, int64(said.characters))
	}
	if said.tokens >= 0 {
		r.tokens = said.tokens + 1
	}
	if said.prompt >= 0 {
		r.prompt = said.prompt
	}
	switch {
	case said.failed:
		r.end(Errored, m.At, said.errorText)
		c.Close()
	case said.done:
		r.end(Finished, m.At, "")
		c.SetAlarm(clock.Now().Add(lingers))
	}
}

// content takes note of an event with content, and of whether its arrival is known.
func (r *request) content(at clock.Time, isCertain bool, characters int64) {
	now := r.share.records.Now
	now.Chunks++
	r.chunks++
	r.characters += characters
	if r.firstContent == 0 {
		r.firstContent = at
		r.bursts = 1
		now.series.Of(FirstContent).Record(at.Sub(r.due))
	} else {
		gap := max(at.Sub(r.lastContent), 0)
		now.series.Of(ContentGap).Record(gap)
		if gap > together || !isCertain {
			r.bursts++
		}
		if gap >= r.share.run.o.Stall {
			now.Stalls++
		}
	}
	r.lastContent = at
}

// Alarm: the stream said its last, and the response has not ended since.
func (r *request) Alarm(c *engine.Conn, _ clock.Time) { c.Close() }

func (r *request) Closed(_ *engine.Conn, e engine.End) {
	if !r.over {
		outcome, text := r.outcomeOf(e)
		r.end(outcome, e.At, text)
	}
	r.share.gone(r)
}

// outcomeOf is what the end of a connection says of a stream that has not ended.
func (r *request) outcomeOf(e engine.End) (Outcome, string) {
	switch {
	case e.By == engine.ByGenerator:
		return Ours, e.Breach
	case e.Breach != "":
		return Broken, e.Breach
	case e.By == engine.ByClient:
		return Stopped, ""
	case e.By == engine.ByNetwork:
		return Cut, ""
	case e.By == engine.ByTimeout:
		return TimedOut, ""
	case r.share.run.format.done > 0:
		return NoDone, e.Text
	}
	return Finished, ""
}

// late: the timeout. What arrived by then counts, so it is handled first.
func (r *request) late(now clock.Time) {
	if r.over {
		return
	}
	by := r.due.Add(r.share.run.o.Timeout)
	if r.conn.Open() && r.conn.Settled() < by {
		r.timeout.Set(now)
		return
	}
	r.end(TimedOut, by, "")
	r.conn.Close()
}

func (r *request) stop() {
	if !r.over {
		r.end(Stopped, clock.Now(), "")
	}
	r.conn.Close()
}

// end notes how the request ended, once.
func (r *request) end(outcome Outcome, at clock.Time, text string) {
	sh := r.share
	o, now := &sh.run.o, sh.records.Now
	r.over = true
	r.timeout.Stop()
	whole := at.Sub(r.due)
	switch {
	case outcome == Finished && whole > o.Timeout:
		outcome = TimedOut
	case outcome == Finished && r.chunks == 0:
		outcome = Empty
	}
	now.Outcomes[outcome]++
	now.PromptTokens += r.prompt
	perToken := r.countTokens(outcome)
	if outcome == TimedOut && r.lastContent != 0 && r.due.Add(o.Timeout).Sub(r.lastContent) >= o.Stall {
		now.Stalls++
	}
	if r.chunks >= chunksToTell && r.bursts*chunksInBurst <= r.chunks {
		now.Buffered++
		now.Bursts += r.bursts
		now.BufferedChunks += r.chunks
	}
	if outcome != Ours && outcome != Stopped {
		if r.firstContent == 0 {
			now.series.Of(FirstContent).Record(o.Timeout)
		}
		if outcome != Finished {
			whole = o.Timeout
		}
		now.series.Of(Whole).Record(whole)
	}
	if outcome == Finished && o.Good.kept(r.firstContent.Sub(r.due), perToken, whole) {
		now.Good++
	}
	if outcome != Finished && outcome != Stopped {
		sh.tell(r.number, outcome, text)
	}
	sh.ended(at)
}

// countTokens counts what the stream brought, and gives the time per token, 0
// where it has none.
func (r *request) countTokens(outcome Outcome) (perToken time.Duration) {
	now := r.share.records.Now
	tokens, series := r.tokens-1, PerToken
	if r.tokens == 0 {
		tokens, series = int64(math.Ceil(float64(r.characters)/r.share.run.o.CharactersPerToken)), PerTokenGuess
		now.Guessed += tokens
	} else {
		now.Tokens += tokens
	}
	if outcome == Finished && tokens > 1 && r.chunks > 1 {
		perToken = r.lastContent.Sub(r.firstContent) / time.Duration(tokens-1)
		now.series.Of(series).Record(perToken)
	}
	return perToken
}

// kept tells whether a request that finished kept the limits.
func (g Good) kept(firstContent, perToken, whole time.Duration) bool {
	within := func(d, limit time.Duration) bool { return limit == 0 || d <= limit }
	return within(firstContent, g.FirstContent) && within(perToken, g.PerToken) && within(whole, g.Whole)
}
