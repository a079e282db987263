package binding

import (
	"cmp"
	"sync"
	"time"

	"go.k6.io/k6/v2/lib"

	"xk6-realtime/engine"
)

// engines are those of single connections, one for each set of bounds that
// scripts ask for. One without connections stays for a while: a virtual user's
// next iteration opens the next.
type engines struct {
	mu    sync.Mutex
	used  map[bounds]*usedEngine
	keeps time.Duration // how long an engine without connections stays; 0 for the default
}

const keepsEngine = 10 * time.Second

// bounds is the memory of an engine for all its connections.
type bounds struct {
	timeouts      engine.Timeouts
	receiveBuffer int
	limits        limits
}

// limits is what is taken of the peers' messages; 0 for the engine's default.
type limits struct{ messageBytes, bufferedBytes int64 }

const (
	maxMessageBytes  = 1 << 30
	maxBufferedBytes = 1 << 40
)

func readLimits(r *reader) limits {
	return limits{
		messageBytes:  int64(r.whole("messageBytes", 0, 0, maxMessageBytes)),
		bufferedBytes: int64(r.whole("bufferedBytes", 0, 0, maxBufferedBytes)),
	}
}

func (l limits) apply(o *engine.Options) {
	o.MessageBytes, o.BufferedBytes = l.messageBytes, l.bufferedBytes
}

type usedEngine struct {
	*engine.Engine
	users int
	end   *time.Timer // while there are no users
}

// use starts the engine for its first user. release must be called.
func (p *engines) use(state *lib.State, b bounds) (*engine.Engine, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	e := p.used[b]
	if e == nil {
		o, err := engineOptions(state, b.timeouts)
		if err != nil {
			return nil, err
		}
		o.ReceiveBuffer = b.receiveBuffer
		b.limits.apply(&o)
		o.Loops = 1
		started, err := engine.New(o)
		if err != nil {
			return nil, err
		}
		if p.used == nil {
			p.used = map[bounds]*usedEngine{}
		}
		e = &usedEngine{Engine: started}
		p.used[b] = e
	}
	e.users++
	if e.end != nil {
		e.end.Stop() // where that is too late, retire sees the user
	}
	return e.Engine, nil
}

// release gives back what use returned.
func (p *engines) release(b bounds) {
	p.mu.Lock()
	defer p.mu.Unlock()
	e := p.used[b]
	if e.users--; e.users == 0 {
		e.end = time.AfterFunc(cmp.Or(p.keeps, keepsEngine), func() { p.retire(b, e) })
	}
}

// retire ends an engine that nobody uses. Nobody waits for that.
func (p *engines) retire(b bounds, e *usedEngine) {
	p.mu.Lock()
	if e.users > 0 || p.used[b] != e {
		p.mu.Unlock()
		return
	}
	delete(p.used, b)
	p.mu.Unlock()
	e.Close()
}
