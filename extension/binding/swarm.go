package binding

import (
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/grafana/sobek"
	"go.k6.io/k6/v2/js/common"
	"go.k6.io/k6/v2/lib"

	"xk6-realtime/engine/swarm"
)

// swarmObject is a Swarm as a script holds it.
type swarmObject struct {
	*instance
	options *options
	running atomic.Bool
}

// outcome is how the shard of one VU went, as the promise of run gives it.
type outcome struct {
	Wanted      int   `js:"wanted"`
	Opened      int   `js:"opened"` // each once, however often it was
	Dropped     int64 `js:"dropped"`
	ReachedInMs any   `js:"reachedInMs"` // float64, or nil where not all opened
}

// run drives the VU's shard. The promise settles when all its connections have
// ended; k6 waits for it, and interrupts it at the end of the scenario.
func (s *swarmObject) run() *sobek.Promise {
	rt := s.vu.Runtime()
	sh, err := s.start()
	if err != nil {
		common.Throw(rt, err)
	}
	promise, resolve, reject := rt.NewPromise()
	settle := s.vu.RegisterCallback()
	ctx := s.vu.Context()
	go func() {
		result, err := sh.drive(ctx)
		s.process.release()
		s.running.Store(false)
		settle(func() error {
			if err != nil {
				return reject(rt.ToValue(rt.NewGoError(err)))
			}
			return resolve(result)
		})
	}()
	return promise
}

// start checks what is known only now, and starts the shard.
func (s *swarmObject) start() (*shard, error) {
	state := s.vu.State()
	if state == nil {
		return nil, errors.New("Swarm.run: expected to be called by a virtual user, was called in the init context")
	}
	o := s.options.swarm
	number, scenario, err := s.shardNumber(state, "Swarm", o.Shards)
	if err != nil {
		return nil, err
	}
	if err := requireRoads(o.Servers); err != nil {
		return nil, fmt.Errorf("Swarm.servers: %w", err)
	}
	s.options.request.setUserAgent(state.Options.UserAgent.String)
	if err := s.options.request.check(); err != nil {
		return nil, err
	}
	if !s.running.CompareAndSwap(false, true) {
		return nil, errors.New("Swarm.run: this swarm is running already")
	}
	e, err := s.process.useEngine(state, s.options)
	if err != nil {
		s.running.Store(false)
		return nil, err
	}
	o.Shard = number
	o.Request = s.options.request.fill
	if len(o.Sources) == 0 {
		o.Sources = localIPs(state, o.Connections)
	}
	checked := newShardContract(e, s.options.contract)
	does, err := newActivity(e, state, s.options, o.Shard, checked.checking(), s.process.notices.unwritable)
	if does != nil {
		o.Guest = does.guest
	} else if checked != nil {
		o.Guest = checked.guest
	}
	var running *swarm.Swarm
	var out *recorder
	if err == nil {
		out = newRecorder(s.instance, s.options)
		o.Notice = func(i int, n swarm.Notice) { out.hear(n, s.options.request.value("token", i)) }
		running, err = swarm.Start(e, o)
	}
	if err != nil {
		s.process.release()
		s.running.Store(false)
		return nil, err
	}
	return &shard{
		swarm: running, activity: does, checked: checked, name: shardName{scenario, number}, options: s.options, closeTimeout: e.Options().Timeouts.Close,
		process: s.process, out: out,
	}, nil
}

// shardNumber is the number of the virtual user's shard, and its scenario.
func (i *instance) shardNumber(state *lib.State, of string, shards int) (number int, scenario string, err error) {
	number, scenario, err = i.number(state)
	if err != nil {
		return 0, "", err
	}
	if number < 0 || number >= shards {
		return 0, "", fmt.Errorf("%s.run: virtual user %d has no shard: shards is %d, expected as many as there are virtual users",
			of, number+1, shards)
	}
	return number, scenario, i.checkShards(state, of, shards)
}

// checkShards refuses a scenario that has fewer virtual users, of all
// instances together, than there are shards: their connections would silently
// be missing.
func (i *instance) checkShards(state *lib.State, of string, shards int) error {
	scenario := lib.GetScenarioState(i.vu.Context())
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
		return fmt.Errorf("%s.shards: expected the number of the scenario's virtual users, %d, got %d", of, planned, shards)
	}
	return nil
}
