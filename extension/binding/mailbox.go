package binding

import (
	"cmp"
	"context"
	"sync"
	"sync/atomic"

	"github.com/sirupsen/logrus"
	"go.k6.io/k6/v2/js/modules"
)

// mail is what waits for the scripts of a process.
type mail struct {
	waiting atomic.Int64 // bytes
	limit   int64        // 0 for the default
	warned  sync.Once
}

const (
	// defaultMailBytes is what may wait, of all sockets together.
	defaultMailBytes = 256 << 20
	// ownMailBytes is what may wait of a socket even then: one that hears
	// little is not held up by others.
	ownMailBytes = 64 << 10
)

func (m *mail) full() bool { return m.waiting.Load() > cmp.Or(m.limit, defaultMailBytes) }

// warn says once what a full mailbox does to the run.
func (m *mail) warn(logger logrus.FieldLogger) {
	m.warned.Do(func() {
		logger.Warn("the script takes messages more slowly than they come. Its sockets are not read until it has caught up, " +
			"so the server has to wait too. Use more virtual users, or do less for each message")
	})
}

// mailbox carries events to a virtual user in order. While it is open one
// callback is registered, so that the iteration lasts.
type mailbox struct {
	vu      modules.VU
	ctx     context.Context // of the iteration
	deliver func(*socketEvent) error
	// all is of the process.
	all *mail
	// roomy is called after a delivery, if isFull said so before it.
	roomy func()

	mu     sync.Mutex
	queue  []*socketEvent
	bytes  int64 // of the queue, and of what is being delivered
	isFull bool
	settle func(func() error) // nil while a delivery is under way
}

func openMailbox(vu modules.VU, all *mail, deliver func(*socketEvent) error) *mailbox {
	return &mailbox{vu: vu, ctx: vu.Context(), all: all, deliver: deliver, settle: vu.RegisterCallback()}
}

// post may be called from any goroutine; after the last event never again. It
// tells whether so much waits that no more messages are to be read until roomy
// is called.
func (m *mailbox) post(e *socketEvent) (full bool) {
	bytes := e.bytes()
	m.all.waiting.Add(bytes)
	m.mu.Lock()
	m.queue = append(m.queue, e)
	m.bytes += bytes
	full = m.bytes > ownMailBytes && m.all.full()
	m.isFull = m.isFull || full
	settle := m.settle
	m.settle = nil
	m.mu.Unlock()
	if settle != nil {
		settle(m.run)
	}
	return full
}

// delivered accounts for what no longer waits.
func (m *mailbox) delivered(bytes int64) {
	m.all.waiting.Add(-bytes)
	m.mu.Lock()
	m.bytes -= bytes
	wasFull := m.isFull
	m.isFull = false
	m.mu.Unlock()
	if wasFull {
		m.roomy()
	}
}

// run is called by k6's event loop, in the end of an interrupted iteration too:
// the script hears nothing more then.
func (m *mailbox) run() error {
	m.mu.Lock()
	queue := m.queue
	m.queue = nil
	m.mu.Unlock()
	var failure error
	var bytes int64
	over := false
	for _, e := range queue {
		over = over || e.last
		bytes += e.bytes()
		if failure == nil && m.ctx.Err() == nil {
			failure = m.deliver(e)
		}
	}
	m.delivered(bytes)
	if over {
		return failure
	}
	settle := m.vu.RegisterCallback()
	m.mu.Lock()
	more := len(m.queue) > 0
	if !more {
		m.settle = settle
	}
	m.mu.Unlock()
	if more {
		settle(m.run)
	}
	return failure
}
