//go:build linux

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"sync"
	"syscall"
	"time"

	"xk6-realtime/engine/frame"
)

// eventFigures is what a server of event streams has done.
type eventFigures struct {
	Streams   int64 `json:"streams"`
	Published int64 `json:"published"`
	Sent      int64 `json:"deliveriesSent"`
	// CPUSeconds is the processor time of the process.
	CPUSeconds float64 `json:"cpuSeconds"`
	// Written is, of each stream with known times, when the write of each event
	// began and when it had returned, in nanoseconds since 1970.
	Written map[string][][2]int64 `json:"written"`
}

// eventServer is rooms as event streams, and as WebSockets for who asks for one: a message posted
// to one goes to all who read it, with the server's timestamp. GET /clocked writes events at known times to whoever asks at once.
type eventServer struct {
	mu      sync.Mutex
	rooms   map[string][]io.Writer
	figures eventFigures
	stopped chan struct{}
}

const eventHead = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-cache\r\n\r\n"

// events serves until interrupted.
func events() (*eventFigures, error) {
	s := &eventServer{rooms: map[string][]io.Writer{}, figures: eventFigures{Written: map[string][][2]int64{}}, stopped: make(chan struct{})}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /rooms/{room}", func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Sec-WebSocket-Key") != "" {
			s.join(r.PathValue("room"), upgraded(w, r))
			return
		}
		if r.ProtoMajor == 1 {
			s.join(r.PathValue("room"), hijacked(w))
			return
		}
		s.join(r.PathValue("room"), begun(w))
		<-s.stopped // for a handler that returns has ended its stream
	})
	mux.HandleFunc("POST /rooms/{room}", func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		s.publish(r.PathValue("room"), body)
	})
	mux.HandleFunc("GET /clocked", s.clocked)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	server := &http.Server{Handler: mux, Protocols: &http.Protocols{}}
	server.Protocols.SetHTTP1(true)
	server.Protocols.SetUnencryptedHTTP2(true)
	go server.Serve(l)
	fmt.Printf("listening on http://%s\n", l.Addr())
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, os.Interrupt, syscall.SIGTERM)
	<-stop
	s.mu.Lock()
	defer s.mu.Unlock()
	close(s.stopped)
	server.Close()
	s.figures.CPUSeconds = processorTime()
	return &s.figures, nil
}

// processorTime is that of the process so far, in seconds.
func processorTime() float64 {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		panic(err) // it cannot fail for one's own process
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano()).Seconds()
}

// hijacked is a stream, open, whose connection is the caller's. What the client
// still sends is nothing.
func hijacked(w http.ResponseWriter) net.Conn {
	c, _, err := w.(http.Hijacker).Hijack()
	if err != nil {
		panic(err) // HTTP/1.1 always can
	}
	io.WriteString(c, eventHead)
	return c
}

// flushed is a stream of HTTP/2 that is open.
type flushed struct {
	http.ResponseWriter
	*http.ResponseController
}

func begun(w http.ResponseWriter) flushed {
	w.Header().Set("Content-Type", "text/event-stream")
	f := flushed{w, http.NewResponseController(w)}
	f.Flush()
	return f
}

func (f flushed) Write(b []byte) (int, error) {
	n, err := f.ResponseWriter.Write(b)
	if err == nil {
		err = f.Flush()
	}
	return n, err
}

func (s *eventServer) join(room string, stream io.Writer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.figures.Streams++
	s.rooms[room] = append(s.rooms[room], stream)
}

func (s *eventServer) publish(room string, body []byte) {
	var given map[string]json.RawMessage
	if json.Unmarshal(body, &given) != nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.figures.Published++
	micros := time.Now().UnixMicro()
	data := fmt.Appendf(nil, "{\"type\":\"message\",\"room\":%q,\"id\":%s,\"publisher\":%s,\"publisherSeq\":%s,\"payload\":%s,\"timestamp\":%d.%03d}",
		room, given["id"], given["publisher"], given["seq"], given["payload"], micros/1000, micros%1000)
	event := fmt.Appendf(nil, "id: %d\ndata: %s\n\n", s.figures.Published, data)
	text := frame.Append(nil, frame.Text, fmt.Appendf(nil, `{"event":"message","id":"%d","data":%s}`, s.figures.Published, data))
	for _, c := range s.rooms[room] {
		message := event
		if _, is := c.(socket); is {
			message = text
		}
		if _, err := c.Write(message); err == nil {
			s.figures.Sent++
		}
	}
}

// clocked writes ?count= events, ?us= microseconds apart, and notes when under
// ?name=.
func (s *eventServer) clocked(w http.ResponseWriter, r *http.Request) {
	count, _ := strconv.Atoi(r.FormValue("count"))
	every, _ := strconv.Atoi(r.FormValue("us"))
	c := hijacked(w)
	defer c.Close()
	padding := bytes.Repeat([]byte("x"), 40)
	written := make([][2]int64, 0, count)
	due := time.Now()
	for i := range count {
		due = due.Add(time.Duration(every) * time.Microsecond)
		time.Sleep(time.Until(due))
		event := fmt.Appendf(nil, "id: %d\ndata: {\"n\":%d,\"padding\":%q}\n\n", i, i, padding)
		before := time.Now().UnixNano()
		c.Write(event)
		written = append(written, [2]int64{before, time.Now().UnixNano()})
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.figures.Written[r.FormValue("name")] = written
}
