package swarm

import (
	"sync"
	"testing"
	"time"

	"xk6-realtime/engine"
	"xk6-realtime/engine/clock"
	"xk6-realtime/engine/internal/enginetest"
	"xk6-realtime/engine/serve"
)

// desk keeps the logins that are asked for.
type desk struct {
	mu    sync.Mutex
	asked []func(Login)
	some  chan struct{} // has a place for each
}

func newDesk() *desk { return &desk{some: make(chan struct{}, 1_000)} }

func (d *desk) logIn(_ int, _ clock.Time, done func(Login)) {
	d.mu.Lock()
	d.asked = append(d.asked, done)
	d.mu.Unlock()
	d.some <- struct{}{}
}

// next waits for a login that is asked for.
func (d *desk) next(t *testing.T) func(Login) {
	t.Helper()
	await(t, "asked for a login", d.some)
	d.mu.Lock()
	defer d.mu.Unlock()
	next := d.asked[0]
	d.asked = d.asked[1:]
	return next
}

func TestAConnectionIsDueWhenItsLoginIsDone(t *testing.T) {
	enginetest.OnEachTransport(t, func(t *testing.T, e *engine.Engine) {
		server, desk := startServer(t, serve.Options{}), newDesk()
		s := start(t, e, Options{Servers: []string{server.URL()}, Connections: 1, Pace: Rate(1), Hold: time.Hour, LogIn: desk.logIn})
		done := desk.next(t)
		if n := server.Connections(); n != 0 {
			t.Fatalf("%d connections before the login", n)
		}
		time.Sleep(50 * time.Millisecond) // what the login takes
		answered := clock.Now()
		done(Login{Began: answered})
		await(t, "settled", s.Settled())
		since := clock.Now().Sub(answered)
		s.Stop(0)
		await(t, "ended", s.Done())
		r := s.Result()
		// All of the latency but the loop's own lateness is after the login.
		latency, late := time.Duration(r.Series[ConnectLatency].Max), time.Duration(r.Series[ConnectDelay].Max)
		if r.Opened != 1 || latency-late > since {
			t.Errorf("opened %d, with a latency of %v, %v of it late, %v after the login", r.Opened, latency, late, since)
		}
		if d := r.Series[LoginDelay]; d == nil || d.Count != 1 || time.Duration(d.Min) < 50*time.Millisecond {
			t.Errorf("the login's delay is %+v, want one value of 50 ms at least", d)
		}
	})
}

func TestALoginThatFailsIsAFailedAttempt(t *testing.T) {
	e := enginetest.Start(t, engine.Options{})
	server, desk := startServer(t, serve.Options{}), newDesk()
	s := start(t, e, Options{Servers: []string{server.URL()}, Connections: 2, Pace: Rate(1_000),
		Retries: 1, RetryDelay: time.Millisecond, LogIn: desk.logIn})
	failed := Login{Failed: true, Began: clock.Now()}
	for range 4 {
		desk.next(t)(failed)
	}
	await(t, "settled", s.Settled())
	await(t, "ended", s.Done())
	if r := s.Result(); r.Failures[engine.ReasonLogin] != 4 || r.Attempts != 0 || r.Retries != 2 || r.Reached != 0 {
		t.Errorf("%+v", r)
	}
}

func TestALoginSaysWhereTheConnectionGoes(t *testing.T) {
	e := enginetest.Start(t, engine.Options{})
	a, b, desk := startServer(t, serve.Options{}), startServer(t, serve.Options{}), newDesk()
	s := start(t, e, Options{Servers: []string{a.URL()}, Connections: 1, Pace: Rate(1), Hold: time.Hour, LogIn: desk.logIn})
	endpoint, _, err := engine.ParseURL(b.URL())
	if err != nil {
		t.Fatal(err)
	}
	desk.next(t)(Login{Endpoint: &endpoint, Began: clock.Now()})
	await(t, "settled", s.Settled())
	if na, nb := a.Connections(), b.Connections(); na != 0 || nb != 1 {
		t.Errorf("%d connections to the swarm's server and %d to the login's, want 0 and 1", na, nb)
	}
	s.Stop(0)
	await(t, "ended", s.Done())
}

// A swarm that stops does not wait for logins, and drops what comes of them.
func TestStopDropsLogins(t *testing.T) {
	e := enginetest.Start(t, engine.Options{Loops: 1})
	server, desk := startServer(t, serve.Options{}), newDesk()
	s := start(t, e, Options{Servers: []string{server.URL()}, Connections: 3, Pace: Rate(10_000), Hold: time.Hour, LogIn: desk.logIn})
	pending := []func(Login){desk.next(t), desk.next(t), desk.next(t)}
	s.Stop(0)
	await(t, "ended", s.Done())
	for _, done := range pending {
		done(Login{Began: clock.Now()})
	}
	s.shares[0].loop.Await(func() {})
	if r := s.Result(); r.Opened != 0 || r.Attempts != 0 || server.Connections() != 0 {
		t.Errorf("%+v", r.Counts)
	}
}

// renewing is a handler that hears of renewals.
type renewing struct {
	checked
	renewed chan string
}

func (g *renewing) Renew(token string, _ clock.Time) { g.renewed <- token }

func TestAnOpenConnectionIsGivenAnotherLogin(t *testing.T) {
	e := enginetest.Start(t, engine.Options{Loops: 1})
	server, desk := startServer(t, serve.Options{}), newDesk()
	g := &renewing{renewed: make(chan string, 2)}
	s := start(t, e, Options{Servers: []string{server.URL()}, Connections: 1, Pace: Rate(1), Hold: time.Hour,
		LogIn: desk.logIn, Handler: func(int, int) Handler { return g }})
	now := clock.Now()
	login := func(token string) Login {
		return Login{Token: token, Began: now, RenewAt: now.Add(time.Millisecond), Ends: now.Add(time.Hour)}
	}
	desk.next(t)(login("first"))
	await(t, "settled", s.Settled())
	desk.next(t)(Login{Failed: true, Began: now}) // tried again while the first is good
	desk.next(t)(login("second"))
	if token := <-g.renewed; token != "second" {
		t.Errorf("renewed with %q", token)
	}
	s.Stop(0)
	await(t, "ended", s.Done())
	if r := s.Result(); r.Opened != 1 || len(r.Failures) != 0 {
		t.Errorf("%+v", r.Counts)
	}
}
