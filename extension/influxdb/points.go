package influxdb

import (
	"encoding/json"
	"math"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/HdrHistogram/hdrhistogram-go"
	"go.k6.io/k6/v2/metrics"

	"xk6-realtime/engine/hist/bucket"
	"xk6-realtime/seconds"
)

// Measurements beside those of the metrics, which have the metrics' names.
const (
	runMeasurement       = "realtime_run"
	generatorMeasurement = "realtime_generator"
)

// point is one row of one series of InfluxDB.
type point struct {
	measurement string
	tags        map[string]string
	fields      map[string]any
	at          time.Time
}

// lineTags is the tags as a line can hold them. In the line protocol a line feed
// ends the point, and a backslash at the end of a value hides the comma behind
// it; the client libraries let both through.
func (p *point) lineTags() map[string]string {
	tags := make(map[string]string, len(p.tags))
	for name, value := range p.tags {
		if value = lineText(value); value != "" {
			tags[lineText(name)] = value
		}
	}
	return tags
}

func lineText(s string) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, s)
	return strings.TrimRight(s, ` \`)
}

// bytes is about what the point takes in memory.
func (p *point) bytes() int {
	size := 500 // maps, headers
	for name, value := range p.tags {
		size += len(name) + len(value)
	}
	for name, value := range p.fields {
		size += len(name) + 16
		if text, ok := value.(string); ok {
			size += len(text)
		}
	}
	return size
}

// identity is the tags that all points of a process have in common.
type identity struct {
	run, scenario, instance, commit string
}

func (i identity) tags() map[string]string {
	tags := map[string]string{
		// Stock k6's output, which may write to the same place, has no such tag.
		"source": "aggregates",
		"run":    i.run, "scenario": i.scenario, "instance": i.instance,
	}
	if i.commit != "" {
		tags["commit"] = i.commit
	}
	return tags
}

// runWide are k6's tags that say the same of every sample of a run: they are
// said once, of the run.
var runWide = []string{"testid", "commit", "branch"}

// prefix sets apart the tags of samples whose names are taken.
const prefix = "k6_"

// tagged is the name under which a sample's tag is stored. [cli/influxdb] has
// the inverse.
func tagged(name string) string {
	switch name {
	case "source", "run", "scenario", "instance", "commit", "unit", "time":
		return prefix + name
	}
	if strings.HasPrefix(name, prefix) || strings.HasPrefix(name, "_") {
		return prefix + name
	}
	return name
}

// pointer makes points of seconds.
type pointer struct {
	identity   identity
	histograms *seconds.Histograms
	// parts counts how often each second was given: samples that come late make a further part,
	// which must not replace earlier points.
	parts map[int64]int64
}

func newPointer(identity identity) *pointer {
	return &pointer{identity: identity, histograms: seconds.NewHistograms(), parts: map[int64]int64{}}
}

// of makes a point of each series of a second. It is stored at the second's
// beginning, its further parts a nanosecond later each.
func (p *pointer) of(second seconds.Second) []*point {
	at := time.Unix(second.Unix, p.parts[second.Unix])
	p.parts[second.Unix]++
	points := make([]*point, 0, len(second.Cells))
	for _, series := range second.InOrder() {
		tags := p.identity.tags()
		tags["unit"] = series.Unit()
		for name, value := range series.Tags {
			if !slices.Contains(runWide, name) {
				tags[tagged(name)] = value
			}
		}
		points = append(points, &point{
			measurement: series.Metric.Name, tags: tags,
			fields: p.fields(series.Metric.Type, second.Cells[series]), at: at,
		})
	}
	return points
}

func (p *pointer) fields(kind metrics.MetricType, c *seconds.Cell) map[string]any {
	switch kind {
	case metrics.Counter:
		return map[string]any{"sum": c.Sum}
	case metrics.Rate:
		return map[string]any{"passes": c.Passes, "total": c.Total}
	case metrics.Gauge:
		return map[string]any{"last": c.Last, "min": c.Min, "max": c.Max}
	default:
		return p.distribution(c)
	}
}

// quantiles are the shares of all values that the fields do not exceed.
var quantiles = []struct {
	field string
	share float64
}{{"p50", 0.5}, {"p90", 0.9}, {"p95", 0.95}, {"p99", 0.99}, {"p999", 0.999}}

func (p *pointer) distribution(c *seconds.Cell) map[string]any {
	h := p.histograms.Of(c)
	if h.TotalCount() == 0 {
		return map[string]any{"count": int64(0), "histogram": seconds.Encode(h)}
	}
	sum, least, greatest := 0.0, math.Inf(1), math.Inf(-1)
	for _, v := range c.Values {
		v = min(max(v, 0), seconds.Highest)
		sum, least, greatest = sum+v, min(least, v), max(greatest, v)
	}
	for _, d := range c.Distributions {
		if d.Count > 0 {
			sum += d.SumNs / seconds.PerUnit
			least = min(least, float64(d.Min)/seconds.PerUnit)
			greatest = max(greatest, float64(d.Max)/seconds.PerUnit)
		}
	}
	fields := map[string]any{
		"count": h.TotalCount(), "sum": sum, "min": least, "max": greatest, "histogram": seconds.Encode(h),
	}
	addQuantiles(fields, h, least, greatest)
	return fields
}

// addQuantiles adds them, interpolated between neighbouring ranks as k6 does it.
// The middle of a bucket can lie beyond the smallest or largest value in it, and
// no quantile does.
func addQuantiles(fields map[string]any, h *hdrhistogram.Histogram, least, greatest float64) {
	total := float64(h.TotalCount())
	// Of the value with so many values before it in ascending order.
	percentile := func(rank float64) float64 { return min(100*(rank+1)/total, 100) }
	var wanted []float64
	for _, q := range quantiles {
		rank := q.share * (total - 1)
		wanted = append(wanted, percentile(math.Floor(rank)), percentile(math.Ceil(rank)))
	}
	inBucket := h.ValueAtPercentiles(wanted) // all in one walk over the buckets
	value := func(rank float64) float64 {
		return float64(bucket.Middle(bucket.Of(inBucket[percentile(rank)]))) / seconds.PerUnit
	}
	for _, q := range quantiles {
		rank := q.share * (total - 1)
		below, above := value(math.Floor(rank)), value(math.Ceil(rank))
		interpolated := below + (above-below)*(rank-math.Floor(rank))
		fields[q.field] = min(max(interpolated, least), greatest)
	}
}

// facts are what only the run as a whole has: where it came from, in tags to
// find it by.
type facts struct {
	profile, branch string
}

func (f facts) addTo(tags map[string]string) map[string]string {
	if f.profile != "" {
		tags["profile"] = f.profile
	}
	if f.branch != "" {
		tags["branch"] = f.branch
	}
	return tags
}

// runPoint holds the facts of a recording's first line; once the run is over, also of its last
// line, in the same point.
func runPoint(identity identity, facts facts, header seconds.Header, end *seconds.End) *point {
	tags := facts.addTo(identity.tags())
	// The name as a field: dashboards list runs by time, which tags are not.
	fields := map[string]any{"header": text(header), "title": lineText(identity.run)}
	if end != nil {
		fields["end"] = text(end)
		fields["exitCode"] = int64(end.ExitCode)
	}
	return &point{measurement: runMeasurement, tags: tags, fields: fields, at: header.StartedAt}
}

func generatorPoint(identity identity, process seconds.Process) *point {
	return &point{
		measurement: generatorMeasurement, tags: identity.tags(), at: process.At,
		fields: map[string]any{"cpus": process.CPUs, "memoryBytes": process.MemoryBytes},
	}
}

func text(value any) string {
	text, err := json.Marshal(value)
	if err != nil {
		panic(err) // these types hold nothing that JSON has not
	}
	return string(text)
}
