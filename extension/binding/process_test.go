package binding

import (
	"math"
	"runtime"
	"sync"
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
		math.Abs(whole.Percentiles[0]-400.5) > 0.5 || math.Abs(whole.Avg-400.5) > 1e-6 {
		t.Errorf("%+v", whole)
	}
	if receive.Tags["side"] != "receive" || receive.Count != 400 || receive.Min != 101 {
		t.Errorf("%+v", receive)
	}
}

func TestTheLastShardToEndIsTheLastToTell(t *testing.T) {
	const shards = 50
	var p process
	for shard := range shards {
		p.setActive(shardName{"", shard}, 1, func(int) {})
	}
	told := make(chan int, shards)
	var ended sync.WaitGroup
	for shard := range shards {
		ended.Go(func() {
			p.setActive(shardName{"", shard}, 0, func(all int) {
				runtime.Gosched() // let others overtake, if they can
				told <- all
			})
		})
	}
	ended.Wait()
	for want := shards - 1; want >= 0; want-- {
		if all := <-told; all != want {
			t.Fatalf("told of %d open connections, want %d", all, want)
		}
	}
}
