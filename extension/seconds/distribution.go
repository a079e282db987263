package seconds

import (
	"math"

	"github.com/HdrHistogram/hdrhistogram-go"

	"xk6-realtime/engine/hist/bucket"
)

// PerUnit is how many of a histogram's integers make one of k6's units: of a
// time, nanoseconds in a millisecond.
const PerUnit = 1e6

// Highest is the largest value of a Trend that is kept as it is.
const Highest = bucket.Highest / PerUnit

// Histograms makes the histograms of cells, one at a time: they take turns in
// the same scratch space.
type Histograms struct {
	scratch *hdrhistogram.Histogram
}

// NewHistograms makes the scratch space, which takes about 300 KB.
func NewHistograms() *Histograms { return &Histograms{scratch: bucket.New()} }

// Of is the histogram of a Trend's cell. It holds until the next call.
func (h *Histograms) Of(c *Cell) *hdrhistogram.Histogram {
	h.scratch.Reset()
	for _, v := range c.Values {
		h.record(int64(math.Round(min(max(v, 0), Highest)*PerUnit)), 1)
	}
	for _, distribution := range c.Distributions {
		for _, bar := range distribution.Bars {
			h.record(bucket.Clamp(int64(bar.Value)), bar.Count)
		}
	}
	return h.scratch
}

// Encode is a histogram as text: V2, compressed, base64.
func Encode(h *hdrhistogram.Histogram) string {
	text, err := h.Encode(hdrhistogram.V2CompressedEncodingCookieBase)
	if err != nil {
		panic(err) // it writes to memory only
	}
	return string(text)
}

func (h *Histograms) record(value, count int64) {
	if err := h.scratch.RecordValues(value, count); err != nil {
		panic(err) // every value was brought into the range
	}
}
