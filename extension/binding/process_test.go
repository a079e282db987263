package binding

import (
	"math"
	"testing"
	"time"

	"xk6-realtime/engine/hist"
)

func TestDistributionsAreOfAllShardsAndSeconds(t *testing.T) {
	var p process
	for second := range 4 {
		for shard := range 2 {
			h := hist.New()
			for i := range 100 {
				h.Record(time.Duration(second*200+shard*100+i+1) * time.Millisecond)
			}
			p.add(total{"ws_x_ms", "side", []string{"send", "receive"}[shard]}, h.Distribution(), 7)
		}
	}
	all := p.distributions([]float64{50, 100})
	if len(all) != 3 {
		t.Fatalf("%d series, want the whole and two sides: %+v", len(all), all)
	}
	whole, receive := all[0], all[1]
	if len(whole.Tags) != 0 || whole.Count != 800 || whole.Min != 1 || whole.Max != 800 || whole.OneIn != 7 ||
		math.Abs(whole.Percentiles[0]-400) > 0.5 || math.Abs(whole.Avg-400.5) > 1e-6 {
		t.Errorf("%+v", whole)
	}
	if receive.Tags["side"] != "receive" || receive.Count != 400 || receive.Min != 101 {
		t.Errorf("%+v", receive)
	}
}
