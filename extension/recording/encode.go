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
	// described are the series of which the file says already what their index
	// stands for.
	described map[*seconds.Series]bool
}

func newEncoder() *encoder {
	return &encoder{histograms: seconds.NewHistograms(), described: map[*seconds.Series]bool{}}
}

// processLine says what the generator needed itself.
type processLine struct {
	Process seconds.Process `json:"process"`
}

// endLine is the last one of a recording that was ended, not cut.
type endLine struct {
	End seconds.End `json:"end"`
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
func (e *encoder) seconds(all []seconds.Second) []byte {
	var lines []byte
	for _, second := range all {
		inOrder := second.InOrder()
		for _, s := range inOrder {
			if !e.described[s] {
				lines = append(lines, e.line(describe(s))...)
				e.described[s] = true
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
			lines = strconv.AppendInt(lines, int64(s.Index), 10)
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

func describe(s *seconds.Series) seriesLine {
	return seriesLine{
		Series: s.Index, Metric: s.Metric.Name, Kind: s.Metric.Type.String(), Unit: s.Unit(), Tags: s.Tags,
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
