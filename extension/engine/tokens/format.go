package tokens

import (
	"fmt"
	"slices"

	"xk6-realtime/engine/protocol"
)

// Format is what the messages of a token stream look like. Pointers and
// conditions are those of descriptors. Of an event stream, a message is the event
// as a descriptor sees it: its type at /event, its data at /data.
type Format struct {
	// Content are where a message may have text of the model's, which of them
	// are all content. Required.
	Content []string `json:"content"`
	// Tokens is where the server says how many tokens it generated; of several
	// messages the last one counts. Empty where it never says.
	Tokens string `json:"tokens"`
	// PromptTokens is the same of the prompt.
	PromptTokens string `json:"promptTokens"`
	// Done are the messages after which nothing follows. Without, the end of the
	// response is the end of the stream; with them, one without is cut short.
	Done protocol.OneOrMore[protocol.ConditionSpec] `json:"done"`
	// Error are messages that say that the model failed.
	Error protocol.OneOrMore[protocol.ConditionSpec] `json:"error"`
	// ErrorText is where it says why; the first place with a text counts.
	ErrorText protocol.OneOrMore[string] `json:"errorText"`
}

const (
	// mostTokens is more than any model writes: a server that reports more does not know, and the
	// sum over a run could not hold it.
	mostTokens = 1_000_000_000
	// mostErrorText is how many bytes are kept of what a server says of an error.
	mostErrorText = 64 << 10
)

// none is the number of a place that a Format does not have.
const none = -1

// compiled is a Format ready to read with.
type compiled struct {
	*protocol.Shape
	content        int // how many places from 0 on
	tokens, prompt int
	errorTexts     []int
	done, failures int // how many conditions, in that order
}

func (f *Format) compile() (*compiled, error) {
	if len(f.Content) == 0 {
		return nil, fmt.Errorf("tokens: Format.Content: want at least one JSON Pointer")
	}
	c := &compiled{content: len(f.Content), tokens: none, prompt: none, done: len(f.Done), failures: len(f.Error)}
	places := slices.Clone(f.Content)
	place := func(pointer string, at *int) {
		if pointer != "" {
			*at = len(places)
			places = append(places, pointer)
		}
	}
	place(f.Tokens, &c.tokens)
	place(f.PromptTokens, &c.prompt)
	c.errorTexts = make([]int, len(f.ErrorText))
	for i, pointer := range f.ErrorText {
		place(pointer, &c.errorTexts[i])
	}
	var err error
	if c.Shape, err = protocol.CompileShape(places, slices.Concat(f.Done, f.Error)); err != nil {
		return nil, fmt.Errorf("tokens: Format: %w", err)
	}
	return c, nil
}

// reading is what one message says.
type reading struct {
	characters int // of content
	content    bool
	tokens     int64 // -1 for nothing said
	prompt     int64
	done       bool
	failed     bool
	errorText  string
}

func (c *compiled) read(r *protocol.ShapeReader, message []byte, binary bool) (m reading) {
	m.tokens, m.prompt = -1, -1
	r.Load(message, binary)
	if c.holds(r, c.done, c.failures) {
		m.failed = true
		for _, place := range c.errorTexts {
			if text := r.Text(place); len(text) > 0 {
				m.errorText = string(text[:min(len(text), mostErrorText)])
				break
			}
		}
		return m
	}
	for i := range c.content {
		if text := r.Text(i); len(text) > 0 {
			m.content = true
			m.characters += charactersIn(text)
		}
	}
	m.tokens, m.prompt = tokensAt(r, c.tokens), tokensAt(r, c.prompt)
	m.done = c.holds(r, 0, c.done)
	return m
}

// holds tells whether one of n conditions holds, from the first on.
func (c *compiled) holds(r *protocol.ShapeReader, first, n int) bool {
	for i := range n {
		if r.Holds(first + i) {
			return true
		}
	}
	return false
}

// tokensAt is a number of tokens; -1 where there is none that can be one.
func tokensAt(r *protocol.ShapeReader, place int) int64 {
	if place != none {
		if n, ok := r.Whole(place); ok && n <= mostTokens {
			return n
		}
	}
	return -1
}

// charactersIn is how many characters UTF-8 has, bytes that begin none left out.
func charactersIn(text []byte) (n int) {
	for _, b := range text {
		if b&0xC0 != 0x80 {
			n++
		}
	}
	return n
}
