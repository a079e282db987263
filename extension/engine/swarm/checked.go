package swarm

import (
	"xk6-realtime/engine"
	"xk6-realtime/engine/clock"
	"xk6-realtime/engine/contract"
)

// Checked is a Guest for a connection that is only held: it checks what comes.
func Checked(checker *contract.Checker) Guest { return &checked{checker: checker} }

type checked struct {
	checker *contract.Checker
	session contract.Session
}

func (g *checked) Opened(*engine.Conn, *engine.Opening) { g.session = contract.Session{} }

func (g *checked) Message(_ *engine.Conn, m engine.Message) {
	if m.Kind.IsData() {
		g.checker.Check(&g.session, m.Data, m.Kind == engine.Text, "", contract.Server)
	}
}

func (g *checked) Alarm(*engine.Conn, clock.Time) {}

func (g *checked) Unopened(clock.Time) Return { return Return{} }

func (g *checked) Closed(*engine.Conn, engine.End) Return { return Return{} }
