package sse

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"
)

// serve answers a request for a stream with the answer whose turn it is.
func (p *clientPlay) serve(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	p.mu.Lock()
	turn := len(p.requests)
	p.requests = append(p.requests, asked{at: time.Now(), method: r.Method, header: r.Header.Clone(), body: string(body)})
	p.mu.Unlock()
	p.wire.add("testee", fmt.Sprintf("%s %s %v", r.Method, r.URL.Path, r.Header))
	p.change()
	if turn >= len(p.answers) {
		w.WriteHeader(http.StatusNoContent) // once more than it should
		return
	}
	conn, buffered, err := w.(http.Hijacker).Hijack()
	if err != nil {
		return
	}
	defer conn.Close()
	<-p.ready
	a := &p.answers[turn]
	last := turn == len(p.answers)-1 && !p.stops
	out := a.render(last)
	p.wire.add("us", string(out))
	for len(out) > 0 && err == nil {
		n := len(out)
		if a.oneByte && a.framing == chunked {
			n = min(n, 4<<10) // the chunks are of one byte; the writes need not be
		}
		_, err = conn.Write(out[:n])
		out = out[n:]
	}
	if last {
		io.Copy(io.Discard, buffered) // until the client goes
		return
	}
	p.mu.Lock()
	p.requests[turn].answered = time.Now()
	p.mu.Unlock()
	p.change()
	if tcp, ok := conn.(*net.TCPConn); ok && a.end == resets {
		tcp.SetLinger(0)
	}
}

// render is the answer's bytes. One that is held has no end.
func (a *answer) render(held bool) []byte {
	status := a.status
	if status == 0 {
		status = http.StatusOK
	}
	var b strings.Builder
	if a.head == "early" {
		b.WriteString("HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\n\r\n")
	}
	fmt.Fprintf(&b, "HTTP/1.1 %d %s\r\nConnection: close\r\nCache-Control: no-store\r\n", status, http.StatusText(status))
	switch a.kind {
	case "":
		b.WriteString("Content-Type: text/event-stream\r\n")
	case "-":
	default:
		b.WriteString("Content-Type: " + a.kind + "\r\n")
	}
	if a.head != "early" {
		b.WriteString(a.head)
	}
	switch {
	case status == http.StatusNoContent:
		b.WriteString("\r\n")
		return []byte(b.String())
	case a.framing == byLength || status/100 == 3:
		fmt.Fprintf(&b, "Content-Length: %d\r\n\r\n%s", len(a.body), a.body)
		return []byte(b.String())
	case a.framing == toTheEnd:
		b.WriteString("\r\n" + a.body)
		return []byte(b.String())
	}
	b.WriteString("Transfer-Encoding: chunked\r\n\r\n")
	size := max(len(a.body), 1)
	if a.oneByte {
		size = 1
	}
	for rest := a.body; rest != ""; rest = rest[min(size, len(rest)):] {
		piece := rest[:min(size, len(rest))]
		fmt.Fprintf(&b, "%x\r\n%s\r\n", len(piece), piece)
	}
	if !held && a.end == completes {
		b.WriteString("0\r\n\r\n")
	}
	return []byte(b.String())
}
