package engine

import (
	"net/netip"
	"slices"
)

// carriers are the HTTP/2 connections of one loop that lead to the same place.
type carriers struct {
	key   carrierKey
	count int        // of those that take lanes, or may again
	most  int        // lanes of each: as many as were asked for, and as the peer takes
	roomy []*carrier // that take one more
}

// carrierKey is what connections that share an HTTP/2 connection have in common.
type carrierKey struct {
	endpoint Endpoint
	source   netip.Addr
	wire     wireKind
	most     int
}

// multiplexed is what a loop's carriers have in common.
type multiplexed struct {
	groups  map[carrierKey]*carriers
	waiting []*carrier // to send what they have
	resumed []*lane    // that are read again, and hold something
	spare   [][]byte   // memory for what is to be sent
}

// join gives a lane its place: on a carrier with room, or on a new one.
func (l *Loop) join(ln *lane, key carrierKey) {
	m := &l.multiplexed
	g := m.groups[key]
	if g == nil {
		if m.groups == nil {
			m.groups = map[carrierKey]*carriers{}
		}
		g = &carriers{key: key, most: key.most}
		m.groups[key] = g
	}
	if last := len(g.roomy) - 1; last >= 0 {
		g.roomy[last].add(ln)
		return
	}
	g.count++
	ln.founds = true
	k := newCarrier(l, g, ln)
	k.add(ln)
	k.conn.setOut()
}

// left has the loop forget a group that has no carrier any more.
func (l *Loop) left(g *carriers) {
	if g.count--; g.count == 0 {
		delete(l.multiplexed.groups, g.key)
	}
}

// review sees to it that a carrier with room for another lane is among the roomy
// ones, and no other.
func (g *carriers) review(k *carrier) {
	roomy := k.takesLanes() && len(k.lanes) < g.most
	switch {
	case roomy == k.roomy:
	case roomy:
		g.roomy = append(g.roomy, k)
	default:
		at := slices.Index(g.roomy, k)
		g.roomy = slices.Delete(g.roomy, at, at+1)
	}
	k.roomy = roomy
}

// sendLater has a carrier send what it has at the end of the loop's turn: one
// system call for all.
func (l *Loop) sendLater(k *carrier) {
	if !k.queued {
		k.queued = true
		l.multiplexed.waiting = append(l.multiplexed.waiting, k)
	}
}

// endTurn does what the turn's events left to be done for HTTP/2: it reads what
// lanes hold that are read again, and sends.
func (l *Loop) endTurn() {
	m := &l.multiplexed
	for len(m.resumed) > 0 || len(m.waiting) > 0 {
		resumed := m.resumed
		m.resumed = nil
		for _, ln := range resumed {
			ln.resumes = false
			ln.hand()
		}
		waiting := m.waiting
		m.waiting = nil
		for _, k := range waiting {
			k.queued = false
			k.settle()
		}
	}
}

// buffer is memory for what is to be sent.
func (m *multiplexed) buffer() []byte {
	last := len(m.spare) - 1
	if last < 0 {
		return nil
	}
	b := m.spare[last]
	m.spare = m.spare[:last]
	return b
}

// giveBack keeps memory that was sent from.
func (m *multiplexed) giveBack(b []byte) {
	const most, mostBytes = 64, 128 << 10
	if cap(b) <= mostBytes && len(m.spare) < most {
		m.spare = append(m.spare, b[:0])
	}
}
