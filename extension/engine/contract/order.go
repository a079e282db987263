package contract

import (
	"fmt"
	"slices"
)

// ordering is when a kind may come.
type ordering struct {
	bit   uint64 // its own in Session.had; 0 where nobody asks
	after uint64 // one of these must have come, 0 for any time
	first bool
	once  bool
	later side // another kind of these senders must be the first
}

// side is one sender, or both.
type side uint8

const (
	fromServer side = 1 << iota
	fromClient
)

func (s Sender) side() side {
	switch s {
	case Client:
		return fromClient
	case Both:
		return fromServer | fromClient
	}
	return fromServer
}

// Session is what is kept of one connection.
type Session struct {
	had    uint64
	begun  side // who has sent anything
	isLost bool // a message was left out, whose kind is not known

	followed *followed // its probe whose replies are to be examples, nil for none
}

// orderings are those of all kinds, nil where they may come at any time.
func orderings(kinds []Kind) ([]ordering, error) {
	isOrdered := func(k Kind) bool { return k.First || k.Once || len(k.After) > 0 }
	if !slices.ContainsFunc(kinds, isOrdered) {
		return nil, nil
	}
	all := make([]ordering, len(kinds))
	bits := 0
	bit := func(i int) uint64 {
		if all[i].bit == 0 {
			all[i].bit = 1 << bits
			bits++
		}
		return all[i].bit
	}
	var first side // those of whom one kind must be the first
	for _, kind := range kinds {
		if kind.First {
			first |= kind.From.side()
		}
	}
	for i, kind := range kinds {
		all[i].first, all[i].once = kind.First, kind.Once
		if !kind.First {
			all[i].later = first
		}
		if kind.Once {
			bit(i)
		}
		for _, name := range kind.After {
			before := slices.IndexFunc(kinds, func(k Kind) bool { return k.Name == name })
			if before < 0 {
				return nil, fmt.Errorf("contract: %s: after: no kind is called %q", kind.Name, name)
			}
			all[i].after |= bit(before)
		}
		if bits > 64 {
			return nil, fmt.Errorf("contract: want at most 64 kinds that come once, or before others, got more")
		}
	}
	return all, nil
}

// take notes that a message of a kind came, and tells why it may not have come
// now, in words; empty where it may.
func (o *ordering) take(s *Session, by side) (expected, found string) {
	switch {
	case o.first && s.begun&by != 0:
		expected, found = "to be the first message", "one that came before it"
	case o.later&by != 0 && s.begun&by == 0:
		expected, found = "another kind to be the first message", "this one"
	case o.once && s.had&o.bit != 0:
		expected, found = "to come once", "another"
	case o.after != 0 && s.had&o.after == 0:
		expected, found = "a message of another kind before it", "none"
	}
	s.had |= o.bit
	s.begun |= by
	return expected, found
}
