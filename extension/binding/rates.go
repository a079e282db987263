package binding

import (
	"math"
	"time"

	"go.k6.io/k6/v2/metrics"
)

// rates are outcomes that k6 has yet to be told, one sample each: a Rate has no other way to add
// many. Tens of thousands at once would keep a processor busy for milliseconds, in which messages
// wait and the longest latencies come about. So the outcomes of one second go out in portions,
// during the next.
type rates struct {
	untold  []outcomes
	portion int64 // samples at a time
}

type outcomes struct {
	metric  *metrics.Metric
	yes, no int64
}

const (
	// portionEvery is how often a portion goes out.
	portionEvery = 20 * time.Millisecond
	// portions take less than pushEvery, all together.
	portions = 40
	// leastPortion costs nothing worth dividing.
	leastPortion = 100
)

// outcomes adds to a Rate.
func (r *recorder) outcomes(metric *metrics.Metric, yes, no int64) {
	if yes+no == 0 {
		return
	}
	r.step.outcomes(metric, yes, no)
	r.rates.untold = append(r.rates.untold, outcomes{metric, yes, no})
	all := int64(0)
	for _, o := range r.rates.untold {
		all += o.yes + o.no
	}
	r.rates.portion = max(leastPortion, all/portions+1)
}

// whileUntold is the channel while something is left, else nil.
func (r *recorder) whileUntold(portion <-chan time.Time) <-chan time.Time {
	if len(r.rates.untold) == 0 {
		return nil
	}
	return portion
}

// tellAll tells k6 all that is left.
func (r *recorder) tellAll() {
	for len(r.rates.untold) > 0 {
		r.tellPortion()
	}
}

// tellPortion tells k6 the next outcomes.
func (r *recorder) tellPortion() {
	left := r.rates.portion
	s := batch{r: r, at: time.Now(), samples: make(metrics.Samples, 0, left)}
	for len(r.rates.untold) > 0 && left > 0 {
		of := &r.rates.untold[0]
		yes, no := of.next(left)
		s.repeat(of.metric, 1, yes)
		s.repeat(of.metric, 0, no)
		left -= yes + no
		if *of == (outcomes{metric: of.metric}) {
			r.rates.untold = r.rates.untold[1:]
		}
	}
	s.push()
}

// next takes so many, or all: of yes and of no the same share, so that every portion shows
// the Rate as it was.
func (o *outcomes) next(most int64) (yes, no int64) {
	all := o.yes + o.no
	n := min(most, all)
	no = int64(math.Round(float64(n) * float64(o.no) / float64(all)))
	yes = n - no
	o.yes -= yes
	o.no -= no
	return yes, no
}

func (b *batch) repeat(metric *metrics.Metric, value float64, n int64) {
	for range n {
		// Of points that share series and nanosecond k6's output for InfluxDB
		// leaves one: the share there would be that of a few values.
		b.at = b.at.Add(1)
		b.add(metric, value, b.r.tags)
	}
}
