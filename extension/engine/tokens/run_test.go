package tokens

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"xk6-realtime/engine"
	"xk6-realtime/engine/clock"
	"xk6-realtime/engine/handshake"
	"xk6-realtime/engine/internal/enginetest"
	"xk6-realtime/engine/protocol"
	"xk6-realtime/engine/tally"
)

type conditions = protocol.OneOrMore[protocol.ConditionSpec]

var openAI = Format{
	Content:      []string{"/data/choices/0/delta/content", "/data/choices/0/delta/reasoning_content"},
	Tokens:       "/data/usage/completion_tokens",
	PromptTokens: "/data/usage/prompt_tokens",
	Done:         conditions{{Where: map[string]any{"/data": "[DONE]"}}},
	Error: conditions{
		{Where: map[string]any{"/data/error/message": map[string]any{"exists": true}}},
		{Where: map[string]any{"/data/error_type": map[string]any{"exists": true}}},
	},
	ErrorText: protocol.OneOrMore[string]{"/data/error/message", "/data/response/error/message"},
}

// script is what a server says, a flush after each element.
type script []string

func (s script) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	io.Copy(io.Discard, r.Body)
	w.Header().Set("Content-Type", "text/event-stream")
	for _, part := range s {
		switch part {
		case "abort":
			panic(http.ErrAbortHandler)
		case "hang":
			<-r.Context().Done()
			return
		}
		io.WriteString(w, part)
		w.(http.Flusher).Flush()
	}
}

// neverAnswers reads what is asked, without which it would not hear of the end.
func neverAnswers(_ http.ResponseWriter, r *http.Request) {
	io.Copy(io.Discard, r.Body)
	<-r.Context().Done()
}

func delta(content string) string {
	text, _ := json.Marshal(content)
	return fmt.Sprintf("data: {\"choices\":[{\"delta\":{\"content\":%s}}]}\n\n", text)
}

const (
	role  = "data: {\"choices\":[{\"delta\":{\"role\":\"assistant\",\"content\":\"\"}}]}\n\n"
	usage = "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":7}}\n\n"
	done  = "data: [DONE]\n\n"
	fail  = "data: {\"error\":{\"message\":\"out of memory\"}}\n\n"
)

// load makes requests to url and waits for their end; what they sent is in the
// window it returns.
func load(t *testing.T, e *engine.Engine, url string, o Options) *Window {
	t.Helper()
	var path string
	var err error
	if o.EventStream = strings.HasPrefix(url, "http"); o.EventStream {
		o.Endpoint, path, err = engine.ParseStreamURL(url)
	} else {
		o.Endpoint, path, err = engine.ParseURL(url)
	}
	if err != nil {
		t.Fatal(err)
	}
	o.Request = func(_ int, r *handshake.Request) { r.Path = path }
	if o.Body == nil {
		o.Body = func(int) []byte { return []byte("{}") }
	}
	if o.Format.Content == nil {
		o.Format = openAI
	}
	r, err := Start(e, o)
	if err != nil {
		t.Fatal(err)
	}
	<-r.Done()
	w := r.Snapshot()
	if w.Active != 0 {
		t.Errorf("%d requests are under way at the end", w.Active)
	}
	return w
}

// once is the options of a single request.
func once() Options { return Options{Rate: 1, For: time.Nanosecond} }

func count(w *Window, s Series) int64 {
	if w.Series[s] == nil {
		return 0
	}
	return w.Series[s].Count
}

func TestEveryRequestEndsInOneWay(t *testing.T) {
	short := once()
	short.Timeout = 50 * time.Millisecond
	for _, row := range []struct {
		sentence                        string
		answer                          http.Handler
		o                               Options
		outcome                         Outcome
		events, chunks, tokens, guessed int64
	}{
		{"it finishes, and says how many tokens there were", script{role, delta("a"), delta("b"), usage, done}, once(), Finished, 5, 2, 7, 0},
		{"it does not say that: they are estimated", script{role, delta("abcd"), delta("éfghi"), done}, once(), Finished, 4, 2, 0, 3},
		{"what a model thinks is content", script{"data: {\"choices\":[{\"delta\":{\"reasoning_content\":\"hm\"}}]}\n\n", done}, once(), Finished, 2, 1, 0, 1},
		{"several events in one write", script{role + delta("a") + delta("b") + usage + done}, once(), Finished, 5, 2, 7, 0},
		{"without its last message", script{role, delta("a")}, once(), NoDone, 2, 1, 0, 1},
		{"with an error in the middle", script{role, delta("a"), fail, delta("b"), done}, once(), Errored, 3, 1, 0, 1},
		{"cut in the middle", script{role, delta("a"), "abort"}, once(), Cut, 2, 1, 0, 1},
		{"cut before it began", script{"abort"}, once(), Refused, 0, 0, 0, 0},
		{"without content", script{role, usage, done}, once(), Empty, 3, 0, 7, 0},
		{"refused", http.NotFoundHandler(), once(), Refused, 0, 0, 0, 0},
		{"another type", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "{}") }), once(), Refused, 0, 0, 0, 0},
		{"with an error that is a text", script{role, "data: {\"error\":\"overloaded\",\"error_type\":\"overloaded\"}\n\n"}, once(), Errored, 2, 0, 0, 0},
		{"each event says that there is no error", script{"data: {\"error\":null,\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n\n", done}, once(), Finished, 2, 1, 0, 1},
		{"it says more tokens than can be", script{delta("a"), "data: {\"usage\":{\"completion_tokens\":9007199254740991}}\n\n", done}, once(), Finished, 3, 1, 0, 1},
		{"it says fewer than none", script{delta("a"), "data: {\"usage\":{\"completion_tokens\":-5}}\n\n", done}, once(), Finished, 3, 1, 0, 1},
		{"never on", script{role, delta("a"), "hang"}, short, TimedOut, 2, 1, 0, 1},
		{"never", http.HandlerFunc(neverAnswers), short, TimedOut, 0, 0, 0, 0},
	} {
		t.Run(row.sentence, func(t *testing.T) {
			server := httptest.NewServer(row.answer)
			defer server.Close()
			enginetest.OnEachTransport(t, func(t *testing.T, e *engine.Engine) {
				w := load(t, e, server.URL, row.o)
				var want Counts
				want.Requests = 1
				want.Outcomes[row.outcome] = 1
				if row.outcome == Finished {
					want.Good = 1
				}
				if w.Requests != 1 || w.Outcomes != want.Outcomes || w.Good != want.Good {
					t.Errorf("%d requests, outcomes %v, good %d; want %v, %d", w.Requests, w.Outcomes, w.Good, want.Outcomes, want.Good)
				}
				if w.Events != row.events || w.Chunks != row.chunks || w.Tokens != row.tokens || w.Guessed != row.guessed {
					t.Errorf("events %d, chunks %d, tokens %d, guessed %d", w.Events, w.Chunks, w.Tokens, w.Guessed)
				}
				if count(w, FirstContent) != 1 || count(w, Whole) != 1 {
					t.Error("want one value of the first content and of the whole, whatever became of it")
				}
				if limit := row.o.Timeout; row.outcome == TimedOut && w.Series[Whole].Max != limit {
					t.Errorf("took %v, want the time-out", w.Series[Whole].Max)
				}
			})
		})
	}
}

// The clock of a request starts when it is due, whatever the server does.
func TestRequestsAreMadeWhenTheyAreDue(t *testing.T) {
	var mu sync.Mutex
	var bodies []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		mu.Lock()
		bodies = append(bodies, string(body))
		mu.Unlock()
		script{delta("a"), usage, done}.ServeHTTP(w, r)
	}))
	defer server.Close()
	enginetest.OnEachTransport(t, func(t *testing.T, e *engine.Engine) {
		mu.Lock()
		bodies = nil
		mu.Unlock()
		o := Options{Rate: 200, For: 500 * time.Millisecond, Body: func(n int) []byte { return fmt.Appendf(nil, "%d", n) }}
		w := load(t, e, server.URL, o)
		if w.Requests != 100 || w.Outcomes[Finished] != 100 || w.Tokens != 700 || w.PromptTokens != 300 {
			t.Errorf("%d requests, %d finished, %d tokens, %d of prompts", w.Requests, w.Outcomes[Finished], w.Tokens, w.PromptTokens)
		}
		seen := map[string]bool{}
		mu.Lock()
		for _, body := range bodies {
			seen[body] = true
		}
		mu.Unlock()
		if len(seen) != 100 {
			t.Errorf("%d different requests came", len(seen))
		}
	})
}

func TestShardsShareTheRequests(t *testing.T) {
	server := httptest.NewServer(script{delta("a"), done})
	defer server.Close()
	e := enginetest.Start(t, engine.Options{Loops: 2})
	var requests int64
	for shard := range 3 {
		requests += load(t, e, server.URL, Options{Rate: 100, For: 200 * time.Millisecond, Shard: shard, Shards: 3}).Requests
	}
	if requests != 20 {
		t.Errorf("%d requests, want 20", requests)
	}
}

// A user waits for its stream before it thinks about the next.
func TestUsersTakeTurns(t *testing.T) {
	var now, most int
	var mu sync.Mutex
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		now++
		most = max(most, now)
		mu.Unlock()
		io.Copy(io.Discard, r.Body)
		mu.Lock()
		now--
		mu.Unlock()
		script{delta("a"), done}.ServeHTTP(w, r)
	}))
	defer server.Close()
	enginetest.OnEachTransport(t, func(t *testing.T, e *engine.Engine) {
		mu.Lock()
		most = 0
		mu.Unlock()
		w := load(t, e, server.URL, Options{Users: 3, Think: time.Millisecond, For: 200 * time.Millisecond})
		mu.Lock()
		defer mu.Unlock()
		if most > 3 || w.Requests < 4 || w.Outcomes[Finished] != w.Requests {
			t.Errorf("%d at a time, %d requests, outcomes %v", most, w.Requests, w.Outcomes)
		}
	})
}

func TestStallsAndGoodRequests(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		script{delta("a")}.ServeHTTP(w, r)
		time.Sleep(30 * time.Millisecond)
		script{delta("b"), usage, done}.ServeHTTP(w, r)
	}))
	defer server.Close()
	e := enginetest.Start(t, engine.Options{})
	o := once()
	o.Stall, o.Good.PerToken = 20*time.Millisecond, time.Millisecond
	w := load(t, e, server.URL, o)
	if w.Stalls != 1 || w.Good != 0 || w.Series[ContentGap].Min < 30*time.Millisecond {
		t.Errorf("%d stalls, %d good, a gap of %v", w.Stalls, w.Good, w.Series[ContentGap].Min)
	}
	// 30 ms or more for 6 further tokens.
	if perToken := w.Series[PerToken].Min; perToken < 5*time.Millisecond || count(w, PerTokenGuess) != 0 {
		t.Errorf("%v a token", perToken)
	}
}

// What is under way at a stop is no failure of the server's.
func TestStop(t *testing.T) {
	began := make(chan struct{}, 1)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		began <- struct{}{}
		neverAnswers(w, r)
	}))
	defer server.Close()
	enginetest.OnEachTransport(t, func(t *testing.T, e *engine.Engine) {
		endpoint, path, err := engine.ParseStreamURL(server.URL)
		if err != nil {
			t.Fatal(err)
		}
		r, err := Start(e, Options{
			Endpoint: endpoint, EventStream: true, Format: openAI, Rate: 1, For: time.Hour,
			Request: func(_ int, r *handshake.Request) { r.Path = path },
			Body:    func(int) []byte { return nil },
		})
		if err != nil {
			t.Fatal(err)
		}
		<-began
		r.Stop()
		<-r.Done()
		w := r.Snapshot()
		if w.Outcomes[Stopped] != w.Requests || count(w, FirstContent) != 0 {
			t.Errorf("outcomes %v of %d", w.Outcomes, w.Requests)
		}
	})
}

func TestStreamsOverWebSocket(t *testing.T) {
	upgrader := websocket.Upgrader{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := upgrader.Upgrade(w, r, nil)
		if err != nil {
			return
		}
		defer c.Close()
		if _, asked, err := c.ReadMessage(); err != nil || string(asked) != `{"ask":1}` {
			return
		}
		for _, message := range []string{`{"type":"start"}`, `{"type":"text","text":"a"}`, `{"type":"text","text":"b"}`, `{"type":"end","tokens":2}`} {
			c.WriteMessage(websocket.TextMessage, []byte(message))
		}
		c.ReadMessage()
	}))
	defer server.Close()
	o := once()
	o.Body = func(int) []byte { return []byte(`{"ask":1}`) }
	o.Format = Format{Content: []string{"/text"}, Tokens: "/tokens", Done: conditions{{Where: map[string]any{"/type": "stopped"}}, {Where: map[string]any{"/type": "end"}}}}
	enginetest.OnEachTransport(t, func(t *testing.T, e *engine.Engine) {
		w := load(t, e, "ws"+strings.TrimPrefix(server.URL, "http"), o)
		if w.Outcomes[Finished] != 1 || w.Chunks != 2 || w.Tokens != 2 || w.Events != 4 || count(w, FirstByte) != 1 {
			t.Errorf("%+v", w.Counts)
		}
	})
}

func TestWhatServersSaidIsTold(t *testing.T) {
	const elsewhere = "data: {\"error_type\":\"failed\",\"response\":{\"error\":{\"message\":\"out of memory\"}}}\n\n"
	for _, event := range []string{fail, elsewhere} {
		server := httptest.NewServer(script{role, event})
		defer server.Close()
		var told []string
		o := Options{Rate: 100, For: 50 * time.Millisecond}
		o.Notice = func(_ int, o Outcome, text string) { told = append(told, o.String()+": "+text) }
		load(t, enginetest.Start(t, engine.Options{Loops: 1}), server.URL, o)
		if len(told) != 1 || told[0] != "error_event: out of memory" {
			t.Errorf("told %q of %s", told, event)
		}
	}
}

// What a server says of an error may be as long as a message.
func TestLongErrorsAreCut(t *testing.T) {
	server := httptest.NewServer(script{"data: {\"error\":{\"message\":\"" + strings.Repeat("x", 1<<20) + "\"}}\n\n"})
	defer server.Close()
	told := 0
	o := once()
	o.Notice = func(_ int, _ Outcome, text string) { told = len(text) }
	load(t, enginetest.Start(t, engine.Options{Loops: 1}), server.URL, o)
	if told != mostErrorText {
		t.Errorf("told %d bytes, want %d", told, mostErrorText)
	}
}

func TestOptionsThatAreRefused(t *testing.T) {
	e := enginetest.Start(t, engine.Options{Loops: 1})
	good := func() Options {
		return Options{
			Request: func(int, *handshake.Request) {}, Body: func(int) []byte { return nil }, Format: openAI, Rate: 1, For: 1,
		}
	}
	for sentence, spoil := range map[string]func(o *Options){
		"no rate and no users": func(o *Options) { o.Rate = 0 },
		"rate and users":       func(o *Options) { o.Users = 1 },
		"no time":              func(o *Options) { o.For = 0 },
		"no such shard":        func(o *Options) { o.Shard = 1 },
		"no content":           func(o *Options) { o.Format.Content = nil },
		"content at no place":  func(o *Options) { o.Format.Content = []string{"data"} },
	} {
		o := good()
		spoil(&o)
		if _, err := Start(e, o); err == nil {
			t.Errorf("%s: was accepted", sentence)
		}
	}
}

// Chunks that came together were held back; what this side read late and at once
// is no sign of that.
func TestBuffering(t *testing.T) {
	const start = clock.Time(time.Second)
	at := func(ms ...float64) (all []clock.Time) {
		for _, m := range ms {
			all = append(all, start.Add(time.Duration(m*float64(time.Millisecond))))
		}
		return all
	}
	for _, row := range []struct {
		sentence         string
		arrivals         []clock.Time
		since            time.Duration // before that, at most
		buffered, bursts int64
	}{
		{"one burst", at(0, 0, 0, 0, 0, 0.1, 0.2, 0.3), 0, 1, 1},
		{"two bursts", at(0, 0, 0, 0, 20, 20, 20, 20), 0, 1, 2},
		{"three bursts of less than four on average", at(0, 0, 0, 20, 20, 40, 40, 40), 0, 0, 0},
		{"one by one", at(0, 1, 2, 3, 4, 5, 6, 7), 0, 0, 0},
		{"too short to tell", at(0, 0, 0), 0, 0, 0},
		{"read late, they may have come one by one", at(0, 0, 0, 0, 0, 0, 0, 0), 20 * time.Millisecond, 0, 0},
	} {
		t.Run(row.sentence, func(t *testing.T) {
			format, err := openAI.compile()
			if err != nil {
				t.Fatal(err)
			}
			o, err := Options{
				Request: func(int, *handshake.Request) {}, Body: func(int) []byte { return nil }, Rate: 1, For: time.Second,
			}.withDefaults()
			if err != nil {
				t.Fatal(err)
			}
			l := enginetest.Start(t, engine.Options{Loops: 1}).Loops()[0]
			sh := &share{run: &Run{o: o, format: format}, loop: l, reader: format.NewReader(), records: tally.NewPair(newRecord), told: map[string]bool{}}
			r := &request{share: sh, timeout: l.NewTimer(func(clock.Time) {})}
			for _, at := range row.arrivals {
				data := []byte(`{"event":"message","data":{"choices":[{"delta":{"content":"a"}}]}}`)
				r.Message(nil, engine.Message{Kind: engine.Text, Data: data, Since: at.Add(-row.since), At: at, Read: at})
			}
			l.Await(func() { r.end(Finished, row.arrivals[len(row.arrivals)-1], "") })
			now := sh.records.Now
			if now.Buffered != row.buffered || now.Bursts != row.bursts || now.Chunks != int64(len(row.arrivals)) {
				t.Errorf("%d buffered, %d bursts, %d chunks; want %d, %d", now.Buffered, now.Bursts, now.Chunks, row.buffered, row.bursts)
			}
		})
	}
}
