package engine

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"xk6-realtime/engine/handshake"
)

// streamPeerOverHTTP2 is http2Peer for event streams, whose SETTINGS allow no
// WebSocket: event streams need none.
func streamPeerOverHTTP2(t *testing.T, serve func(p *framePeer)) string {
	return "http" + strings.TrimPrefix(http2Peer(t, func(p *framePeer) {
		io.ReadFull(p.c, make([]byte, len(http2.ClientPreface)))
		p.WriteSettings()
		p.until(http2.FrameHeaders)
		serve(p)
	}), "ws")
}

// says answers stream 1 with header fields, a name and a value each in turn.
func (p *framePeer) says(ended bool, fields ...string) {
	var b bytes.Buffer
	e := hpack.NewEncoder(&b)
	e.SetMaxDynamicTableSize(0)
	for i := 0; i < len(fields); i += 2 {
		e.WriteField(hpack.HeaderField{Name: fields[i], Value: fields[i+1]})
	}
	block := b.Bytes()
	first := block[:min(len(block), 16<<10)]
	p.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: first, EndHeaders: len(first) == len(block), EndStream: ended})
	for block = block[len(first):]; len(block) > 0; {
		part := block[:min(len(block), 16<<10)]
		block = block[len(part):]
		p.WriteContinuation(1, len(block) == 0, part)
	}
}

// streams answers with the head of an event stream, and further fields.
func (p *framePeer) streams(fields ...string) {
	p.says(false, append([]string{":status", "200", "content-type", "text/event-stream"}, fields...)...)
}

func TestEveryEndOfAnEventStreamOverHTTP2HasAName(t *testing.T) {
	const event = "data: 1\n\n"
	data := func(p *framePeer, s string, ended bool) { p.WriteData(1, ended, []byte(s)) }
	calm := http2.ErrCodeEnhanceYourCalm
	for _, row := range []struct {
		sentence string
		serve    func(p *framePeer)
		failed   string // of one that was never opened
		events   int
		end      End
	}{
		{sentence: "a regular end", serve: func(p *framePeer) { p.streams(); data(p, event+event, true) }, events: 2, end: End{By: ByServer}},
		{sentence: "an end of its own frame", serve: func(p *framePeer) { p.streams(); data(p, event, false); data(p, "", true) }, events: 1, end: End{By: ByServer}},
		{sentence: "an end by trailers", serve: func(p *framePeer) { p.streams(); data(p, event, false); p.says(true, "x", "y") }, events: 1, end: End{By: ByServer}},
		{sentence: "no body", serve: func(p *framePeer) {
			p.says(true, ":status", "200", "content-type", "text/event-stream; charset=utf-8")
		}, end: End{By: ByServer}},
		{sentence: "an event in pieces", serve: func(p *framePeer) {
			p.streams()
			for _, c := range event {
				data(p, string(c), false)
			}
			data(p, "", true)
		}, events: 1, end: End{By: ByServer}},
		{sentence: "padded", serve: func(p *framePeer) { p.streams(); p.WriteDataPadded(1, true, []byte(event), make([]byte, 200)) }, events: 1, end: End{By: ByServer}},
		{sentence: "half an event at the end", serve: func(p *framePeer) { p.streams(); data(p, event+"data: 2\n", true) }, events: 1, end: End{By: ByServer}},
		{sentence: "after an early hint", serve: func(p *framePeer) { p.says(false, ":status", "103", "link", "<x>"); p.streams(); data(p, event, true) }, events: 1, end: End{By: ByServer}},
		{sentence: "of its length", serve: func(p *framePeer) { p.streams("content-length", "9"); data(p, event, true) }, events: 1, end: End{By: ByServer}},
		{sentence: "half a body", serve: func(p *framePeer) { p.streams("content-length", "20"); data(p, event, true) }, events: 1,
			end: End{Code: 1006, By: ByServer, Breach: nameBroken, Text: "PROTOCOL_ERROR: a body of another length than its content-length"}},
		{sentence: "half a body, ended by trailers", serve: func(p *framePeer) {
			p.streams("content-length", "20")
			data(p, event, false)
			p.says(true, "x", "y")
		}, events: 1,
			end: End{Code: 1006, By: ByServer, Breach: nameBroken, Text: "PROTOCOL_ERROR: a body of another length than its content-length"}},
		{sentence: "more than its length", serve: func(p *framePeer) { p.streams("content-length", "5"); data(p, event, true) },
			end: End{Code: 1006, By: ByServer, Breach: nameBroken, Text: "PROTOCOL_ERROR: a body of another length than its content-length"}},
		{sentence: "pseudo-header fields in trailers", serve: func(p *framePeer) { p.streams(); data(p, event, false); p.says(true, ":status", "200") }, events: 1,
			end: End{Code: 1006, By: ByServer, Breach: nameBroken, Text: "PROTOCOL_ERROR: a pseudo-header field in trailers"}},
		{sentence: "a second answer", serve: func(p *framePeer) { p.streams(); data(p, event, false); p.streams() }, events: 1,
			end: End{Code: 1006, By: ByServer, Breach: nameBroken, Text: "PROTOCOL_ERROR: HEADERS again"}},
		{sentence: "a reset", serve: func(p *framePeer) { p.streams(); data(p, event, false); p.WriteRSTStream(1, calm) }, events: 1,
			end: End{Code: 1006, By: ByServer, Breach: nameReset, Text: "RST_STREAM ENHANCE_YOUR_CALM"}},
		{sentence: "a GOAWAY, then a FIN", serve: func(p *framePeer) {
			p.streams()
			data(p, event, false)
			p.WriteGoAway(1, calm, []byte("full"))
			p.c.CloseWrite()
		}, events: 1, end: End{Code: 1006, By: ByServer, Breach: nameGoAway, Text: "GOAWAY ENHANCE_YOUR_CALM: full"}},
		{sentence: "a FIN within", serve: func(p *framePeer) { p.streams(); data(p, event, false); p.c.CloseWrite() }, events: 1, end: End{Code: 1006, By: ByNetwork}},
		{sentence: "a RST of TCP", serve: func(p *framePeer) { p.streams(); p.c.SetLinger(0); p.c.Close() }, end: End{Code: 1006, By: ByNetwork}},
		{sentence: "frames that break HTTP/2", serve: func(p *framePeer) { p.streams(); p.WriteWindowUpdate(77, 1) },
			end: End{Code: 1006, By: ByServer, Breach: nameBroken, Text: "http2: PROTOCOL_ERROR: WINDOW_UPDATE on a stream that was never opened"}},
		{sentence: "more than the window", serve: func(p *framePeer) {
			p.streams()
			for range 5 {
				data(p, strings.Repeat("x", 16<<10), false)
			}
		}, end: End{Code: 1006, By: ByServer, Breach: nameBroken, Text: "FLOW_CONTROL_ERROR: DATA beyond the stream's window"}},
		{sentence: "a line longer than the limit", serve: func(p *framePeer) { p.streams(); data(p, "data: "+strings.Repeat("x", 12_000), false) },
			end: End{Code: 1009, By: ByGenerator, Breach: "message_too_big"}},

		{sentence: "nothing more is to come", serve: func(p *framePeer) { p.says(true, ":status", "204") }, failed: "http_204"},
		{sentence: "a page", serve: func(p *framePeer) { p.says(false, ":status", "200", "content-type", "text/html") }, failed: "bad_content_type"},
		{sentence: "no type", serve: func(p *framePeer) { p.says(true, ":status", "200") }, failed: "bad_content_type"},
		{sentence: "an encoding that is not known", serve: func(p *framePeer) { p.streams("content-encoding", "br") }, failed: "bad_content_encoding"},
		{sentence: "refused by a status", serve: func(p *framePeer) { p.says(true, ":status", "401") }, failed: "http_401"},
		{sentence: "no status", serve: func(p *framePeer) { p.says(true, "content-type", "text/event-stream") }, failed: "bad_upgrade"},
		{sentence: "a length that is none", serve: func(p *framePeer) { p.streams("content-length", "-1") }, failed: "http2_broken"},
		{sentence: "two lengths", serve: func(p *framePeer) { p.streams("content-length", "1", "content-length", "2") }, failed: "http2_broken"},
		{sentence: "a field of HTTP/1.1's connections", serve: func(p *framePeer) { p.streams("transfer-encoding", "chunked") }, failed: "http2_broken"},
		{sentence: "an early hint that is all", serve: func(p *framePeer) { p.says(true, ":status", "103") }, failed: "http2_broken"},
		{sentence: "a reset before the answer", serve: func(p *framePeer) { p.WriteRSTStream(1, calm) }, failed: "http2_reset"},
		{sentence: "a stream refused", serve: func(p *framePeer) { p.WriteRSTStream(1, http2.ErrCodeRefusedStream) }, failed: "http2_refused"},
		{sentence: "a GOAWAY before the answer", serve: func(p *framePeer) { p.WriteGoAway(0, calm, nil); p.c.CloseWrite() }, failed: "http2_goaway"},
		{sentence: "a FIN before the answer", serve: func(p *framePeer) { p.c.CloseWrite() }, failed: "closed"},
		{sentence: "events before the answer", serve: func(p *framePeer) { data(p, event, false) }, failed: "http2_broken"},
		{sentence: "a head longer than the limit", serve: func(p *framePeer) { p.streams("x", strings.Repeat("|", 40_000), "y", strings.Repeat("|", 40_000)) }, failed: "header_too_large"},
		{sentence: "a head without end", serve: func(p *framePeer) {
			p.WriteHeaders(http2.HeadersFrameParam{StreamID: 1})
			for p.WriteContinuation(1, false, make([]byte, 1_000)) == nil {
			}
		}, failed: "http2_broken"},
	} {
		t.Run(row.sentence, func(t *testing.T) {
			url := streamPeerOverHTTP2(t, row.serve)
			onEachTransport(t, func(t *testing.T, o Options) {
				o.MessageBytes = 10_000
				if row.sentence == "more than the window" {
					o.MessageBytes = 0
				}
				e, w := start(t, o), newWitness(t)
				if row.sentence == "more than the window" {
					w.atOpen = (*Conn).Pause // so that the window is not given back
				}
				c := dialStreamOf(t, 10, e, url, w, nil)
				if row.failed != "" {
					if f := w.next("failed").failure; f.Reason.String() != row.failed {
						t.Errorf("failed as %v, want %s", f, row.failed)
					}
					nothingIsLeft(t, c)
					return
				}
				opened := w.next("opened").opening
				if opened.FirstByte == 0 || opened.FirstByte > opened.Opened || opened.Asked > opened.FirstByte {
					t.Errorf("asked at %d, first byte at %d, open at %d", opened.Asked, opened.FirstByte, opened.Opened)
				}
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
				nothingIsLeft(t, c)
			})
		})
	}
}

// A request's body waits for the server's window, and its end comes behind it.
func TestABodyOfAnyLengthIsPostedOverHTTP2(t *testing.T) {
	server, _ := serveHTTP(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		w.Header().Set("Content-Type", "text/event-stream")
		if err != nil || r.ContentLength != int64(len(body)) {
			http.Error(w, "half a body", http.StatusBadRequest)
			return
		}
		io.WriteString(w, "data: "+string(body[len(body)-6:])+"\n\n")
	}), false, true)
	body := append(bytes.Repeat([]byte("x"), 3<<20), `"last"`...)
	onEachTransport(t, func(t *testing.T, o Options) {
		e := start(t, o)
		var ws [4]*witness
		var c *Conn
		for i := range ws {
			ws[i] = newWitness(t)
			c = dialStreamOf(t, 2, e, server.URL, ws[i], func(r *handshake.Request) { r.Method, r.Body = "POST", body })
		}
		for _, w := range ws {
			w.next("opened")
			if m := w.next("message").message; string(m.Data) != `{"event":"message","data":"last"}` {
				t.Errorf("got %s", m.Data)
			}
			if end := w.next("closed").end; end.By != ByServer || end.Code != 0 {
				t.Errorf("ended with %+v", end)
			}
		}
		nothingIsLeft(t, c)
	})
}

// A client that wants no more says so on its stream, and others go on.
func TestAClientEndsItsEventStreamAlone(t *testing.T) {
	onEachTransport(t, func(t *testing.T, o Options) {
		var over atomic.Int32
		server, _ := serveHTTP(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/event-stream")
			io.WriteString(w, "data: 1\n\ndata: half")
			w.(http.Flusher).Flush()
			<-r.Context().Done()
			over.Add(1)
		}), true, true)
		o.TLS = &tls.Config{InsecureSkipVerify: true}
		e := start(t, o)
		stays := newWitness(t)
		kept := dialStreamOf(t, 10, e, server.URL, stays, nil)
		stays.next("opened")
		stays.next("message")
		for i, end := range []func(*Conn){(*Conn).Close, (*Conn).Reset} {
			w := newWitness(t)
			c := dialStreamOf(t, 10, e, server.URL, w, nil)
			if opened := w.next("opened").opening; opened.OpenedTCP() {
				t.Error("another TCP connection was opened, with room on the first")
			}
			w.next("message")
			endOneWay(t, fmt.Sprint("end ", i), c, w, end)
			waitFor(t, "the server to hear of it", func() bool { return int(over.Load()) == i+1 })
		}
		do(kept, func() {
			if !kept.Open() {
				t.Error("the other stream is over, too")
			}
			kept.Close()
		})
		stays.next("closed")
		nothingIsLeft(t, kept)
	})
}

// A reader that pauses is sent no more than its window, and no other stream waits
// with it.
func TestAPausedEventStreamStopsAlone(t *testing.T) {
	const window, events = 20_000, 40
	event := []byte("data: \"" + strings.Repeat("x", 5_000) + "\"\n\n")
	server, _ := serveHTTP(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		for range events {
			w.Write(event)
			w.(http.Flusher).Flush()
		}
	}), false, true)
	onEachTransport(t, func(t *testing.T, o Options) {
		o.ReceiveBuffer = window
		e := start(t, o)
		slow, quick := newWitness(t), newWitness(t)
		slow.atOpen = (*Conn).Pause
		c := dialStreamOf(t, 10, e, server.URL, slow, nil)
		dialStreamOf(t, 10, e, server.URL, quick, nil)
		slow.next("opened")
		quick.next("opened")
		for range events {
			quick.next("message")
		}
		quick.next("closed")
		waitFor(t, "the paused stream's window to be full", func() (full bool) {
			do(c, func() { full = c.Unread() == window })
			return full
		})
		do(c, c.Resume)
		for range events {
			slow.next("message")
		}
		if end := slow.next("closed").end; end.By != ByServer || end.Code != 0 {
			t.Errorf("ended with %+v", end)
		}
		nothingIsLeft(t, c)
	})
}
