//go:build linux

package swarm

import (
	"cmp"
	"crypto/tls"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"xk6-realtime/engine"
	"xk6-realtime/engine/internal/enginetest"
	"xk6-realtime/engine/serve"
)

// With the environment variable below, this test binary is the server that a
// measurement runs against in a process of its own, until its input ends.
const serveVariable = "SWARM_TEST_SERVE"

func serveForBenchmark() bool {
	interval := os.Getenv(serveVariable)
	switch interval {
	case "":
		return false
	case "tls":
		serveTLS()
		return true
	}
	every, err := time.ParseDuration(interval)
	if err != nil {
		fmt.Println(err)
		return true
	}
	s, err := serve.Start(serve.Options{Listen: netip.MustParseAddrPort("127.0.0.1:0"), Interval: every})
	if err != nil {
		fmt.Println(err)
		return true
	}
	defer s.Close()
	fmt.Println(s.URL())
	os.Stdin.Read(make([]byte, 1))
	return true
}

// serveTLS accepts wss connections, by another project's means.
func serveTLS() {
	upgrader := websocket.Upgrader{ReadBufferSize: 256, WriteBufferSize: 256}
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ws, err := upgrader.Upgrade(w, r, nil)
		if err != nil {
			return
		}
		defer ws.Close()
		for {
			if _, _, err := ws.ReadMessage(); err != nil {
				return
			}
		}
	}))
	defer server.Close()
	fmt.Println("wss" + strings.TrimPrefix(server.URL, "https"))
	os.Stdin.Read(make([]byte, 1))
	os.Exit(0) // without waiting for each connection
}

func serverProcess(t *testing.T, what string) (url string) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), serveVariable+"="+what)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close()
		cmd.Wait()
	})
	var line [256]byte
	n, err := out.Read(line[:])
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(line[:n]))
}

// TestMeasure prints what the engine takes on this machine. It asserts counts,
// never times, and runs only when told how many connections to open.
func TestMeasure(t *testing.T) {
	connections, _ := strconv.Atoi(os.Getenv("SWARM_TEST_CONNECTIONS"))
	if connections == 0 {
		t.Skip("set SWARM_TEST_CONNECTIONS to measure")
	}
	rate, _ := strconv.ParseFloat(os.Getenv("SWARM_TEST_RATE"), 64)
	if rate == 0 {
		rate = 1e6
	}
	url := serverProcess(t, cmp.Or(os.Getenv("SWARM_TEST_INTERVAL"), "200ms"))
	e := enginetest.Start(t, engine.Options{Loops: 1, TLS: &tls.Config{InsecureSkipVerify: true}})
	few := start(t, e, Options{Servers: []string{url}, Connections: 100, Pace: Rate(1e6), Hold: time.Hour})
	await(t, "settled", few.Settled())
	time.Sleep(time.Second)
	few.Snapshot()
	before := residentKB()
	userBefore := cpu()
	s := start(t, e, Options{Servers: []string{url}, Connections: connections, Pace: Rate(rate), Hold: time.Hour, OnExhausted: Continue, Sources: measureSources(t)})
	await(t, "settled", s.Settled())
	opening := s.settledAt.Sub(s.began)
	openCPU := cpu() - userBefore
	w := s.Snapshot()
	if w.Active != connections {
		t.Errorf("%d are open: %v", w.Active, w.Failures)
	}
	for range 3 {
		time.Sleep(time.Second)
		w = s.Snapshot()
		d := w.Series[ReceiveDelay]
		if d == nil {
			continue
		}
		t.Logf("%d messages in %v, receive delay mean %v, max %v", w.MessagesReceived, w.To.Sub(w.From), time.Duration(d.SumNs/float64(d.Count)), d.Max)
	}
	after := residentKB()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	t.Logf("%d connections in %v: %.0f a second, %v of CPU", connections, opening, float64(connections)/opening.Seconds(), openCPU)
	t.Logf("resident: %d KB with 100, %d KB with %d more: %.0f bytes each (heap %d KB, of %d KB)",
		before, after, connections, float64(after-before)*1024/float64(connections), m.HeapAlloc>>10, m.HeapSys>>10)
	s.Stop(0)
	await(t, "ended", s.Done())
	r := s.Result()
	t.Logf("latency p50 %v p99 %v; late p50 %v p99 %v; TCP p99 %v; upgrade p99 %v; receive delay p50 %v p99 %v",
		r.Quantile(ConnectLatency, .5), r.Quantile(ConnectLatency, .99), r.Quantile(ConnectDelay, .5), r.Quantile(ConnectDelay, .99),
		r.Quantile(TCPPhase, .99), r.Quantile(UpgradePhase, .99), r.Quantile(ReceiveDelay, .5), r.Quantile(ReceiveDelay, .99))
	t.Logf("%+v", r.Counts)
}

// measureSources are the source addresses asked for, such as
// "127.0.0.2,127.0.0.3".
func measureSources(t *testing.T) (addrs []netip.Addr) {
	for addr := range strings.SplitSeq(os.Getenv("SWARM_TEST_SOURCES"), ",") {
		if addr == "" {
			continue
		}
		parsed, err := netip.ParseAddr(addr)
		if err != nil {
			t.Fatal(err)
		}
		addrs = append(addrs, parsed)
	}
	return addrs
}

func residentKB() (kb int64) {
	b, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(b)) {
		if strings.HasPrefix(line, "VmRSS:") {
			fmt.Sscanf(line, "VmRSS: %d kB", &kb)
		}
	}
	return kb
}

func cpu() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
