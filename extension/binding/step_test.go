package binding

import (
	"errors"
	"reflect"
	"testing"
	"time"

	"xk6-realtime/engine/hist"
)

func TestAStepThatHasEndedTakesLittleMemory(t *testing.T) {
	s := (&process{}).beginStep("100")
	for _, of := range []total{{metric: "a"}, {"b", "side", "send"}, {"b", "side", "receive"}} {
		h := hist.New()
		for i := range 1000 {
			h.Record(time.Duration(i*i) * time.Microsecond)
		}
		s.distribution(of, h.Distribution())
	}
	percentiles := []float64{50, 99, 99.9}
	running := s.figures(percentiles)
	s.ended(errors.New("enough"), false)
	if len(s.totals) > 0 {
		t.Errorf("%d histograms are kept", len(s.totals))
	}
	if ended := s.figures(percentiles); len(ended.Distributions) != 4 || !reflect.DeepEqual(ended.Distributions, running.Distributions) {
		t.Errorf("figures of the ended step: %+v, while it ran: %+v", ended.Distributions, running.Distributions)
	}
}
