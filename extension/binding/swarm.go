package binding

import (
	"fmt"

	"github.com/grafana/sobek"
	"go.k6.io/k6/v2/js/common"

	"xk6-realtime/engine/swarm"
)

// swarmObject is a Swarm as a script holds it.
type swarmObject struct {
	runner
	options *options
}

// outcome is how the shard of one VU went, as the promise of run gives it.
type outcome struct {
	Wanted      int   `js:"wanted"`
	Opened      int   `js:"opened"` // each once, however often it was
	Dropped     int64 `js:"dropped"`
	ReachedInMs any   `js:"reachedInMs"` // float64, or nil where not all opened
}

// run drives the VU's shard.
func (s *swarmObject) run() *sobek.Promise {
	sh, err := s.start()
	if err != nil {
		common.Throw(s.vu.Runtime(), err)
	}
	return drive(&s.runner, sh.drive)
}

// start checks what is known only now, and starts the shard.
func (s *swarmObject) start() (*shard, error) {
	o := s.options.swarm
	name, err := s.shard(o.Shards)
	if err != nil {
		return nil, err
	}
	state := s.vu.State()
	if err := requireRoads(o.Servers); err != nil {
		return nil, fmt.Errorf("Swarm.servers: %w", err)
	}
	s.options.request.setUserAgent(state.Options.UserAgent.String)
	if err := s.options.request.check(); err != nil {
		return nil, err
	}
	e, err := s.begin(s.options)
	if err != nil {
		return nil, err
	}
	o.Shard = name.index
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
		s.end()
		return nil, err
	}
	return &shard{
		swarm: running, activity: does, checked: checked, name: name, options: s.options, closeTimeout: e.Options().Timeouts.Close,
		process: s.process, out: out,
	}, nil
}
