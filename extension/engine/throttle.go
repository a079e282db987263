package engine

import (
	"math"
	"time"

	"xk6-realtime/engine/clock"
)

// throttle lets a connection read so many bytes a second and no more.
type throttle struct {
	bytesPerSecond float64
	allowance      float64
	at             clock.Time
}

// turns is how often in a second a throttled reader reads.
const turns = 50

// SetReadRate makes the connection read at most so many bytes a second from
// its socket; 0 is full speed again.
func (c *Conn) SetReadRate(bytesPerSecond float64) {
	c.loop.timers.stop(c, paceTimer)
	if bytesPerSecond <= 0 {
		c.throttle = nil
	} else {
		c.throttle = &throttle{bytesPerSecond: bytesPerSecond, at: clock.Now()}
	}
	c.setBetween()
	if !c.paused && c.state <= up {
		c.read(true)
	}
}

// mayRead is how many bytes the poller may read now, at most limit. After 0 it
// stops reading until told to go on.
func (c *Conn) mayRead(limit int) int {
	if !c.between || c.throttle == nil {
		return limit
	}
	t := c.throttle
	now := clock.Now()
	t.earn(now)
	if n := min(int(t.allowance), limit); n > 0 {
		t.allowance -= float64(n)
		return n
	}
	c.read(false)
	c.loop.timers.set(c, paceTimer, now.Add(t.wait()))
	return 0
}

func (t *throttle) portion() float64 { return math.Max(1, t.bytesPerSecond/turns) }

func (t *throttle) earn(now clock.Time) {
	t.allowance += now.Sub(t.at).Seconds() * t.bytesPerSecond
	t.allowance = math.Min(t.allowance, t.portion())
	t.at = now
}

// wait is how long until a portion has been earned.
func (t *throttle) wait() time.Duration {
	missing := (t.portion() - t.allowance) / t.bytesPerSecond
	return time.Duration(missing*float64(time.Second)) + time.Microsecond
}

// pace is called when a portion has been earned.
func (c *Conn) pace(clock.Time) {
	if !c.paused {
		c.read(true)
	}
}
