package influxdb

import (
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/sirupsen/logrus"
)

const (
	// queueBytes bounds what waits for a server that is away: hours of most runs.
	queueBytes = 64 << 20
	// batchPoints is how many points go in one request.
	batchPoints = 2_000

	firstPause = 250 * time.Millisecond
	// longestPause between attempts, so that a server that is back gets everything soon.
	longestPause = 4 * time.Second
	// patience is how long after the end of the run a server that is away is
	// waited for.
	patience = 30 * time.Second
)

// tally is what became of the points.
type tally struct {
	written int
	// refused by the server, and given up: no room to keep them, or the server
	// stayed away.
	refused, givenUp int
	// reason is the first refusal or, without one, the last failure.
	reason string
}

// queue keeps points until they are stored, and tries again while the server is
// away.
type queue struct {
	store  store
	logger logrus.FieldLogger
	limit  int // bytes

	mu      sync.Mutex
	waiting []*point
	bytes   int
	account tally

	wake     chan struct{} // capacity 1
	deadline chan struct{} // closed when patience is over
	closing  bool
	done     chan struct{}
}

func newQueue(store store, logger logrus.FieldLogger) *queue {
	return &queue{
		store: store, logger: logger, limit: queueBytes,
		wake: make(chan struct{}, 1), deadline: make(chan struct{}), done: make(chan struct{}),
	}
}

// add takes points over. It never waits: where there is no room, the newest are
// given up.
func (q *queue) add(points []*point) {
	q.mu.Lock()
	for _, p := range points {
		size := p.bytes()
		if q.bytes+size > q.limit {
			q.account.givenUp++
			continue
		}
		q.waiting = append(q.waiting, p)
		q.bytes += size
	}
	q.mu.Unlock()
	q.signal()
}

// close writes what waits, as long as patience lasts, and returns the account.
func (q *queue) close(patience time.Duration) tally {
	q.mu.Lock()
	q.closing = true
	q.mu.Unlock()
	q.signal()
	timer := time.AfterFunc(patience, func() { close(q.deadline) })
	defer timer.Stop()
	<-q.done
	q.store.close()
	return q.account
}

func (q *queue) signal() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// run writes batches until the queue is closed and empty.
func (q *queue) run() {
	defer close(q.done)
	for {
		batch, closing := q.next()
		if len(batch) > 0 {
			if !q.deliver(batch) {
				q.giveUp()
				return
			}
			continue
		}
		if closing {
			return
		}
		<-q.wake
	}
}

// next is what to write now. It stays in the queue until deliver knows what
// became of it.
func (q *queue) next() (batch []*point, closing bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.waiting[:min(len(q.waiting), batchPoints)], q.closing
}

// forget takes from the front of the queue what was written or refused. q.mu is
// held.
func (q *queue) forget(batch []*point) {
	for i, p := range batch {
		q.bytes -= p.bytes()
		q.waiting[i] = nil
	}
	q.waiting = q.waiting[len(batch):]
}

func (q *queue) giveUp() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.account.givenUp += len(q.waiting)
	q.waiting, q.bytes = nil, 0
}

// deliver writes a batch from the front of the queue, however often it must
// try; false when the deadline came first.
func (q *queue) deliver(batch []*point) bool {
	for pause := firstPause; ; pause = min(2*pause, longestPause) {
		err := q.store.write(batch)
		if err == nil {
			if pause > firstPause {
				q.logger.Info("InfluxDB answers again: what waited is being written")
			}
			q.mu.Lock()
			q.account.written += len(batch)
			q.forget(batch)
			if q.account.refused == 0 {
				q.account.reason = ""
			}
			q.mu.Unlock()
			return true
		}
		if refused := (*refusal)(nil); errors.As(err, &refused) {
			if half := len(batch) / 2; refused.ofPoints && half > 0 {
				return q.deliver(batch[:half]) && q.deliver(batch[half:]) // until only the culprits are left
			}
			q.refuse(batch, refused)
			return true
		}
		if pause == firstPause {
			q.logger.WithError(err).Warn("InfluxDB cannot be written: trying again, while the test goes on")
		}
		q.mu.Lock()
		if q.account.refused == 0 {
			q.account.reason = err.Error()
		}
		q.mu.Unlock()
		select {
		case <-time.After(pause/2 + rand.N(pause/2)):
		case <-q.deadline:
			return false
		}
	}
}

func (q *queue) refuse(batch []*point, why *refusal) {
	q.mu.Lock()
	first := q.account.refused == 0
	q.account.refused += len(batch)
	q.forget(batch)
	if first {
		q.account.reason = why.reason
	}
	q.mu.Unlock()
	if first {
		q.logger.WithError(why).Error("InfluxDB refuses points; the test goes on, and more of this is only counted")
	}
}
