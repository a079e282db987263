package swarm

import (
	"testing"

	"xk6-realtime/engine"
)

func window(opened, closed int64, failures map[engine.Reason]int64) *Window {
	return &Window{Counts: Counts{Opened: opened, Closed: closed, Failures: failures}}
}

func TestRefusalsAreCertain(t *testing.T) {
	refused := func(n int64) *Window { return window(0, 0, map[engine.Reason]int64{503: n}) }
	for _, c := range []struct {
		name    string
		between *Window // after nine windows of refusals
		last    *Window
		want    bool
	}{
		{"ten windows, ten refusals for each of five", refused(5), refused(5), true},
		{"nothing listens any more", window(0, 0, map[engine.Reason]int64{engine.ReasonRefused: 5}), refused(5), true},
		{"one opened", window(1, 0, map[engine.Reason]int64{503: 5}), refused(5), false},
		{"one ended, so that there may be room", window(0, 1, map[engine.Reason]int64{503: 5}), refused(5), false},
		{"one was not answered in time", window(0, 0, map[engine.Reason]int64{engine.ReasonTimeoutTCP: 1, 503: 4}), refused(5), false},
		{"a proxy refused", window(0, 0, map[engine.Reason]int64{engine.ProxyStatus(503): 5}), refused(5), false},
		{"too few refusals", refused(5), refused(4), false},
	} {
		t.Run(c.name, func(t *testing.T) {
			var r Refusals
			for i := range 8 {
				if r.Certain(refused(5), 5) {
					t.Fatalf("certain after %d windows", i+1)
				}
			}
			if r.Certain(c.between, 5) {
				t.Fatal("certain after nine windows")
			}
			if got := r.Certain(c.last, 5); got != c.want {
				t.Errorf("certain %t, want %t", got, c.want)
			}
		})
	}
}

func TestRefusalsAreNotCertainWhenAllAreOpen(t *testing.T) {
	var r Refusals
	for range 20 {
		if r.Certain(window(0, 0, nil), 0) {
			t.Fatal("certain though nothing is missing")
		}
	}
}
