package binding

import (
	"context"
	"slices"
	"testing"
	"time"

	"go.k6.io/k6/v2/metrics"
)

// k6 takes no samples until the script lets it: sockets go on meanwhile.
func TestAStalledK6StallsNoSocket(t *testing.T) {
	root := New()
	root.process.outbox.limit = 4
	rt, _ := virtualUser(t, root, "")
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	rt.VU.CtxField = ctx
	stalled := make(chan metrics.SampleContainer)
	rt.VU.StateField.Samples = stalled
	taken := make(chan []metrics.Sample)
	var all []metrics.Sample
	if err := rt.VU.Runtime().Set("letK6GoOn", func() {
		go func() {
			for container := range stalled {
				all = append(all, container.GetSamples()...)
			}
			taken <- all
		}()
	}); err != nil {
		t.Fatal(err)
	}
	_, err := rt.RunOnEventLoop(`{
		const { WebSocket } = realtime;
		let opened = 0, pongs = 0;
		globalThis.heard = 0;
		const sockets = [1, 2, 3].map(() => new WebSocket(` + quote(startServer(t)) + `));
		const close = () => { letK6GoOn(); for (const socket of sockets) socket.close(); };
		for (const socket of sockets) {
			socket.onopen = () => { if (++opened === sockets.length) for (const socket of sockets) socket.send("x"); };
			socket.onmessage = () => { if (++heard === sockets.length) for (let i = 0; i < 10; i++) socket.ping(); };
			socket.onpong = () => { if (++pongs === 10) close(); };
		}
	}`)
	close(stalled)
	if err != nil || ctx.Err() != nil {
		t.Fatalf("%v, %v", err, ctx.Err())
	}
	if heard := rt.VU.Runtime().Get("heard").ToInteger(); heard != 3 {
		t.Errorf("%d messages were heard, want one each", heard)
	}
	counts := map[string]float64{}
	times := 0
	for _, s := range <-taken {
		if s.Metric.Type == metrics.Counter {
			counts[s.Metric.Name] += s.Value
		} else {
			times++
		}
	}
	if counts["ws_sessions"] != 3 || counts["ws_msgs_sent"] != 3 || counts["ws_msgs_received"] != 3 {
		t.Errorf("k6 was told %v, want every session and message", counts)
	}
	// Three times to connect, ten Pings and three durations.
	if missed := counts["ws_unmeasured"]; missed == 0 || float64(times)+missed != 16 {
		t.Errorf("%d times and %v that were left out, want 16 in all and few of them kept", times, missed)
	}
}

func TestTheOutboxKeepsTheOrder(t *testing.T) {
	var o outbox
	to := make(chan metrics.SampleContainer)
	var called []int
	done := make(chan struct{})
	for i := range 100 {
		e := outgoing{to: to, then: func() { called = append(called, i) }}
		if i%3 == 0 {
			e.samples = metrics.Samples{{Value: float64(i)}}
		}
		o.put(e)
	}
	o.put(outgoing{then: func() { close(done) }})
	var values []int
	for range 34 {
		values = append(values, int((<-to).GetSamples()[0].Value))
	}
	<-done
	if len(called) != 100 || !slices.IsSorted(called) || len(values) != 34 || !slices.IsSorted(values) {
		t.Errorf("in the order %v, with samples %v", called, values)
	}
}
