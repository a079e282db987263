package conform

import (
	"context"
	"runtime"
	"sync"
	"time"
)

// Options tunes a run. A zero field means the default.
type Options struct {
	// Parallel is how many light cases run at a time. Default 24.
	Parallel int
	// Silence ends a case in which no byte moves for so long. Default
	// [DefaultSilence]; negative for no limit.
	Silence time.Duration
	// Done hears of each result. It is called from one goroutine at a time.
	Done func(Result)
}

// DefaultSilence is long: no testee that works takes that long, however busy
// the machine.
const DefaultSilence = 10 * time.Second

const defaultParallel = 24

func (o Options) silence() time.Duration {
	switch {
	case o.Silence < 0:
		return 0
	case o.Silence == 0:
		return DefaultSilence
	}
	return o.Silence
}

// Run plays the cases against a server, several at a time, and returns the
// results in the cases' order. A cancelled ctx leaves out what has not ended.
//
// A case that timed out beside others is played once more alone: so a testee
// that takes one connection after the other, or a busy machine, fails none.
func Run(ctx context.Context, target *Target, cases []*Case, o Options) []Result {
	if o.Parallel == 0 {
		o.Parallel = defaultParallel
	}
	results := make([]Result, len(cases))
	var mu sync.Mutex
	play := func(i int) {
		r := onServer(ctx, target, cases[i], o.silence())
		if ctx.Err() != nil {
			return
		}
		mu.Lock()
		defer mu.Unlock()
		results[i] = r
		if o.Done != nil && !r.again() {
			o.Done(r)
		}
	}
	var light, heavy []int
	for i, c := range cases {
		if c.Heavy {
			heavy = append(heavy, i)
		} else {
			light = append(light, i)
		}
	}
	var all sync.WaitGroup
	all.Go(func() { pool(ctx, light, o.Parallel, play) })
	all.Go(func() { pool(ctx, heavy, min(o.Parallel, max(2, runtime.NumCPU())), play) })
	all.Wait()
	if o.Parallel > 1 {
		again(ctx, target, cases, results, o)
	}
	var ended []Result
	for _, r := range results {
		if r.ID != "" {
			ended = append(ended, r)
		}
	}
	return ended
}

// again tells whether the case had no answer at all to its handshake.
func (r *Result) again() bool { return r.Opening() && r.TimedOut }

// Opening tells whether the opening handshake decided the case.
func (r *Result) Opening() bool { return r.trace.Opening != "" }

func again(ctx context.Context, target *Target, cases []*Case, results []Result, o Options) {
	for i := range results {
		if !results[i].again() || ctx.Err() != nil {
			continue
		}
		if r := onServer(ctx, target, cases[i], o.silence()); ctx.Err() == nil {
			results[i] = r
			if o.Done != nil {
				o.Done(r)
			}
		}
	}
}

func pool(ctx context.Context, jobs []int, workers int, work func(int)) {
	next := make(chan int)
	var all sync.WaitGroup
	for range workers {
		all.Go(func() {
			for i := range next {
				if ctx.Err() == nil {
					work(i)
				}
			}
		})
	}
	for _, i := range jobs {
		next <- i
	}
	close(next)
	all.Wait()
}
