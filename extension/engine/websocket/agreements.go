package websocket

import (
	"bytes"

	"xk6-realtime/engine/deflate"
)

// agreements are what a loop's connections agreed on last: thousands in turn
// offer the same and have the same answer, and none is to cost memory.
type agreements struct {
	options deflate.Options
	offered string // what options offer

	answer []byte // to the offer
	params *deflate.Params

	shared *rest // of those that keep nothing else
}

func (a *agreements) offer(o deflate.Options) string {
	if a.offered == "" || a.options != o {
		*a = agreements{options: o, offered: o.Offer()}
	}
	return a.offered
}

// agreed is what a server's answer to the options says.
func (a *agreements) agreed(o deflate.Options, answer []byte) (*deflate.Params, error) {
	if a.params != nil && a.options == o && bytes.Equal(a.answer, answer) {
		return a.params, nil
	}
	params, err := o.Agreed(answer)
	if err == nil && params != nil && a.options == o {
		a.answer, a.params = bytes.Clone(answer), params
	}
	return params, err
}

// rest is the one of connections without context takeover.
func (a *agreements) rest(p deflate.Params) *rest {
	if a.shared == nil || a.shared.params != p {
		a.shared = &rest{params: p}
	}
	return a.shared
}
