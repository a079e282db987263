package echobench

import (
	"context"
	"errors"
	"fmt"
	"net"

	"xk6-realtime/engine"
)

// errLeaderGone ends an instance: there is nobody to measure for.
var errLeaderGone = errors.New("the leader ended the connection amid a case")

// Join measures as one of a leader's instances until the leader has no more to
// measure. check may refuse the servers of the leader's spec.
func Join(ctx context.Context, leader string, e *engine.Engine, o Options, check func(*Spec) error) error {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", leader)
	if err != nil {
		return fmt.Errorf("could not join %s: %w", leader, err)
	}
	defer conn.Close()
	p := newPeer(conn)
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	context.AfterFunc(ctx, func() { conn.Close() })
	m, err := p.apply()
	if err == nil {
		err = check(m.spec)
	}
	if err != nil {
		return fmt.Errorf("could not join %s: %w", leader, err)
	}
	o.Instance = m.Instance
	return m.work(ctx, stop, e, o)
}

// member is an instance with its job.
type member struct {
	*peer
	Instance
	spec   *Spec
	orders chan order // closed once the leader is gone
}

// apply says hello and takes the job.
func (p *peer) apply() (*member, error) {
	if err := p.say(hello{protocol}); err != nil {
		return nil, err
	}
	var j job
	if err := p.hear(&j, specBytes+smallBytes); err != nil {
		return nil, err
	}
	if j.Refused != "" {
		return nil, errors.New(j.Refused)
	}
	if j.Of < 1 || j.Index < 0 || j.Index >= j.Of {
		return nil, fmt.Errorf("expected the number of an instance, got %d of %d", j.Index, j.Of)
	}
	spec, err := ParseSpec([]byte(j.Spec), j.Of)
	return &member{peer: p, Instance: Instance{j.Index, j.Of}, spec: spec, orders: make(chan order)}, err
}

// work does each turn. The leader's going ends the turn that is under way.
func (m *member) work(ctx context.Context, stop context.CancelFunc, e *engine.Engine, o Options) error {
	go func() {
		defer close(m.orders)
		defer stop()
		for {
			var next order
			if m.hear(&next, smallBytes) != nil {
				return
			}
			select {
			case m.orders <- next:
			case <-ctx.Done():
				return
			}
		}
	}()
	for next := range m.orders {
		if next.Turn == nil {
			return errors.New("the leader said go without a turn")
		}
		if err := m.turn(ctx, e, *next.Turn, o); err != nil {
			return err
		}
	}
	return nil
}

// turn measures the instance's share of one case.
func (m *member) turn(ctx context.Context, e *engine.Engine, a address, o Options) error {
	if !a.within(m.spec) {
		return fmt.Errorf("the leader asked for a case that is not in its spec: %+v", a)
	}
	var said error
	measure(ctx, e, &m.spec.Servers[a.Server], m.spec.Testsets[a.Testset].Cases[a.Case], o, hooks{
		ready: m.ready,
		began: func() { _ = m.say(word{Began: true}) }, // a leader that does not hear it is gone, which handing over the result shows
		done:  func(r *InstanceResult) { said = m.say(word{Result: r}) },
	})
	if ctx.Err() != nil {
		return errLeaderGone
	}
	return said
}

func (a address) within(s *Spec) bool {
	return a.Server >= 0 && a.Server < len(s.Servers) && a.Testset >= 0 && a.Testset < len(s.Testsets) &&
		a.Case >= 0 && a.Case < len(s.Testsets[a.Testset].Cases)
}

// ready waits until all others are.
func (m *member) ready(ctx context.Context) error {
	if err := m.say(word{Ready: true}); err != nil {
		return err
	}
	select {
	case next, ok := <-m.orders:
		if !ok {
			return errLeaderGone
		}
		if !next.Go {
			return errors.New(abandoned)
		}
	case <-ctx.Done():
		return errLeaderGone
	}
	return nil
}
