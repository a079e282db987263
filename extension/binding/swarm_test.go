package binding

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/sirupsen/logrus"
	"go.k6.io/k6/v2/js/modulestest"
	"go.k6.io/k6/v2/lib"
	"go.k6.io/k6/v2/lib/netext"
	"go.k6.io/k6/v2/lib/types"
	"go.k6.io/k6/v2/metrics"

	"xk6-realtime/engine/serve"
)

// virtualUser is one with the module as `realtime`, past the init context.
func virtualUser(t *testing.T, root *Root, script string) (*modulestest.Runtime, chan metrics.SampleContainer) {
	t.Helper()
	rt := modulestest.NewRuntime(t)
	module := root.NewModuleInstance(rt.VU)
	if err := rt.VU.Runtime().Set("realtime", module.Exports().Named); err != nil {
		t.Fatal(err)
	}
	if _, err := rt.VU.Runtime().RunString(script); err != nil {
		t.Fatal(err)
	}
	samples := make(chan metrics.SampleContainer, 1000)
	logger := logrus.New()
	logger.SetOutput(io.Discard)
	rt.MoveToVUContext(&lib.State{
		Logger:         logger,
		BuiltinMetrics: rt.BuiltinMetrics,
		Dialer:         netext.NewDialer(net.Dialer{}, netext.NewResolver(net.LookupIP, 0, types.DNSfirst, types.DNSany)),
		TLSConfig:      &tls.Config{},
		Samples:        samples,
		Tags:           lib.NewVUStateTags(rt.VU.InitEnvField.Registry.RootTagSet()),
		VUIDGlobal:     1,
	})
	return rt, samples
}

func sumOf(samples chan metrics.SampleContainer, name string) (sum float64) {
	for range len(samples) {
		container := <-samples
		for _, s := range container.GetSamples() {
			if s.Metric.Name == name {
				sum += s.Value
			}
		}
		samples <- container
	}
	return sum
}

func startServer(t *testing.T) string {
	t.Helper()
	s, err := serve.Start(serve.Options{Listen: netip.MustParseAddrPort("127.0.0.1:0")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s.URL()
}

func TestARunLeavesNothingBehind(t *testing.T) {
	script := `const swarm = new realtime.Swarm({ servers: ["` + startServer(t) + `"], connections: 20, rate: 10000, holdMs: 20 });`
	root := New()
	rt, samples := virtualUser(t, root, script)
	goroutines, descriptors := runtime.NumGoroutine(), openDescriptors()
	for run := range 3 {
		if _, err := rt.RunOnEventLoop(`swarm.run().then((outcome) => { globalThis.outcome = outcome })`); err != nil {
			t.Fatal(err)
		}
		opened, err := rt.VU.Runtime().RunString(`outcome.opened`)
		if err != nil || opened.ToInteger() != 20 {
			t.Fatalf("run %d: opened %v, want 20 (%v)", run, opened, err)
		}
	}
	if got := sumOf(samples, "ws_sessions_closed"); got != 60 {
		t.Errorf("k6 was told of %v sessions closed, want 60", got)
	}
	for deadline := time.Now().Add(10 * time.Second); runtime.NumGoroutine() > goroutines || openDescriptors() > descriptors; {
		if time.Now().After(deadline) {
			t.Fatalf("%d goroutines and %d descriptors, before it was %d and %d",
				runtime.NumGoroutine(), openDescriptors(), goroutines, descriptors)
		}
		time.Sleep(time.Millisecond)
	}
}

func TestProbesReachK6(t *testing.T) {
	script := `const swarm = new realtime.Swarm({ servers: ["` + startServer(t) + `"], connections: 20, rate: 10000, probing: {
		protocol: { name: "echo", probe: { send: "${id} ${payload}" }, reply: [{ name: "echo", match: "whole" }] },
		intervalMs: 20, payloadBytes: 100, forMs: 200,
	} });`
	root := New()
	rt, samples := virtualUser(t, root, script)
	if _, err := rt.RunOnEventLoop(`swarm.run()`); err != nil {
		t.Fatal(err)
	}
	probes := sumOf(samples, "ws_probes")
	if replies, good := sumOf(samples, "ws_replies"), sumOf(samples, "ws_reply_success_rate"); probes < 20*200/20/2 || replies != probes || good != probes {
		t.Errorf("k6 was told of %v probes, %v replies and %v successes, want as many of each", probes, replies, good)
	}
	seen := map[string]int64{}
	for _, d := range root.process.distributions(nil) {
		seen[d.Metric+d.Tags["reply"]+d.Tags["side"]] = d.Count
	}
	for _, series := range []string{"ws_msg_rtt_ms", "ws_msg_rtt_msecho", "ws_msg_service_msecho"} {
		if seen[series] != int64(probes) {
			t.Errorf("%d values of %s, want %v", seen[series], series, probes)
		}
	}
	if send := seen["ws_generator_delay_mssend"]; send != int64(probes)+20 {
		t.Errorf("%d delays at sending, want one of each probe and connection", send)
	}
}

func TestOutcome(t *testing.T) {
	for _, test := range []struct{ name, url, want string }{
		{"all opened", startServer(t), `{"wanted":4,"opened":4,"dropped":0,"reachedInMs":"number"}`},
		{"none opened", "ws://127.0.0.1:1", `{"wanted":4,"opened":0,"dropped":0,"reachedInMs":null}`},
	} {
		rt, _ := virtualUser(t, New(), `const swarm = new realtime.Swarm({ servers: ["`+test.url+`"], connections: 4, rate: 10000 });`)
		if _, err := rt.RunOnEventLoop(`swarm.run().then((outcome) => { globalThis.outcome = outcome })`); err != nil {
			t.Fatal(err)
		}
		got, err := rt.VU.Runtime().RunString(
			`JSON.stringify({ ...outcome, reachedInMs: outcome.reachedInMs > 0 ? typeof outcome.reachedInMs : outcome.reachedInMs })`)
		if err != nil || got.String() != test.want {
			t.Errorf("%s: %v (%v), want %s", test.name, got, err, test.want)
		}
	}
}

func TestAnInterruptedRunRejects(t *testing.T) {
	tests := []struct {
		name, plan string
		sign       string // the metric that tells that the phase has come
	}{
		{"while it opens", "connections: 1000, rate: 10, holdMs: 1e6", "ws_sessions_opened"},
		{"while it holds", "connections: 5, rate: 10000, holdMs: 1e6", "ws_sessions_opened"},
		{"while it closes", "connections: 50, rate: 10000, closeOverMs: 1e6", "ws_sessions_closed"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			rt, samples := virtualUser(t, New(), `const swarm = new realtime.Swarm({ servers: ["`+startServer(t)+`"], `+test.plan+` });`)
			ctx, interrupt := context.WithCancel(t.Context())
			rt.VU.CtxField = ctx
			go func() {
				for sumOf(samples, test.sign) == 0 {
					time.Sleep(time.Millisecond)
				}
				interrupt()
			}()
			_, err := rt.RunOnEventLoop(`swarm.run()`)
			if err == nil || !strings.Contains(err.Error(), "Swarm: interrupted: context canceled") {
				t.Errorf("error %v, want that it was interrupted", err)
			}
			opened, closed := sumOf(samples, "ws_sessions_opened"), sumOf(samples, "ws_sessions_closed")
			if opened == 0 || closed != opened {
				t.Errorf("k6 was told of %v sessions opened and %v closed, want as many", opened, closed)
			}
			if dropped := sumOf(samples, "ws_connection_drops"); dropped != 0 {
				t.Errorf("k6 was told of %v drops, want none", dropped)
			}
		})
	}
}

func TestRequestsCarryTheUserAgentOfK6(t *testing.T) {
	tests := []struct {
		name, headers string
		agent         string
		given         bool
		want          string
	}{
		{"k6's own by default", `{}`, "Grafana k6/2", false, "Grafana k6/2"},
		{"what --user-agent says", `{}`, "probe/1", true, "probe/1"},
		{"the script's before k6's", `{ "user-agent": "mine" }`, "probe/1", true, "mine"},
		{"none where it is empty", `{}`, "", true, ""},
	}
	for _, test := range tests {
		agents := make(chan string, 1)
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			agents <- r.UserAgent()
			w.WriteHeader(http.StatusForbidden)
		}))
		url := quote("ws" + strings.TrimPrefix(server.URL, "http"))
		for _, script := range []string{
			`new realtime.Swarm({ servers: [` + url + `], connections: 1, rate: 1000, headers: ` + test.headers + ` }).run()`,
			`new realtime.WebSocket(` + url + `, null, { headers: ` + test.headers + ` })`,
		} {
			rt, _ := virtualUser(t, New(), "")
			agent := &rt.VU.StateField.Options.UserAgent
			agent.String, agent.Valid = test.agent, test.given
			if _, err := rt.RunOnEventLoop(script); err != nil {
				t.Fatal(err)
			}
			if got := <-agents; got != test.want {
				t.Errorf("%s: %s asked as %q, want %q", test.name, script[:20], got, test.want)
			}
		}
		server.Close()
	}
}

func TestRunIsRefused(t *testing.T) {
	const swarm = `const swarm = new realtime.Swarm({ servers: ["ws://127.0.0.1:1"], connections: 5, rate: 10 });`
	t.Run("in the init context", func(t *testing.T) {
		rt := modulestest.NewRuntime(t)
		if err := rt.VU.Runtime().Set("realtime", New().NewModuleInstance(rt.VU).Exports().Named); err != nil {
			t.Fatal(err)
		}
		_, err := rt.VU.Runtime().RunString(swarm + `swarm.run()`)
		if err == nil || !strings.Contains(err.Error(), "called in the init context") {
			t.Errorf("error %v", err)
		}
	})
	t.Run("for a virtual user without a shard", func(t *testing.T) {
		rt, _ := virtualUser(t, New(), swarm)
		rt.VU.StateField.VUIDGlobal = 2
		_, err := rt.VU.Runtime().RunString(`swarm.run()`)
		if err == nil || !strings.Contains(err.Error(), "virtual user 2 has no shard: shards is 1") {
			t.Errorf("error %v", err)
		}
	})
	t.Run("with a user agent that no header can hold", func(t *testing.T) {
		rt, _ := virtualUser(t, New(), swarm)
		rt.VU.StateField.Options.UserAgent.String = "a\r\nX: b"
		_, err := rt.VU.Runtime().RunString(`swarm.run()`)
		if err == nil || !strings.Contains(err.Error(), "header User-Agent: its value has control characters") {
			t.Errorf("error %v", err)
		}
	})
	t.Run("for a percentile that is none", func(t *testing.T) {
		rt, _ := virtualUser(t, New(), swarm)
		_, err := rt.VU.Runtime().RunString(`realtime.distributions([50, 101])`)
		if err == nil || !strings.Contains(err.Error(), "expected percentiles from 0 to 100, got 101") {
			t.Errorf("error %v", err)
		}
	})
}

func openDescriptors() (n int) {
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return 0 // not this platform
	}
	for _, e := range entries {
		// The server runs on, and its loop keeps the accounts of a few threads open.
		if file, err := os.Readlink("/proc/self/fd/" + e.Name()); err == nil && !strings.HasSuffix(file, "/schedstat") {
			n++
		}
	}
	return n
}
