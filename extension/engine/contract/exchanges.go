package contract

import (
	"bytes"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"xk6-realtime/engine/clock"
	"xk6-realtime/engine/protocol/jsontext"
)

// Exchange is a probe with a valid message that answered it, the first by its
// name.
type Exchange struct {
	Name    string // of the reply, as the descriptor has it
	Request Example
	Reply   Example
}

// NoKind is the Kind of a request that the contract does not check.
const NoKind = -1

const (
	followEvery = clock.Time(time.Second)
	followFor   = clock.Time(time.Minute)
)

// exchanges follows one probe a second of all that are sent, until its replies
// are there.
type exchanges struct {
	nextAt atomic.Int64 // a clock.Time: before, no other probe is followed

	mu   sync.Mutex
	kept []Exchange
}

// followed is a probe whose replies are waited for.
type followed struct {
	id      []byte
	request Example
	until   clock.Time
}

// follow follows a probe, if it is time for another.
func (e *Examples) follow(s *Session, kind int, text, id []byte) {
	if e == nil {
		return
	}
	now := clock.Now()
	if s.followed != nil && now >= s.followed.until {
		s.followed = nil
	}
	next := e.exchanges.nextAt.Load()
	if int64(now) < next || len(text) > mostExample || kind == NoKind && !jsontext.Valid(text) {
		return
	}
	if e.exchanges.nextAt.CompareAndSwap(next, int64(now+followEvery)) {
		s.followed = &followed{slices.Clone(id), Example{kind, Client, "", string(text)}, now + followFor}
	}
}

// answer keeps a valid reply with its probe, if that is followed and the reply is the first of its
// name.
func (e *Examples) answer(s *Session, kind int, text, id []byte, name string) {
	if s.followed == nil || !bytes.Equal(s.followed.id, id) || len(text) > mostExample {
		return
	}
	x := &e.exchanges
	x.mu.Lock()
	defer x.mu.Unlock()
	if slices.ContainsFunc(x.kept, func(one Exchange) bool { return one.Name == name }) {
		return
	}
	x.kept = append(x.kept, Exchange{name, s.followed.request, Example{kind, Server, RoleReply, string(text)}})
}

// Exchanges are those kept so far, in the order in which they came.
func (e *Examples) Exchanges() []Exchange {
	if e == nil {
		return nil
	}
	e.exchanges.mu.Lock()
	defer e.exchanges.mu.Unlock()
	return slices.Clone(e.exchanges.kept)
}

// CheckProbe is Check for a probe that this side sends: by Sent, where there is
// one.
func (k *Checker) CheckProbe(s *Session, text, id []byte) {
	kind := NoKind
	if k.Sent != nil {
		if kind = k.Sent.Check(s, text, true, "", Client); kind == NoKind {
			return
		}
	}
	k.Examples.follow(s, kind, text, id)
}

// CheckReply is Check for a message that answers a probe in time.
func (k *Checker) CheckReply(s *Session, text []byte, id []byte, name string) {
	kind := k.Check(s, text, true, RoleReply, Server)
	if kind != NoKind {
		k.Examples.answer(s, kind, text, id, name)
	}
}
