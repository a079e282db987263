package contract

import "xk6-realtime/engine/tally"

// Checking checks the messages of many connections, spread over the loops of an
// engine.
type Checking struct {
	Contract *Contract
	loops    []*Checker
	records  []tally.Pair[Record]
	window   *Record
}

// NewChecking is for so many loops.
func (c *Contract) NewChecking(loops int) *Checking {
	k := &Checking{Contract: c, window: c.NewRecord()}
	for range loops {
		records := tally.NewPair(c.NewRecord)
		k.records = append(k.records, records)
		k.loops = append(k.loops, c.NewChecker(records.Now))
	}
	return k
}

// Loop is the Checker of a loop, nil where nothing is checked.
func (k *Checking) Loop(i int) *Checker {
	if k == nil {
		return nil
	}
	return k.loops[i]
}

// Snapshot takes the counts since the last one. It is good until the next. on calls a function on
// the goroutine of a loop, or anywhere once that has ended, and waits for it.
func (k *Checking) Snapshot(on func(loop int, take func())) *Record {
	k.window.reset()
	for i := range k.loops {
		var written *Record
		on(i, func() {
			written = k.records[i].Swap()
			k.loops[i].record = k.records[i].Now
		})
		written.MoveTo(k.window)
	}
	return k.window
}
