package echobench

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"xk6-realtime/engine/hist"
)

func rowOf(us ...int) *Row {
	r := &Row{Server: "one", Case: Case{Count: len(us), Size: 64, Connections: 1, Depth: 1}, Outcome: Passed, KernelStamps: true}
	for _, n := range us {
		r.latencies = append(r.latencies, time.Duration(n)*time.Microsecond)
	}
	return r
}

func TestFiguresAreThoseOfAllEchoes(t *testing.T) {
	f := rowOf(40, 10, 30, 20).Figures(2)
	if f.Min != 10 || f.Median != 25 || f.Max != 40 || f.Avg != 25 || f.StdDev < 11.18 || f.StdDev > 11.19 {
		t.Errorf("figures %+v", f)
	}
	if f.Quantiles[0] != 20 || f.Quantiles[1] != 40 {
		t.Errorf("quantiles %v, want the upper bounds of the two halves", f.Quantiles)
	}
	if one := rowOf(7).Figures(10); one.Median != 7 || one.StdDev != 0 || one.Quantiles[0] != 7 {
		t.Errorf("figures of one echo %+v", one)
	}
}

func TestTheTableHasTheColumnsOfTheOlderSuite(t *testing.T) {
	table := &Table{Testset: &Testset{Sep: ";", Quantiles: 2, Digits: 1, RTTs: true}, Rows: []*Row{rowOf(40, 10, 30, 20)}}
	table.Rows[0].judge(nil, hist.New())
	var b bytes.Buffer
	if err := table.WriteSeparated(&b); err != nil {
		t.Fatal(err)
	}
	const want = "name;outcome;count;size;min;median;max;avg;stddev;q0;q1;mode;echoes_per_s;generator;rtts\n" +
		"one;PASSED;4;64;10.0;25.0;40.0;25.0;11.2;20.0;40.0;sync;0;ok;40.0;10.0;30.0;20.0\n"
	if b.String() != want {
		t.Errorf("got\n%swant\n%s", b.String(), want)
	}
}

func TestTheGeneratorIsCalledTheBottleneck(t *testing.T) {
	const us = time.Microsecond
	gaps := func(all ...time.Duration) *hist.Histogram {
		h := hist.New()
		for _, d := range all {
			h.Record(d)
		}
		return h
	}
	tests := []struct {
		name   string
		delays []time.Duration
		gaps   *hist.Histogram
		busy   float64
		want   Ours
		says   string
	}{
		{"nothing is ours", nil, gaps(), 0.5, NotOurs, ""},
		{"a tenth of the latency is allowed", []time.Duration{10 * us, 10 * us, 10 * us}, gaps(10*us, 10*us), 0.9, NotOurs, ""},
		{"half of the messages were written late", []time.Duration{0, 11 * us, 11 * us}, gaps(), 0, Bound, "began half of the echoes within 11.0 µs"},
		{"one message was written late", []time.Duration{0, 0, 11 * us}, gaps(), 0, OursTail, "99 % were complete within 100.0 µs"},
		{"half of the arrivals are not known", nil, gaps(11*us, 11*us), 0, Bound, "the arrivals of half of the echoes are known to within 11.0 µs"},
		{"one arrival is not known", nil, gaps(0, 0, 50*us), 0, OursTail, "the arrivals of 99 % of the echoes"},
		{"its loop had no time left", nil, gaps(), 0.91, Bound, "at work for 91 % of the time"},
	}
	for _, test := range tests {
		r := rowOf(100, 100, 100)
		r.busy = test.busy
		r.judge(test.delays, test.gaps)
		if r.Ours != test.want || !strings.Contains(r.Because, test.says) {
			t.Errorf("%s: %s, %q, want %s and %q", test.name, r.Ours, r.Because, test.want, test.says)
		}
	}
}
