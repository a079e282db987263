package recording

import (
	"encoding/json"
	"strconv"

	"go.k6.io/k6/v2/metrics"

	"xk6-realtime/seconds"
)

// encoder turns seconds into lines.
type encoder struct {
	histograms *seconds.Histograms
	// numbers are those of the series that the file has described, from 0, in the
	// order of their descriptions. A late sample may bring up a series that an
	// older second has and that is described before others, so this is not the
	// order in which they came up.
	numbers map[*seconds.Series]int
}

func newEncoder() *encoder {
	return &encoder{histograms: seconds.NewHistograms(), numbers: map[*seconds.Series]int{}}
}

// processLine says what the generator needed itself.
type processLine struct {
	Process seconds.Process `json:"process"`
}

// endLine is the last one of a recording that was ended, not cut.
type endLine struct {
	End seconds.End `json:"end"`
}

// seriesLine says what the number of a series stands for.
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
func (e *encoder) seconds(all []seconds.Second) []byte {
	var lines []byte
	for _, second := range all {
		inOrder := second.InOrder()
		for _, s := range inOrder {
			if _, isKnown := e.numbers[s]; !isKnown {
				e.numbers[s] = len(e.numbers)
				lines = append(lines, e.line(describe(s, e.numbers[s]))...)
			}
		}
		lines = append(lines, `{"t":`...)
		lines = strconv.AppendInt(lines, second.Unix, 10)
		lines = append(lines, `,"d":[`...)
		for i, s := range inOrder {
			if i > 0 {
				lines = append(lines, ',')
			}
			lines = append(lines, '[')
			lines = strconv.AppendInt(lines, int64(e.numbers[s]), 10)
			lines = append(lines, ',')
			lines = e.appendCell(lines, s.Metric.Type, second.Cells[s])
			lines = append(lines, ']')
		}
		lines = append(lines, "]}\n"...)
	}
	return lines
}

func (e *encoder) appendCell(line []byte, kind metrics.MetricType, c *seconds.Cell) []byte {
	switch kind {
	case metrics.Counter:
		return appendNumber(line, c.Sum)
	case metrics.Rate:
		return appendNumbers(line, float64(c.Passes), float64(c.Total))
	case metrics.Gauge:
		return appendNumbers(line, c.Last, c.Min, c.Max)
	default:
		line = append(line, '"')
		line = append(line, seconds.Encode(e.histograms.Of(c))...)
		return append(line, '"')
	}
}

func describe(s *seconds.Series, number int) seriesLine {
	return seriesLine{
		Series: number, Metric: s.Metric.Name, Kind: s.Metric.Type.String(), Unit: s.Unit(), Tags: s.Tags,
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
