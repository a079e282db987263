package binding

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/grafana/sobek"
	"go.k6.io/k6/v2/js/modules"

	"xk6-realtime/engine/clock"
	"xk6-realtime/engine/swarm"
)

// mostLogins is how many logins of one virtual user are under way at a time.
// Further ones wait for their turn, which is the generator's delay.
const mostLogins = 1_000

// loginAnswer is what a login gave a connection, as the script's function resolves.
type loginAnswer struct {
	Values []string `js:"values"`
	// URL is where the connection goes, empty for its server.
	URL string `js:"url"`
	// From now on; 0 for never.
	RenewInMs float64 `js:"renewInMs"`
	EndsInMs  float64 `js:"endsInMs"`
}

// loginValues are what logins gave the connections of one shard. They are written
// by the virtual user and read by loops.
type loginValues struct {
	names  []string
	shards int
	of     []atomic.Pointer[access]
}

// access is what one connection was given.
type access struct {
	values []string
	path   string // of the URL that it is sent to; empty for its server's
}

// begin makes room for a run's.
func (l *loginValues) begin(connections int) {
	l.of = make([]atomic.Pointer[access], connections/l.shards+1)
}

// at is the login of a connection, empty for one without.
func (l *loginValues) at(connection int) *access {
	if l == nil {
		return &access{}
	}
	if i := connection / l.shards; i < len(l.of) {
		if a := l.of[i].Load(); a != nil {
			return a
		}
	}
	return &access{values: make([]string, len(l.names))}
}

// secrets is what must not be shown of a connection.
func (q *requests) secrets(connection int) []string {
	return append([]string{q.value(tokenVariable, connection)}, q.logins.at(connection).values...)
}

// loginDesk has the virtual user's script log connections in. While it is open one
// callback is registered, so that the iteration lasts.
type loginDesk struct {
	vu       modules.VU
	ctx      context.Context // of the iteration
	logIn    sobek.Callable
	requests *requests
	// crowded is told when logins wait for their turn.
	crowded func()
	busy    int // logins under way; of the event loop

	mu     sync.Mutex
	queue  []asked
	closed bool
	settle func(func() error) // nil while a turn of the desk is due
}

// asked is a login that a connection waits for.
type asked struct {
	connection int
	due        clock.Time
	done       func(swarm.Login)
}

func openLoginDesk(vu modules.VU, logIn sobek.Callable, q *requests, crowded func()) *loginDesk {
	return &loginDesk{vu: vu, ctx: vu.Context(), logIn: logIn, requests: q, crowded: crowded, settle: vu.RegisterCallback()}
}

// ask is for [swarm.Options].
func (d *loginDesk) ask(connection int, due clock.Time, done func(swarm.Login)) {
	d.mu.Lock()
	d.queue = append(d.queue, asked{connection, due, done})
	settle := d.settle
	d.settle = nil
	d.mu.Unlock()
	if settle != nil {
		settle(d.turn)
	}
}

// close lets the iteration end. Logins that wait are dropped.
func (d *loginDesk) close() {
	if d == nil {
		return
	}
	d.mu.Lock()
	d.closed, d.queue = true, nil
	settle := d.settle
	d.settle = nil
	d.mu.Unlock()
	if settle != nil {
		settle(func() error { return nil })
	}
}

// turn is called by k6's event loop.
func (d *loginDesk) turn() error {
	failure := d.begin()
	settle := d.vu.RegisterCallback()
	d.mu.Lock()
	over, more := d.closed, len(d.queue) > 0 && d.busy < mostLogins
	if !over && !more {
		d.settle = settle
	}
	d.mu.Unlock()
	switch {
	case over:
		settle(func() error { return nil })
	case more:
		settle(d.turn)
	}
	return failure
}

// begin begins as many of the logins that wait as may be under way.
func (d *loginDesk) begin() error {
	for d.ctx.Err() == nil {
		d.mu.Lock()
		if len(d.queue) == 0 {
			d.mu.Unlock()
			return nil
		}
		if d.busy == mostLogins {
			d.mu.Unlock()
			d.crowded()
			return nil
		}
		next := d.queue[0]
		d.queue[0] = asked{}
		d.queue = d.queue[1:]
		d.mu.Unlock()
		if err := d.perform(next); err != nil {
			return err
		}
	}
	return nil
}

func (d *loginDesk) perform(a asked) error {
	rt, began := d.vu.Runtime(), clock.Now()
	promise, err := d.logIn(sobek.Undefined(), rt.ToValue(a.connection), rt.ToValue(milliseconds(began.Sub(a.due))))
	if err != nil {
		return err
	}
	then, ok := sobek.AssertFunction(promise.ToObject(rt).Get("then"))
	if !ok {
		return fmt.Errorf("Swarm.run: expected a function that returns a promise, got one that returns %s", kindOf(promise.Export()))
	}
	d.busy++
	_, err = then(promise, rt.ToValue(func(result sobek.Value) error {
		d.busy--
		login, err := d.loggedIn(a.connection, result)
		login.Began = began
		a.done(login)
		if err == nil {
			err = d.begin()
		}
		return err
	}))
	return err
}

// loggedIn keeps what a login gave.
func (d *loginDesk) loggedIn(connection int, result sobek.Value) (swarm.Login, error) {
	failed := swarm.Login{Failed: true}
	if sobek.IsUndefined(result) {
		return failed, nil
	}
	var g loginAnswer
	if err := d.vu.Runtime().ExportTo(result, &g); err != nil {
		return failed, err
	}
	q := d.requests
	if len(g.Values) != len(q.logins.names) {
		return failed, fmt.Errorf("Swarm.run: expected a login to give %d values, got %d", len(q.logins.names), len(g.Values))
	}
	a := &access{values: g.Values}
	login := swarm.Login{}
	if g.URL != "" {
		s, err := parseServer(g.URL)
		if err != nil {
			return failed, err
		}
		login.Endpoint, a.path = &s.endpoint, s.path
	}
	if i := slices.Index(q.logins.names, tokenVariable); i >= 0 && g.RenewInMs > 0 {
		now := clock.Now()
		login.Token = g.Values[i]
		login.RenewAt, login.Ends = now.Add(inTime(g.RenewInMs)), now.Add(inTime(g.EndsInMs))
	}
	q.logins.of[connection/q.logins.shards].Store(a)
	return login, nil
}
