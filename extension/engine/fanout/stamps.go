package fanout

import (
	"time"

	"xk6-realtime/engine/clock"
	"xk6-realtime/engine/protocol"
)

// stampSlack is by how much a stamp may seem wrong between two readings of the
// wall clock, and for what a server rounds it to beyond its unit.
const stampSlack = time.Millisecond

// Resolution is how finely time stamps tell the time.
type Resolution uint8

// The resolutions too coarse for a lag, the coarsest first.
const (
	Seconds Resolution = iota
	Tenths
	Hundredths
	fine
)

// units are those of the resolutions that are too coarse.
var units = [fine]time.Duration{time.Second, 100 * time.Millisecond, 10 * time.Millisecond}

// resolutionOf is the coarsest that a stamp in milliseconds can be of. It is
// asked for each delivery: math.Mod took a sixth of a fan-out's processor time.
func resolutionOf(ms float64) Resolution {
	whole := int64(ms)
	switch {
	case whole%10 != 0 || float64(whole) != ms:
		return fine
	case whole%1_000 == 0:
		return Seconds
	case whole%100 == 0:
		return Tenths
	default:
		return Hundredths
	}
}

// serverLag is the time from the server's own stamp to the arrival, if there
// is a stamp, and the resolution of that stamp alone. One after the arrival, or
// before the publication was due, is of another clock: counted, and no lag. due
// is 0 where it is not known.
func (m *member) serverLag(d *protocol.Delivery, due clock.Time) (lag time.Duration, of Resolution, ok bool) {
	if !d.HasSentAt {
		return 0, 0, false
	}
	l := m.loop
	of = resolutionOf(d.SentAtMs)
	slack := stampSlack
	if finest := max(of, l.finest); finest < fine {
		slack += units[finest]
	}
	sent := l.fromUnix(d.SentAtMs)
	early := due != 0 && due.Sub(sent) > slack+d.SentAtUnit
	if early || sent.Sub(d.At) > slack {
		l.records.Now.ClockDiffers++
		return 0, of, false
	}
	return max(d.At.Sub(sent), 0), of, true
}

// stamped records a lag by the server's stamps, once one of them was fine enough
// to show that they tell one.
func (l *loop) stamped(lag time.Duration, of Resolution) {
	if of > l.finest {
		if l.finest = of; of == fine && l.coarse.Count() > 0 {
			for _, s := range l.run.stampSeries {
				l.records.Now.series.Of(s).Merge(l.coarse)
			}
			l.coarse.Reset()
		}
	}
	if l.finest < fine {
		l.coarse.Record(lag)
		return
	}
	for _, s := range l.run.stampSeries {
		l.records.Now.series.Of(s).Record(lag)
	}
}

// tellCoarse counts the lags that no stamp has shown to be any.
func (l *loop) tellCoarse() {
	if n := l.coarse.Count(); n > 0 {
		l.records.Now.Coarse[l.finest] += n
		l.coarse.Reset()
	}
}
