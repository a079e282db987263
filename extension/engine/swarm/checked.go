package swarm

import (
	"xk6-realtime/engine"
	"xk6-realtime/engine/clock"
	"xk6-realtime/engine/contract"
)

// Checked is a Handler for a connection that is only held: it checks what comes.
func Checked(checker *contract.Checker) Handler { return &checked{checker: checker} }

type checked struct {
	checker *contract.Checker
	session contract.Session
}

func (c *checked) Opened(*engine.Conn, *engine.Opening) { c.session = contract.Session{} }

func (c *checked) Message(_ *engine.Conn, m engine.Message) {
	if m.Kind.IsData() {
		c.checker.Check(&c.session, m.Data, m.Kind == engine.Text, "", contract.Server)
	}
}

func (c *checked) Alarm(*engine.Conn, clock.Time) {}

func (c *checked) AttemptFailed(clock.Time) Reopen { return Reopen{} }

func (c *checked) Closed(*engine.Conn, engine.End) Reopen { return Reopen{} }
