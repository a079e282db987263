package binding

import (
	"cmp"
	"context"
	"sync"

	"github.com/sirupsen/logrus"
	"go.k6.io/k6/v2/metrics"
)

// outbox hands the samples of single sockets to k6 from a goroutine of its own, in order. k6
// takes them from a channel that is full while k6 is busy. A loop that waited for the channel
// would hold up all its sockets. The goroutine is there while there is something to hand over.
type outbox struct {
	limit int // of what waits; 0 for the default

	mu      sync.Mutex
	queue   []outgoing
	waiting int // samples of the queue, and of what is being handed over
	running bool
	warned  sync.Once
}

// defaultOutbox is how many samples may wait: some 10 MB.
const defaultOutbox = 100_000

// outgoing is samples of one socket.
type outgoing struct {
	to      chan<- metrics.SampleContainer
	until   context.Context // after which k6 takes nothing; nil for never
	samples metrics.Samples
	then    func() // called once k6 has taken them; nil for nothing
}

// full tells whether nothing is to be added that can wait or be done without.
func (o *outbox) full() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.waiting >= cmp.Or(o.limit, defaultOutbox)
}

// put may be called from any goroutine, and does not wait.
func (o *outbox) put(e outgoing) {
	if len(e.samples) == 0 && e.then == nil {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.queue = append(o.queue, e)
	o.waiting += len(e.samples)
	if !o.running {
		o.running = true
		go o.run()
	}
}

func (o *outbox) run() {
	for {
		o.mu.Lock()
		queue := o.queue
		o.queue = nil
		o.running = len(queue) > 0
		o.mu.Unlock()
		if len(queue) == 0 {
			return
		}
		for _, e := range queue {
			if len(e.samples) > 0 && (e.until == nil || e.until.Err() == nil) {
				e.to <- e.samples
			}
			if e.then != nil {
				e.then()
			}
			o.mu.Lock()
			o.waiting -= len(e.samples)
			o.mu.Unlock()
		}
	}
}

// warn says once that k6 does not keep up.
func (o *outbox) warn(logger logrus.FieldLogger) {
	o.warned.Do(func() {
		logger.Warn("k6 takes no samples: times of sockets are left out until it does, and counted in ws_unmeasured; " +
			"give it more processors, or a faster output")
	})
}
