package echobench

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"
)

// Leader has several instances measure together: all begin a case at one time,
// and what they measured becomes one row. It sends no message itself.
type Leader struct {
	spec  *Spec
	peers []*peer
}

// helloWithin is how long a connection may take to say what it is.
const helloWithin = 10 * time.Second

// Lead waits on a listener for so many instances, and then closes it. The text is the spec as it
// was read. A peer that is not an instance gets an error, and does not count.
func Lead(ctx context.Context, listener net.Listener, spec *Spec, text []byte, instances int) (*Leader, error) {
	stop := context.AfterFunc(ctx, func() { listener.Close() })
	defer stop()
	defer listener.Close()
	l := &Leader{spec: spec}
	for len(l.peers) < instances {
		conn, err := listener.Accept()
		if err != nil {
			l.Close()
			return nil, either(ctx, err)
		}
		if p := newPeer(conn); p.isInstance() {
			l.peers = append(l.peers, p)
		}
	}
	for i, p := range l.peers {
		if err := p.say(job{Index: i, Of: instances, Spec: string(text)}); err != nil {
			l.Close()
			return nil, l.lost(i, err)
		}
	}
	return l, nil
}

// isInstance tells whether the other end is an instance. It closes any other peer.
func (p *peer) isInstance() bool {
	var h hello
	// If the deadline cannot be set, reading fails too.
	_ = p.conn.SetReadDeadline(time.Now().Add(helloWithin))
	err := p.hear(&h, smallBytes)
	if err == nil && h.Protocol == protocol {
		return p.conn.SetReadDeadline(time.Time{}) == nil
	}
	if err == nil {
		_ = p.say(job{Refused: fmt.Sprintf("expected an instance that speaks %q, got one that speaks %.40q", protocol, h.Protocol)})
	}
	p.conn.Close()
	return false
}

// Close ends the work of all instances.
func (l *Leader) Close() {
	for _, p := range l.peers {
		p.conn.Close()
	}
}

// Measure is one row, measured by all instances together. An error means that an
// instance is gone, so that there can be no further row.
func (l *Leader) Measure(ctx context.Context, server, testset, c int) (*Row, error) {
	stop := context.AfterFunc(ctx, l.Close)
	defer stop()
	row, err := l.measure(address{server, testset, c})
	if err != nil {
		return nil, either(ctx, err)
	}
	return row, nil
}

func (l *Leader) measure(a address) (*Row, error) {
	to, what := &l.spec.Servers[a.Server], l.spec.Testsets[a.Testset].Cases[a.Case]
	results := make([]*InstanceResult, len(l.peers))
	if err := l.tell(results, order{Turn: &a}); err != nil {
		return nil, err
	}
	// An instance that cannot begin hands over its result in place of being ready.
	if err := l.hear(results, what.Count, func(w *word) bool { return w.Ready }); err != nil {
		return nil, err
	}
	goes := true
	for _, p := range results {
		goes = goes && p == nil
	}
	before, told := usageOf(to.PID), time.Now()
	var apart time.Duration
	if err := l.tell(results, order{Go: goes}); err != nil {
		return nil, err
	}
	if goes {
		if err := l.hear(results, what.Count, func(w *word) bool { return w.Began }); err != nil {
			return nil, err
		}
		apart = time.Since(told)
	}
	if err := l.hear(results, what.Count, nil); err != nil {
		return nil, err
	}
	row := mergeResults(to.Name, what, results, apart)
	row.Local = usageOf(to.PID).since(before).local()
	return row, nil
}

// tell says the same to all that have not handed over their result.
func (l *Leader) tell(results []*InstanceResult, o order) error {
	for i, p := range l.peers {
		if results[i] != nil {
			continue
		}
		if err := p.say(o); err != nil {
			return l.lost(i, err)
		}
	}
	return nil
}

// hear waits until each instance has sent the expected message, or has handed over its result, of
// at most so many latencies; nil expects the result.
func (l *Leader) hear(results []*InstanceResult, most int, expected func(*word) bool) error {
	for i, p := range l.peers {
		if results[i] != nil {
			continue
		}
		var w word
		if err := p.hear(&w, resultBytes+int64(most)*latencyBytes); err != nil {
			return l.lost(i, err)
		}
		if w.Result != nil {
			if err := w.Result.check(most); err != nil {
				return l.lost(i, err)
			}
			results[i] = w.Result
		} else if expected == nil || !expected(&w) {
			return l.lost(i, errors.New("it sent an unexpected message"))
		}
	}
	return nil
}

func (l *Leader) lost(i int, err error) error {
	return fmt.Errorf("instance %d of %d is gone: %w", i+1, len(l.peers), err)
}

// either is an error, unless it came of an interruption.
func either(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return errInterrupted
	}
	return err
}
