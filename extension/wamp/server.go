// Package wamp is a WAMP router to try a load test against, and a client to try a router with.
// They speak the basic profile of the WAMP specification: sessions, publish and subscribe, calls.
// Messages are JSON, MessagePack or CBOR.
package wamp

import (
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync/atomic"

	"github.com/gammazero/nexus/v3/router"
	"github.com/gammazero/nexus/v3/stdlog"
	"github.com/gammazero/nexus/v3/wamp"
)

// DefaultRealm is the realm where none is given.
const DefaultRealm = "realm1"

// queue is how many messages may wait for a session. The router drops any beyond that, and
// reports it.
const queue = 1 << 16

// ServerOptions says how to serve.
type ServerOptions struct {
	// Listen is an address and port; port 0 takes any free one.
	Listen string
	// Realm is the one that sessions may join. Default: [DefaultRealm].
	Realm string
	// TLS secures the server. Default: nothing does.
	TLS *tls.Config
	// Warn is told what the router drops. Default: nobody is.
	Warn func(line string)
}

// Server is a router that takes any session of its realm.
type Server struct {
	listener net.Listener
	router   router.Router
	http     *http.Server
	scheme   string
	counts   counts
}

type counts struct{ published, events atomic.Int64 }

// Report is what a Server did.
type Report struct {
	Published int64 `json:"published"`
	// Events are publications to one subscriber each, as handed to its queue.
	Events int64 `json:"eventsSent"`
}

// Start starts a Server. Close it when done.
func Start(o ServerOptions) (*Server, error) {
	if o.Realm == "" {
		o.Realm = DefaultRealm
	}
	s := &Server{scheme: "ws"}
	var err error
	s.router, err = router.NewRouter(&router.Config{RealmConfigs: []*router.RealmConfig{{
		URI:                  wamp.URI(o.Realm),
		AnonymousAuth:        true,
		AllowDisclose:        true,
		PublishFilterFactory: s.counts.filter,
	}}}, warner(o.Warn))
	if err != nil {
		return nil, fmt.Errorf("wamp: %w", err)
	}
	if s.listener, err = net.Listen("tcp", o.Listen); err != nil {
		s.router.Close()
		return nil, fmt.Errorf("wamp: %w", err)
	}
	sockets := router.NewWebsocketServer(s.router)
	sockets.OutQueueSize = queue
	s.http = &http.Server{Handler: sockets}
	listener := s.listener
	if o.TLS != nil {
		s.scheme = "wss"
		listener = tls.NewListener(listener, o.TLS)
	}
	go s.http.Serve(listener) // until Close
	return s, nil
}

// URL is the address as a client writes it.
func (s *Server) URL() string { return s.scheme + "://" + s.listener.Addr().String() }

// Report is the server's counts until now.
func (s *Server) Report() Report {
	return Report{Published: s.counts.published.Load(), Events: s.counts.events.Load()}
}

// Close ends the server and all its sessions.
func (s *Server) Close() {
	s.http.Close()
	s.router.Close()
}

// filter is asked once for each publication. Those of the router's own, of
// sessions that come and go, do not count.
func (c *counts) filter(p *wamp.Publish) router.PublishFilter {
	if strings.HasPrefix(string(p.Topic), "wamp.") {
		return router.NewSimplePublishFilter(p)
	}
	c.published.Add(1)
	return &counted{PublishFilter: router.NewSimplePublishFilter(p), events: &c.events}
}

// counted is asked once for each subscriber of a publication.
type counted struct {
	router.PublishFilter // nil where everybody may have it
	events               *atomic.Int64
}

func (c *counted) Allowed(session *wamp.Session) bool {
	allowed := c.PublishFilter == nil || c.PublishFilter.Allowed(session)
	if allowed {
		c.events.Add(1)
	}
	return allowed
}

// warner passes the router's warnings on, and leaves out the rest of its log.
type warner func(line string)

var _ stdlog.StdLog = warner(nil)

func (w warner) Print(v ...any)                 { w.line(fmt.Sprint(v...)) }
func (w warner) Println(v ...any)               { w.line(fmt.Sprint(v...)) }
func (w warner) Printf(format string, v ...any) { w.line(fmt.Sprintf(format, v...)) }

func (w warner) line(text string) {
	if rest, ok := strings.CutPrefix(text, "!!!"); ok && w != nil {
		w(strings.TrimSpace(rest))
	}
}
