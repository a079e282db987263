package recording

import (
	"cmp"
	"encoding/json"
	"math"
	"slices"
	"strconv"

	"github.com/HdrHistogram/hdrhistogram-go"
	"go.k6.io/k6/v2/metrics"

	"xk6-realtime/samples/histogram"
)

// perUnit is how many of a histogram's integers make one of k6's units: of a
// time, nanoseconds in a millisecond.
const perUnit = 1e6

// highest is the largest value of a Trend that is recorded as it is.
const highest = histogram.Highest / perUnit

// encoder turns what was folded into lines. Its histogram is scratch space: all
// series take turns in it.
type encoder struct {
	scratch *hdrhistogram.Histogram
}

func newEncoder() *encoder {
	return &encoder{scratch: histogram.New()}
}

// seriesLine says what the index of a series stands for.
type seriesLine struct {
	Series int               `json:"series"`
	Metric string            `json:"metric"`
	Kind   string            `json:"kind"`
	Unit   string            `json:"unit"`
	Tags   map[string]string `json:"tags,omitempty"`
}

func (e *encoder) line(value any) []byte {
	text, err := json.Marshal(value)
	if err != nil {
		panic(err) // these types hold nothing that JSON has not
	}
	return append(text, '\n')
}

// seconds writes one line for each second, {"t":…,"d":[[series,value],…]},
// and before it one for each series that is new.
func (e *encoder) seconds(seconds []second) []byte {
	var lines []byte
	for _, second := range seconds {
		inOrder := make([]*series, 0, len(second.cells))
		for s := range second.cells {
			inOrder = append(inOrder, s)
		}
		slices.SortFunc(inOrder, func(a, b *series) int { return cmp.Compare(a.index, b.index) })
		for _, s := range inOrder {
			if !s.isWritten {
				lines = append(lines, e.line(describe(s))...)
				s.isWritten = true
			}
		}
		lines = append(lines, `{"t":`...)
		lines = strconv.AppendInt(lines, second.unix, 10)
		lines = append(lines, `,"d":[`...)
		for i, s := range inOrder {
			if i > 0 {
				lines = append(lines, ',')
			}
			lines = append(lines, '[')
			lines = strconv.AppendInt(lines, int64(s.index), 10)
			lines = append(lines, ',')
			lines = e.appendCell(lines, s.metric.Type, second.cells[s])
			lines = append(lines, ']')
		}
		lines = append(lines, "]}\n"...)
	}
	return lines
}

func (e *encoder) appendCell(line []byte, kind metrics.MetricType, c *cell) []byte {
	switch kind {
	case metrics.Counter:
		return appendNumber(line, c.sum)
	case metrics.Rate:
		return appendNumbers(line, float64(c.passes), float64(c.total))
	case metrics.Gauge:
		return appendNumbers(line, c.last, c.min, c.max)
	default:
		line = append(line, '"')
		line = append(line, e.histogram(c)...)
		return append(line, '"')
	}
}

// histogram encodes the values of a second: V2, compressed, base64.
func (e *encoder) histogram(c *cell) []byte {
	e.scratch.Reset()
	for _, v := range c.values {
		e.record(int64(math.Round(min(max(v, 0), highest)*perUnit)), 1)
	}
	for _, distribution := range c.distributions {
		for _, bar := range distribution.Bars {
			e.record(histogram.Clamp(int64(bar.Value)), bar.Count)
		}
	}
	text, err := e.scratch.Encode(hdrhistogram.V2CompressedEncodingCookieBase)
	if err != nil {
		panic(err) // it writes to memory only
	}
	return text
}

func (e *encoder) record(value, count int64) {
	if err := e.scratch.RecordValues(value, count); err != nil {
		panic(err) // every value was brought into the range
	}
}

func describe(s *series) seriesLine {
	unit := "1"
	switch s.metric.Contains {
	case metrics.Time:
		unit = "ms"
	case metrics.Data:
		unit = "bytes"
	}
	return seriesLine{
		Series: s.index, Metric: s.metric.Name, Kind: s.metric.Type.String(), Unit: unit, Tags: s.tags,
	}
}

func appendNumber(line []byte, v float64) []byte {
	return strconv.AppendFloat(line, v, 'g', -1, 64)
}

func appendNumbers(line []byte, values ...float64) []byte {
	line = append(line, '[')
	for i, v := range values {
		if i > 0 {
			line = append(line, ',')
		}
		line = appendNumber(line, v)
	}
	return append(line, ']')
}
