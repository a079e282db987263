package contract

import "xk6-realtime/engine/tally"

// Checking checks the messages of many connections, spread over the loops of an
// engine.
type Checking struct {
	Contract *Contract
	received *direction
	sent     *direction // nil where nobody checks what is sent
}

// direction checks the messages of one side.
type direction struct {
	loops   []*Checker
	records []tally.Pair[Record]
	window  *Record
}

// NewChecking is for so many loops, which share the examples, nil for none.
func (c *Contract) NewChecking(loops int, examples *Examples) *Checking {
	k := &Checking{Contract: c, received: c.newDirection(loops, examples)}
	if !c.ChecksSent {
		return k
	}
	k.sent = c.newDirection(loops, examples)
	for i, of := range k.received.loops {
		of.Sent = k.sent.loops[i]
	}
	return k
}

func (c *Contract) newDirection(loops int, examples *Examples) *direction {
	d := &direction{window: c.NewRecord()}
	for range loops {
		records := tally.NewPair(c.NewRecord)
		d.records = append(d.records, records)
		checker := c.NewChecker(records.Now)
		checker.Examples = examples
		d.loops = append(d.loops, checker)
	}
	return d
}

// Loop is the Checker of a loop, nil where nothing is checked.
func (k *Checking) Loop(i int) *Checker {
	if k == nil {
		return nil
	}
	return k.received.loops[i]
}

// Snapshot takes the counts since the last one: of received messages, and of sent ones, nil where
// nobody checks those. They are good until the next. on calls a function on the goroutine of a loop, or
// anywhere once that has ended, and waits for it.
func (k *Checking) Snapshot(on func(loop int, take func())) (received, sent *Record) {
	received = k.received.snapshot(on)
	if k.sent != nil {
		sent = k.sent.snapshot(on)
	}
	return received, sent
}

func (d *direction) snapshot(on func(loop int, take func())) *Record {
	d.window.reset()
	for i := range d.loops {
		var written *Record
		on(i, func() {
			written = d.records[i].Swap()
			d.loops[i].record = d.records[i].Now
		})
		written.MoveTo(d.window)
	}
	return d.window
}
