package binding

import (
	"testing"
	"time"

	"go.k6.io/k6/v2/lib"

	"xk6-realtime/engine"
)

// patience bounds the wait for what must happen; no test waits for it to pass.
const patience = 20 * time.Second

// A virtual user's iteration ends with its last socket, and the next begins
// with another.
func TestAnEngineOutlivesItsLastSocket(t *testing.T) {
	rt, _ := virtualUser(t, New(), "")
	var p engines
	first := useEngine(t, &p, rt.VU.State())
	p.release(bounds{})
	second := useEngine(t, &p, rt.VU.State())
	if first != second || !second.Loops()[0].Await(func() {}) {
		t.Error("the next socket has another engine, or one that has ended")
	}
	p.keeps = 1
	p.release(bounds{})
	awaitEnd(t, first)
}

// An engine that is slow to end holds up nobody who wants another.
func TestAnEngineThatEndsHoldsUpNobody(t *testing.T) {
	rt, _ := virtualUser(t, New(), "")
	p := engines{keeps: 1}
	first := useEngine(t, &p, rt.VU.State())
	busy, done := make(chan struct{}), make(chan struct{})
	first.Loops()[0].Do(func() {
		close(busy)
		<-done
	})
	<-busy
	p.release(bounds{})
	for gone, deadline := false, time.Now().Add(patience); !gone; {
		if time.Now().After(deadline) {
			t.Fatal("an engine that nobody uses stays")
		}
		p.mu.Lock()
		gone = len(p.used) == 0
		p.mu.Unlock()
	}
	second := useEngine(t, &p, rt.VU.State()) // the first has not ended yet
	if first == second {
		t.Error("the next socket has an engine that ends")
	}
	close(done)
	p.release(bounds{})
	awaitEnd(t, first)
	awaitEnd(t, second)
}

func awaitEnd(t *testing.T, e *engine.Engine) {
	t.Helper()
	for deadline := time.Now().Add(patience); e.Loops()[0].Await(func() {}); {
		if time.Now().After(deadline) {
			t.Fatal("an engine that nobody uses does not end")
		}
	}
}

func useEngine(t *testing.T, p *engines, state *lib.State) *engine.Engine {
	t.Helper()
	e, err := p.use(state, bounds{})
	if err != nil {
		t.Fatal(err)
	}
	return e
}
