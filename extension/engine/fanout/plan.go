// Package fanout publishes into rooms full of subscribers and measures when
// each publication came to each of them, and whether it came once.
package fanout

import (
	"errors"
	"fmt"
	"time"
)

// Plan is who is in which room and who publishes when. Subscribers and rooms are numbered over
// all shards; a shard holds whole rooms. So the subscribers of a publication are in the process
// that made it, on one clock.
type Plan struct {
	// Subscribers of all shards together, spread evenly over the rooms: a
	// multiple of Rooms.
	Subscribers int
	// Rooms of all shards together: a multiple of Shards.
	Rooms int
	// Publishers of all shards together, spread evenly over the rooms; 0 only
	// listens. They are connections of their own, which hear nothing.
	Publishers int
	// Rate is how many publications there are in a second, all publishers
	// together.
	Rate float64
	// Shard of Shards is the part of all this that is driven here.
	Shard, Shards int
}

// Check returns an error for an invalid Plan.
func (p Plan) Check() error {
	switch {
	case p.Shards < 1 || p.Shard < 0 || p.Shard >= p.Shards:
		return fmt.Errorf("fanout: Shard: want 0 to %d, got %d", p.Shards-1, p.Shard)
	case p.Subscribers < 1:
		return fmt.Errorf("fanout: Subscribers: want at least 1, got %d", p.Subscribers)
	case p.Rooms < 1:
		return fmt.Errorf("fanout: Rooms: want at least 1, got %d", p.Rooms)
	case p.Subscribers%p.Rooms != 0:
		return fmt.Errorf("fanout: Subscribers: want a multiple of the %d rooms, got %d", p.Rooms, p.Subscribers)
	case p.Rooms%p.Shards != 0:
		return fmt.Errorf("fanout: Rooms: want a multiple of the %d shards, got %d", p.Shards, p.Rooms)
	case p.Publishers < 0:
		return fmt.Errorf("fanout: Publishers: want at least 0, got %d", p.Publishers)
	case p.Publishers > 0 && p.Publishers%p.Rooms != 0:
		return fmt.Errorf("fanout: Publishers: want 0 or a multiple of the %d rooms, got %d", p.Rooms, p.Publishers)
	case p.Publishers > 0 && !(p.Rate > 0):
		return errors.New("fanout: Rate: want more than 0 publications a second")
	}
	return nil
}

// Connections is how many connections there are, of all shards: subscribers
// first, then publishers. Connection i is of shard i modulo Shards.
func (p Plan) Connections() int { return p.Subscribers + p.Publishers }

// IsPublisher tells what connection i is there for.
func (p Plan) IsPublisher(i int) bool { return i >= p.Subscribers }

// RoomOf connection i, counted over all shards.
func (p Plan) RoomOf(i int) int { return i % p.Rooms }

// publisher is the number, over all shards, of the publisher that connection i
// is.
func (p Plan) publisher(i int) int { return i - p.Subscribers }

// interval is the time between two publications of one publisher.
func (p Plan) interval() time.Duration {
	return time.Duration(float64(p.Publishers) / p.Rate * float64(time.Second))
}

// offset is when, after the start, a publisher's first publication is due: all
// publishers together are evenly spaced.
func (p Plan) offset(publisher int) time.Duration {
	return time.Duration(float64(publisher) / p.Rate * float64(time.Second))
}
