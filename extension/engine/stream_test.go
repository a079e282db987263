package engine

import (
	"bufio"
	"compress/gzip"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"xk6-realtime/engine/clock"
	"xk6-realtime/engine/handshake"
)

// dialStream opens an event stream; what is asked for is the URL's, and what ask
// makes of it.
func dialStream(t *testing.T, e *Engine, url string, w *witness, ask func(r *handshake.Request)) *Conn {
	t.Helper()
	return dialStreamOf(t, 0, e, url, w, ask)
}

// dialStreamOf is dialStream with so many streams of HTTP/2 on a TCP connection, 0
// for HTTP/1.1.
func dialStreamOf(t *testing.T, most int, e *Engine, url string, w *witness, ask func(r *handshake.Request)) *Conn {
	t.Helper()
	endpoint, path, err := ParseStreamURL(url)
	if err != nil {
		t.Fatal(err)
	}
	var c *Conn
	l := e.Loops()[0]
	l.Await(func() {
		c = l.Dial(&Dial{Endpoint: endpoint, EventStream: true, StreamsPerConnection: most, Request: func(_ *Conn, r *handshake.Request) {
			r.Path = path
			if ask != nil {
				ask(r)
			}
		}}, w)
	})
	return c
}

// streamPeer answers every request for a stream with the same bytes, head and
// all, and then ends the connection.
func streamPeer(t *testing.T, answer string) string {
	return "http" + strings.TrimPrefix(rawPeer(t, func(c *net.TCPConn) {
		if _, err := http.ReadRequest(bufio.NewReader(c)); err == nil {
			c.Write([]byte(answer))
		}
	}), "ws")
}

const streamHead = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"

func TestEndsOfEventStreams(t *testing.T) {
	const event = "data: 1\n\n"
	chunk := func(s string) string { return fmt.Sprintf("%x\r\n%s\r\n", len(s), s) }
	long := strings.Repeat("x", 10_000)
	for _, row := range []struct {
		sentence string
		answer   string
		events   int
		end      End
	}{
		{"a body to the connection's end", streamHead + "\r\n" + event + event, 2, End{By: ByServer}},
		{"of HTTP/1.0", "HTTP/1.0 200 OK\nContent-Type: text/event-stream;charset=utf-8\n\n" + event, 1, End{By: ByServer}},
		{"of a length", streamHead + "Content-Length: 9\r\n\r\n" + event + "data: no part of it\n\n", 1, End{By: ByServer}},
		{"of the length 0", streamHead + "Content-Length: 0\r\n\r\n", 0, End{By: ByServer}},
		{"cut short of its length", streamHead + "Content-Length: 20\r\n\r\n" + event, 1, End{Code: 1006, By: ByNetwork}},
		{"in chunks", streamHead + "Transfer-Encoding: chunked\r\n\r\n" + chunk(event) + chunk(event) + "0\r\n\r\n", 2, End{By: ByServer}},
		{"in chunks that cut an event, with extension and trailer", streamHead + "transfer-encoding: Chunked\r\n\r\n" +
			"3;a=b\r\ndat\r\n06 \r\na: 1\n\n\r\n0\r\nX: y\r\n\r\n", 1, End{By: ByServer}},
		{"in chunks without the last", streamHead + "Transfer-Encoding: chunked\r\n\r\n" + chunk(event), 1, End{Code: 1006, By: ByNetwork}},
		{"in chunks of no size", streamHead + "Transfer-Encoding: chunked\r\n\r\nzz\r\n" + event, 0, End{Code: 1002, By: ByServer, Breach: "bad_chunk"}},
		{"in chunks of a size without end", streamHead + "Transfer-Encoding: chunked\r\n\r\n" + strings.Repeat("f", 17) + "\r\n", 0, End{Code: 1002, By: ByServer, Breach: "bad_chunk"}},
		{"in chunks with an extension without end", streamHead + "Transfer-Encoding: chunked\r\n\r\n1;" + strings.Repeat("x", 20_000), 0, End{Code: 1002, By: ByServer, Breach: "bad_chunk"}},
		{"with half an event at the end", streamHead + "\r\n" + event + "data: 2\n", 1, End{By: ByServer}},
		{"after an early hint", "HTTP/1.1 103 Early Hints\r\nLink: <x>\r\n\r\n" + streamHead + "\r\n" + event, 1, End{By: ByServer}},
		{"a line longer than the limit", streamHead + "\r\ndata: " + long + long, 0, End{Code: 1009, By: ByGenerator, Breach: "message_too_big"}},
	} {
		t.Run(row.sentence, func(t *testing.T) {
			url := streamPeer(t, row.answer)
			onEachTransport(t, func(t *testing.T, o Options) {
				o.MessageBytes = 10_000
				e, w := start(t, o), newWitness(t)
				dialStream(t, e, url, w, nil)
				w.next("opened")
				for range row.events {
					if m := w.next("message").message; m.Kind != Text || string(m.Data) != `{"event":"message","data":1}` {
						t.Errorf("got %d %s", m.Kind, m.Data)
					}
				}
				end := w.next("closed").end
				end.At = 0
				if end != row.end {
					t.Errorf("ended with %+v, want %+v", end, row.end)
				}
			})
		})
	}
}

func TestAnswersThatAreNoEventStream(t *testing.T) {
	for _, row := range []struct{ sentence, answer, want string }{
		{"nothing more is to come", "HTTP/1.1 204 No Content\r\n\r\n", "http_204"},
		{"a page", "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<p>", "bad_content_type"},
		{"no type", "HTTP/1.1 200 OK\r\n\r\n", "bad_content_type"},
		{"a type that only begins like it", "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream-x\r\n\r\n", "bad_content_type"},
		{"an encoding that is not known", streamHead + "Content-Encoding: br\r\n\r\n", "bad_content_encoding"},
		{"a transfer coding nobody knows", streamHead + "Transfer-Encoding: gzip, chunked\r\n\r\n", "bad_content_encoding"},
		{"refused", "HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n", "http_401"},
		{"no HTTP", "garbage\r\n\r\n", "bad_upgrade"},
		{"two lengths", streamHead + "Content-Length: 1\r\nContent-Length: 2\r\n\r\n", "bad_upgrade"},
		{"half a head", streamHead, "closed"},
		{"a head without end", streamHead + strings.Repeat("X: y\r\n", 20_000), "header_too_large"},
	} {
		t.Run(row.sentence, func(t *testing.T) {
			url := streamPeer(t, row.answer)
			onEachTransport(t, func(t *testing.T, o Options) {
				e, w := start(t, o), newWitness(t)
				dialStream(t, e, url, w, nil)
				if f := w.next("failed").failure; f.Reason.String() != row.want {
					t.Errorf("failed as %v, want %s", f, row.want)
				}
			})
		})
	}
}

// saysWhatWasAsked is a handler that says in one event what was asked for.
func saysWhatWasAsked(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	w.Header().Set("Content-Type", "text/event-stream")
	fmt.Fprintf(w, "id: 7\nretry: 1500\nevent: asked\ndata: %s %s %s %s %s %s [%s]\n\n:bye\n", r.Proto, r.Method, r.URL, r.Header.Get("Accept"),
		r.Header.Get("Authorization"), r.Header.Get("Last-Event-Id"), body)
}

// serveHTTP serves one version of HTTP, and tells how requests call it.
func serveHTTP(t *testing.T, h http.Handler, secure, http2 bool) (s *httptest.Server, proto string) {
	t.Helper()
	s, proto = httptest.NewUnstartedServer(h), "HTTP/1.1"
	if http2 {
		proto = "HTTP/2.0"
		s.EnableHTTP2 = true
		s.Config.Protocols = &http.Protocols{}
		s.Config.Protocols.SetHTTP2(true)
		s.Config.Protocols.SetUnencryptedHTTP2(true)
	}
	if secure {
		s.StartTLS()
	} else {
		s.Start()
	}
	t.Cleanup(s.Close)
	return s, proto
}

func TestRequestsForEventStreams(t *testing.T) {
	for i := range 4 {
		secure, most := i&1 != 0, i>>1
		mux := http.NewServeMux()
		mux.HandleFunc("/", saysWhatWasAsked)
		for status, path := range map[int]string{301: "/moved", 303: "/other", 307: "/again", 308: "/for-ever"} {
			mux.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Location", "../asked?after="+path)
				w.WriteHeader(status)
			})
		}
		mux.HandleFunc("/round", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/round", http.StatusFound) })
		mux.HandleFunc("/away", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://elsewhere.invalid/secret?token=x", http.StatusFound)
		})
		server, proto := serveHTTP(t, mux, secure, most > 0)
		post := func(r *handshake.Request) {
			r.Method, r.Body = "POST", []byte(`{"stream":true}`)
			r.Fields = append(r.Fields, handshake.Field{Name: "Authorization", Value: "Bearer t"},
				handshake.Field{Name: "Last-Event-ID", Value: "6"}, handshake.Field{Name: "Content-Type", Value: "application/json"})
		}
		for _, row := range []struct {
			path string
			ask  func(r *handshake.Request)
			want string // of the event, or the failure
		}{
			{"/asked?a=b", nil, `"GET /asked?a=b text/event-stream   []"`},
			{"/asked", post, `"POST /asked text/event-stream Bearer t 6 [{\"stream\":true}]"`},
			{"/moved", nil, `"GET /asked?after=/moved text/event-stream   []"`},
			{"/again", post, `"POST /asked?after=/again text/event-stream Bearer t 6 [{\"stream\":true}]"`},
			{"/for-ever", post, `"POST /asked?after=/for-ever text/event-stream Bearer t 6 [{\"stream\":true}]"`},
			{"/other", post, `"GET /asked?after=/other text/event-stream Bearer t 6 []"`},
			{"/round", nil, "http_302: it redirects more than 20 times"},
			{"/away", nil, "http_302: it redirects to http://elsewhere.invalid/secret"},
		} {
			t.Run(fmt.Sprintf("%s %v %s", proto, secure, row.path), func(t *testing.T) {
				onEachTransport(t, func(t *testing.T, o Options) {
					o.TLS = &tls.Config{InsecureSkipVerify: true}
					e, w := start(t, o), newWitness(t)
					c := dialStreamOf(t, most, e, server.URL+row.path, w, row.ask)
					if strings.HasPrefix(row.want, "http_") {
						if f := w.next("failed").failure; f.Error() != row.want {
							t.Errorf("failed as %v, want %s", f, row.want)
						}
						nothingIsLeft(t, c)
						return
					}
					came := w.next("opened").opening
					if came.FirstByte == 0 || came.FirstByte > came.Opened || came.FirstByte < came.Connected {
						t.Errorf("first byte at %d, open at %d", came.FirstByte, came.Opened)
					}
					if m := w.next("message").message; string(m.Data) != `{"event":"asked","id":"7","data":"`+proto+" "+row.want[1:]+`}` {
						t.Errorf("got %s, want %s", m.Data, row.want)
					}
					w.next("closed")
					do(c, func() {
						if r := c.Resumption(); r != (Resumption{"7", 1500 * time.Millisecond}) || c.Comments() != 1 {
							t.Errorf("goes on with %+v, %d comments", r, c.Comments())
						}
					})
				})
			})
		}
	}
}

// Nothing can be sent on an event stream, and this side ends it when it likes.
func TestAnEventStreamIsReadOnly(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		io.WriteString(w, "data: 1\n\ndata: half")
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	}))
	t.Cleanup(server.Close)
	onEachTransport(t, func(t *testing.T, o Options) {
		for name, end := range map[string]func(c *Conn){"close": (*Conn).Close, "reset": (*Conn).Reset} {
			e, w := start(t, o), newWitness(t)
			c := dialStream(t, e, server.URL, w, nil)
			w.next("opened")
			w.next("message")
			endOneWay(t, name, c, w, end)
			if held := e.Buffer().Bytes(); held > 8<<10 {
				t.Errorf("%d bytes are held", held)
			}
		}
	})
}

// endOneWay ends an open event stream, on which nothing can be sent.
func endOneWay(t *testing.T, name string, c *Conn, w *witness, end func(c *Conn)) {
	t.Helper()
	do(c, func() {
		if _, err := c.Send(Text, []byte("x")); err != ErrOneWay || !c.Open() {
			t.Errorf("%s: send gives %v, open %v; want %v and true", name, err, c.Open(), ErrOneWay)
		}
		end(c)
	})
	if got := w.next("closed").end; got.By != ByClient || !got.Planned || got.Code != 0 {
		t.Errorf("%s: ended with %+v", name, got)
	}
}

// A compressed stream is read in a coroutine of the loop's, which at real-time
// priority has a thread of its own.
func TestCompressedEventStreams(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		if r.Header.Get("Accept-Encoding") != "gzip" {
			return
		}
		w.Header().Set("Content-Encoding", "gzip")
		z := gzip.NewWriter(w)
		for i := range 3 {
			fmt.Fprintf(z, "data: %d\n\n", i)
			z.Flush()
			w.(http.Flusher).Flush()
		}
		<-r.Context().Done()
	}))
	t.Cleanup(server.Close)
	ask := func(r *handshake.Request) {
		r.Fields = append(r.Fields, handshake.Field{Name: "Accept-Encoding", Value: "gzip"})
	}
	onEachTransport(t, func(t *testing.T, o Options) {
		for _, realTime := range []bool{false, true} {
			o.RealTime = realTime
			e, err := New(o)
			if err != nil && realTime {
				continue // which takes a right that not everybody has
			}
			if err != nil {
				t.Fatal(err)
			}
			w := newWitness(t)
			c := dialStream(t, e, server.URL, w, ask)
			w.next("opened")
			for i := range 3 {
				if m := w.next("message").message; string(m.Data) != fmt.Sprintf(`{"event":"message","data":%d}`, i) {
					t.Errorf("got %s", m.Data)
				}
			}
			do(c, c.Close)
			w.next("closed")
			e.Close()
		}
	})
}

// Events of one read count as such, in however many frames of HTTP/2 or records of
// TLS they came.
func TestEventsOfOneReadAreCountedTogether(t *testing.T) {
	for _, row := range []struct {
		sentence string
		frames   [][2]int64 // when each was read, and its events
		want     StreamCounts
	}{
		{"one by one", [][2]int64{{1, 1}, {2, 1}}, StreamCounts{EventsAlone: 2, Reads: 2}},
		{"in one frame", [][2]int64{{1, 3}}, StreamCounts{EventsTogether: 3, Reads: 1}},
		{"in two frames of one read", [][2]int64{{1, 1}, {1, 1}, {2, 1}}, StreamCounts{EventsAlone: 1, EventsTogether: 2, Reads: 2}},
		{"in three", [][2]int64{{1, 1}, {1, 1}, {1, 2}}, StreamCounts{EventsTogether: 4, Reads: 1}},
		{"with frames that end none", [][2]int64{{1, 1}, {1, 0}, {1, 1}, {2, 0}}, StreamCounts{EventsTogether: 2, Reads: 1}},
	} {
		t.Run(row.sentence, func(t *testing.T) {
			var m StreamMeter
			s := &stream{}
			for _, frame := range row.frames {
				s.read(&m, frame[1], clock.Time(frame[0]))
			}
			if m.StreamCounts != row.want {
				t.Errorf("counted %+v, want %+v", m.StreamCounts, row.want)
			}
		})
	}
}
