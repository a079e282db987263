package wamp

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"
)

// visit starts a client and returns its lines, and what it did once it left.
func visit(t *testing.T, o ClientOptions) (lines *bufio.Scanner, leave func() (ClientReport, error)) {
	t.Helper()
	out, in := io.Pipe()
	o.Out = in
	ctx, cancel := context.WithCancel(t.Context())
	joined := make(chan struct{})
	type ending struct {
		report ClientReport
		err    error
	}
	over := make(chan ending, 1)
	go func() {
		report, err := Visit(ctx, o, func() { close(joined) })
		in.Close()
		over <- ending{report, err}
	}()
	select {
	case <-joined:
	case e := <-over:
		t.Fatal(e.err)
	}
	t.Cleanup(cancel)
	return bufio.NewScanner(out), func() (ClientReport, error) {
		cancel()
		go io.Copy(io.Discard, out)
		e := <-over
		return e.report, e.err
	}
}

func serve(t *testing.T) *Server {
	t.Helper()
	s, err := Start(ServerOptions{Listen: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// Publications and calls cross from one serialization to another, and the
// server's counts are the clients'.
func TestSessionsHearAndCallEachOther(t *testing.T) {
	for name, serialization := range Serializations {
		t.Run(name, func(t *testing.T) {
			s := serve(t)
			hearer, left := visit(t, ClientOptions{URL: s.URL(), Topic: "com.example.news", Register: "com.example.echo"})
			// It is there once it has registered: its subscription came before.
			own, spoke := visit(t, ClientOptions{
				URL: s.URL(), Topic: "com.example.news", Call: "com.example.echo",
				Serialization: serialization, Interval: 20 * time.Millisecond,
			})
			answered := make(chan struct{})
			go func() {
				once := sync.OnceFunc(func() { close(answered) })
				for own.Scan() {
					if strings.HasPrefix(own.Text(), "result com.example.echo ") {
						once()
					}
				}
			}()
			want := map[string]bool{
				`event com.example.news "[[\"message 1 of k6-realtime\"],null]"`: true,
				`call com.example.echo "[[\"message 1 of k6-realtime\"],null]"`:  true,
			}
			for len(want) > 0 && hearer.Scan() {
				line := hearer.Text()
				if strings.Contains(line, "message 1 ") && !want[line] {
					t.Errorf("got the line %s", line)
				}
				delete(want, line)
			}
			if len(want) > 0 {
				t.Fatalf("the client ended before these lines came: %v", want)
			}
			go func() {
				for hearer.Scan() {
				}
			}()
			<-answered
			speaker, err := spoke()
			if err != nil {
				t.Error(err)
			}
			heard, err := left()
			if err != nil {
				t.Error(err)
			}
			if speaker.Published == 0 || speaker.Results == 0 || heard.Events == 0 || heard.Invoked == 0 {
				t.Errorf("the speaker did %+v, the hearer %+v", speaker, heard)
			}
			if r := s.Report(); r.Published < int64(speaker.Published) || r.Events < int64(heard.Events+speaker.Events) {
				t.Errorf("the server counts %+v, the speaker %+v, the hearer %+v", r, speaker, heard)
			}
		})
	}
}

func TestAnotherRealmIsRefused(t *testing.T) {
	s := serve(t)
	_, err := Visit(t.Context(), ClientOptions{URL: s.URL(), Realm: "elsewhere"}, func() {})
	if err == nil || !strings.Contains(err.Error(), `could not join realm "elsewhere"`) {
		t.Errorf("error %v, want one that names the realm", err)
	}
}

func TestTheEndOfTheRouterIsAnError(t *testing.T) {
	s := serve(t)
	joined := make(chan struct{})
	over := make(chan error, 1)
	go func() {
		_, err := Visit(t.Context(), ClientOptions{URL: s.URL(), Topic: "com.example.news"}, func() { close(joined) })
		over <- err
	}()
	<-joined
	s.Close()
	if err := <-over; err == nil {
		t.Error("no error after the router ended")
	} else if !errors.Is(err, errEnded) && !strings.Contains(err.Error(), "com.example.news") {
		t.Errorf("error %v, want one that says who ended the session, or what failed", err)
	}
}

func TestAnAddressInUseIsAnError(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if _, err := Start(ServerOptions{Listen: l.Addr().String()}); err == nil {
		t.Error("no error")
	}
}
