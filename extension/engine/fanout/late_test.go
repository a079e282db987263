package fanout

import (
	"testing"
	"time"

	"xk6-realtime/engine"
	"xk6-realtime/engine/clock"
	"xk6-realtime/engine/internal/enginetest"
	"xk6-realtime/engine/protocol"
)

// A delivery that was read late is late only where it is certain that it came
// late.
func TestADeliveryIsLateOnlyForCertain(t *testing.T) {
	const due, timeout = clock.Time(time.Hour), time.Second
	for _, row := range []struct {
		sentence     string
		since, at    time.Duration // after it was due
		inTime, late int64
	}{
		{"in time", timeout, timeout, 1, 0},
		{"perhaps in time", timeout, timeout + 1, 1, 0},
		{"late", timeout + 1, timeout + 2, 0, 1},
	} {
		r, err := New(enginetest.Start(t, engine.Options{Loops: 1}), Options{
			Plan:     Plan{Subscribers: 1, Rooms: 1, Publishers: 1, Rate: 1, Shards: 1},
			Protocol: parse(t, descriptor), Name: "run", For: time.Second, Timeout: timeout,
		})
		if err != nil {
			t.Fatal(err)
		}
		m := r.Handler(0, 0).(*member)
		r.room(0).Subscribe(&m.subscription)
		m.subscription.Confirm()
		id := appendID(nil, "run", 0, r.streams[0].Publish(due))
		m.Delivered(&protocol.Delivery{ID: id, Since: due.Add(row.since), At: due.Add(row.at)})
		if got := m.loop.records.Now; got.InTime != row.inTime || got.Late != row.late {
			t.Errorf("%s: in time %d, late %d, want %d, %d", row.sentence, got.InTime, got.Late, row.inTime, row.late)
		}
	}
}
