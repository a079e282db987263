package binding

import (
	"context"
	"fmt"
	"sync/atomic"

	"github.com/grafana/sobek"
	"go.k6.io/k6/v2/lib"

	"xk6-realtime/engine"
)

// runner is what a Swarm and TokenStreams have in common: each runs the shard of
// its virtual user, one at a time.
type runner struct {
	*instance
	of      string // its class
	itself  string // and how a message calls it, with its verb
	running atomic.Bool
}

// shard is the name of the virtual user's shard, one of so many.
func (r *runner) shard(shards int) (shardName, error) {
	state, err := r.state(r.of + ".run")
	if err != nil {
		return shardName{}, err
	}
	number, scenario, err := r.number(state)
	if err != nil {
		return shardName{}, err
	}
	if number < 0 || number >= shards {
		return shardName{}, fmt.Errorf("%s.run: virtual user %d has no shard: shards is %d, expected as many as there are virtual users",
			r.of, number+1, shards)
	}
	return shardName{scenario, number}, r.checkShards(state, shards)
}

// checkShards refuses a scenario that has fewer virtual users, of all
// instances together, than there are shards: their connections would silently
// be missing.
func (r *runner) checkShards(state *lib.State, shards int) error {
	scenario := lib.GetScenarioState(r.vu.Context())
	if scenario == nil {
		return nil // not in a scenario: a unit test
	}
	whole, err := lib.NewExecutionTuple(nil, nil)
	if err != nil {
		return err
	}
	var planned uint64
	if config, ok := state.Options.Scenarios[scenario.Name]; ok {
		planned = lib.GetMaxPlannedVUs(config.GetExecutionRequirements(whole))
	}
	if planned != uint64(shards) {
		return fmt.Errorf("%s.shards: expected the number of the scenario's virtual users, %d, got %d", r.of, planned, shards)
	}
	return nil
}

// begin takes the process's engine for a run. end must be called.
func (r *runner) begin(o *options) (*engine.Engine, error) {
	if !r.running.CompareAndSwap(false, true) {
		return nil, fmt.Errorf("%s.run: %s running already", r.of, r.itself)
	}
	e, err := r.process.useEngine(r.vu.State(), o)
	if err != nil {
		r.running.Store(false)
	}
	return e, err
}

func (r *runner) end() {
	r.process.release()
	r.running.Store(false)
}

// promise is of the result of work on a goroutine of its own. k6 waits for it, and
// ends its context at the end of the scenario.
func (i *instance) promise(work func(context.Context) (any, error)) *sobek.Promise {
	rt := i.vu.Runtime()
	promise, resolve, reject := rt.NewPromise()
	settle := i.vu.RegisterCallback()
	ctx := i.vu.Context()
	go func() {
		result, err := work(ctx)
		settle(func() error {
			if err != nil {
				return reject(rt.NewGoError(err))
			}
			return resolve(result)
		})
	}()
	return promise
}

// drive drives a shard that has begun. The promise settles when all its
// connections have ended.
func drive[T any](r *runner, shard func(context.Context) (*T, error)) *sobek.Promise {
	return r.promise(func(ctx context.Context) (any, error) {
		defer r.end()
		return shard(ctx)
	})
}
