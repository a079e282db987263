package fanout

import (
	"fmt"
	"strings"
	"testing"
	"testing/quick"
	"time"
)

func TestCheck(t *testing.T) {
	good := Plan{Subscribers: 12, Rooms: 4, Publishers: 4, Rate: 5, Shards: 2}
	if err := good.Check(); err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		sentence string
		spoil    func(*Plan)
		want     string
	}{
		{"a shard past the last", func(p *Plan) { p.Shard = 2 }, "Shard: want 0 to 1, got 2"},
		{"nobody to hear", func(p *Plan) { p.Subscribers = 0 }, "Subscribers: want at least 1, got 0"},
		{"no room", func(p *Plan) { p.Rooms = 0 }, "Rooms: want at least 1, got 0"},
		{"rooms of unequal size", func(p *Plan) { p.Subscribers = 10 }, "Subscribers: want a multiple of the 4 rooms, got 10"},
		{"a room over two shards", func(p *Plan) { p.Rooms = 3; p.Publishers = 3 }, "Rooms: want a multiple of the 2 shards, got 3"},
		{"rooms with and without publishers", func(p *Plan) { p.Publishers = 2 }, "Publishers: want 0 or a multiple of the 4 rooms, got 2"},
		{"publishers that never publish", func(p *Plan) { p.Rate = 0 }, "Rate: want more than 0"},
	} {
		t.Run(row.sentence, func(t *testing.T) {
			p := good
			row.spoil(&p)
			if err := p.Check(); err == nil || !strings.Contains(err.Error(), row.want) {
				t.Errorf("got %v, want %q", err, row.want)
			}
		})
	}
}

// Who hears a publication is in the shard of who makes it.
func TestAShardHoldsWholeRooms(t *testing.T) {
	for _, p := range []Plan{
		{Subscribers: 12, Rooms: 4, Publishers: 8, Rate: 1, Shards: 2},
		{Subscribers: 6, Rooms: 3, Publishers: 3, Rate: 1, Shards: 3},
		{Subscribers: 5, Rooms: 1, Publishers: 2, Rate: 1, Shards: 1},
	} {
		shardOf := make(map[int]int)
		publishers := 0
		for i := range p.Connections() {
			if p.IsPublisher(i) {
				publishers++
			}
			room, shard := p.RoomOf(i), i%p.Shards
			if at, seen := shardOf[room]; seen && at != shard {
				t.Errorf("%+v: room %d is in shards %d and %d", p, room, at, shard)
			}
			shardOf[room] = shard
		}
		if publishers != p.Publishers {
			t.Errorf("%+v: got %d publishers", p, publishers)
		}
	}
}

func TestPublicationsAreEvenlySpaced(t *testing.T) {
	p := Plan{Subscribers: 4, Rooms: 2, Publishers: 4, Rate: 8, Shards: 1}
	for publication := range 20 {
		publisher, round := publication%p.Publishers, publication/p.Publishers
		due := p.offset(publisher) + time.Duration(round)*p.interval()
		if want := time.Duration(publication) * 125 * time.Millisecond; due != want {
			t.Errorf("publication %d: due after %v, want %v", publication, due, want)
		}
	}
}

func TestIdentifiersReadBack(t *testing.T) {
	back := func(publisher uint16, sequence uint32) bool {
		id := appendID(nil, "ab12", int(publisher), uint64(sequence))
		p, s, ok := parseID(id, "ab12")
		return ok && p == int(publisher) && s == uint64(sequence)
	}
	if err := quick.Check(back, nil); err != nil {
		t.Error(err)
	}
}

func TestForeignIdentifiers(t *testing.T) {
	for _, id := range []string{
		"", "ab12", "ab12.", "ab12.1", "ab12.1.", "ab12.1.x", "ab12.1.2.3", "ab12.-1.2", "ab13.1.2", "ab121.1.2",
		"ab12.1.99999999999999999999", "ab12.9999999999.1", "xab12.1.2",
	} {
		t.Run(fmt.Sprintf("%q", id), func(t *testing.T) {
			if p, s, ok := parseID([]byte(id), "ab12"); ok {
				t.Errorf("got publisher %d, sequence %d", p, s)
			}
		})
	}
}
