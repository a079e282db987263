package binding

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"xk6-realtime/engine/tokens"
)

// tokenOptions is what a script gave to TokenStreams, checked. index.d.ts
// describes each.
type tokenOptions struct {
	options
	tokens tokens.Options
	bodies []body
}

// body is a request's body, cut where its number stands in it.
type body []string

// requestVariable is the number of the request, from 0 within the run.
const requestVariable = "${request}"

func (b body) fill(n int) []byte {
	if len(b) == 1 {
		return []byte(b[0])
	}
	return []byte(strings.Join(b, strconv.Itoa(n)))
}

// readTokenOptions is readOptions for TokenStreams.
func readTokenOptions(given any) (*tokenOptions, error) {
	fields, ok := given.(map[string]any)
	if !ok {
		return nil, wrong("TokenStreams", "an object of options", given)
	}
	r := &reader{of: "TokenStreams", fields: fields}
	o := &tokenOptions{}
	o.works = true
	o.readCommon(r, nil)
	for _, text := range r.texts("bodies") {
		o.bodies = append(o.bodies, strings.Split(text, requestVariable))
	}
	if len(o.bodies) == 0 {
		r.wrong("bodies", "at least one text", nil)
	}
	o.tokens = readTokens(r)
	o.tokens.Shards = o.swarm.Shards
	o.tokens.StreamsPerConnection = readHTTPVersion(r)
	o.request.isHTTP2 = o.tokens.StreamsPerConnection > 0
	r.fail(o.readServer(r.text("server")))
	r.fail(readFormat(r, &o.tokens.Format))
	if r.err == nil {
		r.fail(o.request.check("TokenStreams"))
	}
	return o, r.done()
}

func (o *tokenOptions) readServer(url string) error {
	s, err := parseServer(url)
	if err == nil {
		o.tokens.Endpoint, o.tokens.EventStream = s.endpoint, s.isStream
		o.request.isStream = s.isStream
		err = o.request.addPath(s, o.request.variables)
	}
	if err != nil {
		return fmt.Errorf("TokenStreams.server: %w", err)
	}
	if s.isStream {
		o.request.protocols = nil
		o.request.setDefault("Content-Type", "application/json")
	}
	return nil
}

func readTokens(r *reader) tokens.Options {
	const mostUsers = 100_000
	t := tokens.Options{
		Rate:               r.number("rate", 0, 0, 1e6),
		Users:              r.whole("concurrency", 0, 0, mostUsers),
		Think:              r.milliseconds("thinkMs", 0, 0),
		Ramp:               r.milliseconds("rampMs", 0, 0),
		For:                r.neededMilliseconds("forMs", 1),
		Timeout:            r.milliseconds("timeoutMs", time.Minute, 1),
		Stall:              r.milliseconds("stallMs", time.Second, 1),
		CharactersPerToken: r.number("charactersPerToken", 4, 0.1, 1000),
	}
	good := r.object("good")
	t.Good = tokens.Good{
		FirstContent: good.milliseconds("firstContentMs", 0, 0),
		PerToken:     good.milliseconds("perTokenMs", 0, 0),
		Whole:        good.milliseconds("wholeMs", 0, 0),
	}
	good.finish()
	if (t.Rate > 0) == (t.Users > 0) {
		r.wrong("rate", "either rate or concurrency", "both or neither")
	}
	return t
}

// readFormat takes a format, which lib/tokens has checked.
func readFormat(r *reader, into *tokens.Format) error {
	given, _ := r.take("format")
	text, err := json.Marshal(given)
	if err != nil {
		return err
	}
	decoder := json.NewDecoder(strings.NewReader(string(text)))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil {
		return fmt.Errorf("TokenStreams.format: %w", err)
	}
	if len(into.Content) == 0 {
		return errors.New("TokenStreams.format.content: expected at least one JSON Pointer, got none")
	}
	return nil
}

// requestsExpected is how many there are likely to be in the whole run.
func (o *tokenOptions) requestsExpected() float64 {
	t := &o.tokens
	if t.Rate > 0 {
		return math.Ceil(t.Rate * t.For.Seconds())
	}
	// A stream of a second, and the thinking.
	return float64(t.Users) * math.Ceil(t.For.Seconds()/(1+t.Think.Seconds()))
}
