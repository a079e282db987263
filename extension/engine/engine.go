package engine

import (
	"fmt"
	"runtime"
	"sync"

	"xk6-realtime/engine/frame"
)

// Engine is a set of loops that share out connections.
type Engine struct {
	options Options
	loops   []*Loop
	done    sync.WaitGroup
	stop    sync.Once
}

// New starts an Engine. Close it when done.
func New(o Options) (*Engine, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	e := &Engine{options: o}
	for range o.Loops {
		l, err := newLoop(&e.options)
		if err != nil {
			e.Close()
			return nil, fmt.Errorf("engine: start a loop: %w", err)
		}
		if err := e.start(l); err != nil {
			e.Close()
			return nil, fmt.Errorf("engine: run at real-time priority: %w", err)
		}
	}
	return e, nil
}

// start runs l on a goroutine of its own, on a thread of its own where that
// needs another priority.
func (e *Engine) start(l *Loop) error {
	started := make(chan error)
	e.done.Go(func() {
		if e.options.RealTime {
			runtime.LockOSThread() // which ends with this goroutine
			if err := claimRealTime(); err != nil {
				l.poll.stop()
				started <- err
				return
			}
		}
		started <- nil
		l.run()
	})
	err := <-started
	if err == nil {
		e.loops = append(e.loops, l)
	}
	return err
}

// Loops are the engine's loops, in a fixed order.
func (e *Engine) Loops() []*Loop { return e.loops }

// Options are the options in effect, defaults included.
func (e *Engine) Options() Options { return e.options }

// Buffer is the memory of half received messages, which Options.BufferedBytes bounds. Others that
// keep some share it.
func (e *Engine) Buffer() *frame.Buffer { return e.options.buffer }

// Close ends all connections at once, without a Close frame, and waits for the
// loops. Their handlers are told. One that dials meanwhile hears that this
// failed as ReasonAborted. It may be called from any goroutine but a loop's.
func (e *Engine) Close() {
	e.stop.Do(func() {
		for _, l := range e.loops {
			l.Do(func() { l.closing = true })
		}
		e.done.Wait()
	})
}
