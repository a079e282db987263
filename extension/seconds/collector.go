// Package seconds folds what k6 hands to an output into what each series came to
// in each second, as every output of this project stores it.
package seconds

import (
	"sync"
	"time"

	"go.k6.io/k6/v2/metrics"
)

// settle is how long after its end a second is given away: k6 hands samples on
// every 50 ms. What comes later still is given away as a further part of it.
const settle = 200 * time.Millisecond

// Collector folds samples at once, so that none of them is kept, and gives each
// second away soon after it ended.
type Collector struct {
	give  func([]Second, Process)
	usage usage

	// One goroutine folds, another takes the folded seconds.
	mu        sync.Mutex
	fold      *fold
	discarded bool

	stop, stopped chan struct{} // nil until Start
}

// NewCollector makes a Collector. give is never called by two goroutines at once.
func NewCollector(give func([]Second, Process)) *Collector {
	return &Collector{
		give: give, usage: readUsage(), fold: newFold(),
	}
}

// Start begins to give seconds away.
func (c *Collector) Start() {
	c.stop, c.stopped = make(chan struct{}), make(chan struct{})
	go c.run()
}

// AddMetricSamples takes what k6 hands over.
func (c *Collector) AddMetricSamples(containers []metrics.SampleContainer) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.discarded {
		return
	}
	for _, container := range containers {
		c.fold.add(container)
	}
}

// Discard drops the folded seconds and all later ones: nobody takes them.
func (c *Collector) Discard() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.discarded, c.fold = true, newFold()
}

// Stop gives away what is left.
func (c *Collector) Stop(runErr error) End {
	if c.stop != nil {
		close(c.stop)
		<-c.stopped
	}
	c.Flush(time.Time{})
	return newEnd(runErr, c.fold.excluded)
}

// Flush gives the seconds before end away; all of them when end is zero. Start
// calls it each second: it is for tests, which do not wait.
func (c *Collector) Flush(end time.Time) {
	c.mu.Lock()
	seconds := c.fold.take(end)
	c.mu.Unlock()
	usage := readUsage()
	process := newProcess(c.usage, usage)
	c.usage = usage
	c.give(seconds, process)
}

func (c *Collector) run() {
	defer close(c.stopped)
	for {
		next := time.Now().Truncate(time.Second).Add(time.Second + settle)
		select {
		case <-c.stop:
			return
		case <-time.After(time.Until(next)):
			c.Flush(time.Now().Truncate(time.Second))
		}
	}
}
