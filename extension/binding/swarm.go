package binding

import (
	"errors"
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
func (s *swarmObject) run(logIn sobek.Value) *sobek.Promise {
	sh, err := s.start(logIn)
	if err != nil {
		common.Throw(s.vu.Runtime(), err)
	}
	return drive(&s.runner, sh.drive)
}

// start checks the facts that are known only now, and starts the shard.
func (s *swarmObject) start(logIn sobek.Value) (*shard, error) {
	o := s.options.swarm
	name, err := s.shard(o.Shards)
	if err != nil {
		return nil, err
	}
	state := s.vu.State()
	if err := requireRoutes(o.Servers); err != nil {
		return nil, fmt.Errorf("Swarm.servers: %w", err)
	}
	if publishers := s.options.request.publishers; publishers != nil {
		if err := requireRoutes(publishers.origins()); err != nil {
			return nil, fmt.Errorf("Swarm.fanOut.publisher.servers: %w", err)
		}
		o.Elsewhere = s.options.request.elsewhere
	}
	s.options.request.setUserAgent(state.Options.UserAgent.String)
	if err := s.options.request.check("Swarm"); err != nil {
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
	does, err := newActivity(e, state, s.options, o.Shard, checked.checking(), &s.process.notices)
	if does != nil {
		o.Handler = does.handler
	} else if checked != nil {
		o.Handler = checked.handler
	}
	var running *swarm.Swarm
	var out *recorder
	var desk *loginDesk
	if err == nil {
		out = newRecorder(s.instance, s.options)
		o.Notice = func(i int, n swarm.Notice) { out.hear(n, s.options.request.secrets(i)...) }
		desk, err = s.desk(logIn)
	}
	if err == nil {
		if desk != nil {
			o.LogIn = desk.ask
		}
		running, err = swarm.Start(e, o)
	}
	if err != nil {
		desk.close()
		s.end()
		return nil, err
	}
	return &shard{
		swarm: running, activity: does, checked: checked, name: name, options: s.options, closeTimeout: e.Options().Timeouts.Close,
		process: s.process, out: out, desk: desk,
	}, nil
}

// desk is where connections log in, nil where they do not.
func (s *swarmObject) desk(logIn sobek.Value) (*loginDesk, error) {
	call, given := sobek.AssertFunction(logIn)
	if wanted := s.options.request.logins != nil; given != wanted {
		return nil, errors.New("Swarm.run: expected a function exactly where there are loginVariables")
	}
	if !given {
		return nil, nil
	}
	s.options.request.logins.begin(s.options.swarm.Connections)
	return openLoginDesk(s.vu, call, s.options.request, s.process.notices.crowded), nil
}
