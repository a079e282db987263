package binding

import (
	"sync"

	"go.k6.io/k6/v2/lib"

	"xk6-realtime/engine"
)

// engines are those of single connections, one for each set of bounds that
// scripts ask for, while there is a connection with them.
type engines struct {
	mu   sync.Mutex
	used map[bounds]*usedEngine
}

// bounds is what an engine has for all its connections.
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
	return e.Engine, nil
}

// release must not be called by the engine's own loop: the last one waits for
// it.
func (p *engines) release(b bounds) {
	p.mu.Lock()
	defer p.mu.Unlock()
	e := p.used[b]
	if e.users--; e.users == 0 {
		e.Close()
		delete(p.used, b)
	}
}
