package contract

import (
	"cmp"
	"slices"
	"sync"
	"sync/atomic"
)

// mostExample bounds the bytes of an example. A larger message leaves its
// place to the next.
const mostExample = 64 << 10

// Example is a message that keeps to the contract.
type Example struct {
	Kind   int
	Sender Sender
	Role   string // what a descriptor took it for, empty for nothing
	Text   string
}

// Examples keeps the first valid message of each kind and sender. All loops of a
// process share it: once a kind has its example, a message costs one load.
type Examples struct {
	received, sent []atomic.Bool // by kind: its example is there

	exchanges exchanges

	mu   sync.Mutex
	kept []Example
}

// NewExamples makes empty Examples; nil where the contract is to keep none.
func (c *Contract) NewExamples() *Examples {
	if !c.KeepsExamples {
		return nil
	}
	return &Examples{received: make([]atomic.Bool, len(c.Kinds)), sent: make([]atomic.Bool, len(c.Kinds))}
}

// keep takes a valid message, if it is the first.
func (e *Examples) keep(kind int, text []byte, role string, sender Sender) {
	if e == nil || len(text) > mostExample {
		return
	}
	isThere := &e.received[kind]
	if sender == Client {
		isThere = &e.sent[kind]
	}
	if isThere.Load() || !isThere.CompareAndSwap(false, true) {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.kept = append(e.kept, Example{kind, sender, role, string(text)})
}

// All are those kept so far: of the client first, each side's in the order of
// the kinds. A kind that stands in an exchange is left to that, unless the server
// sent its message unasked.
func (e *Examples) All() []Example {
	if e == nil {
		return nil
	}
	exchanges := e.Exchanges()
	e.mu.Lock()
	defer e.mu.Unlock()
	isLeft := func(one Example) bool {
		return slices.ContainsFunc(exchanges, func(x Exchange) bool {
			if one.Sender == Client {
				return x.Request.Kind == one.Kind
			}
			return x.Reply.Kind == one.Kind && one.Role == RoleReply
		})
	}
	return slices.SortedFunc(slices.Values(slices.DeleteFunc(slices.Clone(e.kept), isLeft)), func(a, b Example) int {
		return cmp.Or(cmp.Compare(a.Sender, b.Sender), cmp.Compare(a.Kind, b.Kind))
	})
}
