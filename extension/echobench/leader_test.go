package echobench

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math"
	"net"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/gorilla/websocket"
)

// lead has so many instances of this process measure a spec together.
func lead(t *testing.T, ctx context.Context, text string, instances int) *Leader {
	t.Helper()
	spec, err := ParseSpec([]byte(text), instances)
	if err != nil {
		t.Fatal(err)
	}
	listener := listen(t)
	ended := make(chan error, instances)
	for range instances {
		e := newEngine(t)
		go func() {
			ended <- Join(context.Background(), listener.Addr().String(), e, Options{}, func(*Spec) error { return nil })
		}()
	}
	l, err := Lead(ctx, listener, spec, []byte(text), instances)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		l.Close()
		for range instances {
			if err := <-ended; err != nil && err != errLeaderGone {
				t.Errorf("an instance ended with %v", err)
			}
		}
	})
	return l
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return listener
}

func TestInstancesShareEachCase(t *testing.T) {
	var messages, connections atomic.Int64
	url := wrongServer(t, func(c *websocket.Conn, kind int, data []byte) error {
		messages.Add(1)
		if strings.HasPrefix(string(data), "00000000") { // a connection's first
			connections.Add(1)
		}
		return c.WriteMessage(kind, data)
	})
	cases := []string{
		`{"count":200,"size":64}`,
		`{"count":203,"size":64,"connections":10}`,
		`{"count":2000,"size":64,"connections":7,"depth":16}`,
		`{"count":301,"size":64,"rate":5000,"connections":7}`,
	}
	text := fmt.Sprintf(`{"servers":[{"name":"one","uri":%q}],"testsets":[{"mode":"echo","options":{"verify":true},"cases":[%s]},{"mode":"handshake","cases":[{"count":50},{"count":61,"connections":11},{"count":60,"rate":600}]}]}`, url, strings.Join(cases, ","))
	const instances = 3
	l := lead(t, context.Background(), text, instances)
	for testset, set := range l.spec.Testsets {
		for i, c := range set.Cases {
			messages.Store(0)
			connections.Store(0)
			row, err := l.Measure(context.Background(), 0, testset, i)
			if err != nil {
				t.Fatal(err)
			}
			if row.Outcome != Passed || len(row.latencies) != c.Count || row.EchoesPerSecond <= 0 || slices.Min(row.latencies) <= 0 {
				t.Errorf("%s: %s, %q, %d of %d latencies", c.Words(), row.Outcome, row.Why, len(row.latencies), c.Count)
			}
			if !c.Handshakes && (messages.Load() != int64(c.Count) || connections.Load() != int64(c.Connections)) {
				t.Errorf("%s: the server saw %d messages of %d connections, want %d of %d", c.Words(), messages.Load(), connections.Load(), c.Count, c.Connections)
			}
		}
	}
	if got := l.spec.Testsets[0].Cases[0].Connections; got != instances {
		t.Errorf("%d connections where none are stated, want one for each instance", got)
	}
}

func TestAnInstanceThatFailsFailsTheRow(t *testing.T) {
	var asked atomic.Int64
	url := wrongServer(t, func(c *websocket.Conn, kind int, data []byte) error {
		if asked.Add(1) == 5 {
			data = data[1:]
		}
		return c.WriteMessage(kind, data)
	})
	text := fmt.Sprintf(`{"servers":[{"uri":%q},{"uri":"ws://127.0.0.1:1"}],"testsets":[{"mode":"echo","cases":[{"count":20,"size":64}]}]}`, url)
	l := lead(t, context.Background(), text, 2)
	for _, test := range []struct {
		server int
		want   string
	}{
		{0, "expected 64 bytes, got 63"},
		{1, "instance 1 of 2: could not connect: refused"},
		{0, ""}, // the next row has instances that are whole
	} {
		row, err := l.Measure(context.Background(), test.server, 0, 0)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(row.Why, test.want) || (test.want == "") != (row.Outcome == Passed) {
			t.Errorf("%s, %q, want %q", row.Outcome, row.Why, test.want)
		}
	}
}

func TestAnInstanceThatGoesEndsTheRun(t *testing.T) {
	listener := listen(t)
	const text = `{"servers":[{"uri":"ws://127.0.0.1:1"}],"testsets":[{"mode":"echo","cases":[{"count":20,"size":64}]}]}`
	spec, err := ParseSpec([]byte(text), 1)
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		// What is no instance is passed over: a probe of the port, and another protocol.
		for _, says := range []string{"", "GET / HTTP/1.1\r\n\r\n", `{"protocol":"k6-realtime echo-bench 0"}`} {
			c, err := net.Dial("tcp", listener.Addr().String())
			if err != nil {
				return
			}
			io.WriteString(c, says)
			c.(*net.TCPConn).CloseWrite()
			io.Copy(io.Discard, c)
			c.Close()
		}
		c, err := net.Dial("tcp", listener.Addr().String())
		if err != nil {
			return
		}
		p := newPeer(c)
		p.apply()
		p.hear(&order{}, smallBytes)
		io.WriteString(c, `{"result":{"outcome":"PASSED","latencies":[`+strings.Repeat("1,", 20)+`1]}}`)
	}()
	l, err := Lead(context.Background(), listener, spec, []byte(text), 1)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if _, err = l.Measure(context.Background(), 0, 0, 0); err == nil || !strings.Contains(err.Error(), "instance 1 of 1 is gone: expected a result of 20 latencies at most, got one of 21") {
		t.Errorf("error %v", err)
	}
	l.peers[0].conn.Close()
	if _, err = l.Measure(context.Background(), 0, 0, 0); err == nil || !strings.Contains(err.Error(), "instance 1 of 1 is gone") {
		t.Errorf("error %v", err)
	}
}

func TestAnInterruptionEndsAllInstances(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	url := wrongServer(t, func(*websocket.Conn, int, []byte) error { cancel(); return nil })
	l := lead(t, ctx, fmt.Sprintf(`{"servers":[{"uri":%q}],"testsets":[{"mode":"echo","cases":[{"count":20,"size":64}]}]}`, url), 2)
	if _, err := l.Measure(ctx, 0, 0, 0); err != errInterrupted {
		t.Errorf("error %v", err)
	}
}

func TestASpecSaysEnoughConnectionsForItsInstances(t *testing.T) {
	const text = `{"servers":[{"uri":"ws://127.0.0.1:1"}],"testsets":[{"mode":"echo","cases":[{"count":20,"size":64,"connections":2}]}]}`
	_, err := ParseSpec([]byte(text), 3)
	if want := "testsets[0].cases[0].connections: expected a connection for each of the 3 instances at least, got 2"; err == nil || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
}

func TestPartsMakeTheRowOfOneProcess(t *testing.T) {
	whole := rowOf(40, 10, 30, 20)
	one := &InstanceResult{Outcome: Passed, Latencies: whole.latencies[:1], Took: 4, KernelStamps: true}
	two := &InstanceResult{Outcome: Passed, Latencies: whole.latencies[1:], Took: 2, KernelStamps: true}
	row := mergeResults("one", whole.Case, []*InstanceResult{one, two}, 0)
	if math.Abs(row.EchoesPerSecond-1e9) > 1 {
		t.Errorf("%v echoes a second, want 4 in the 4 ns of the slower instance", row.EchoesPerSecond)
	}
	table := func(r *Row) string {
		var b bytes.Buffer
		r.EchoesPerSecond = 0
		r.Ours = NotOurs
		if err := (&Table{Testset: &Testset{Sep: ";", Quantiles: 3, Digits: 1}, Rows: []*Row{r}}).WriteSeparated(&b); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	if got, want := table(row), table(whole); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	if row := mergeResults("one", whole.Case, []*InstanceResult{one, two}, 1); row.Ours != Bound || !strings.Contains(row.Because, "began up to") {
		t.Errorf("instances that began a quarter of the time apart: %q, %q", row.Ours, row.Because)
	}
}

func TestARowSaysTheGravestReason(t *testing.T) {
	passed, gave := &InstanceResult{Outcome: Passed}, &InstanceResult{Outcome: Failed, Why: abandoned}
	late, failed := &InstanceResult{Outcome: TimedOut, Why: "late"}, &InstanceResult{Outcome: Failed, Why: "refused"}
	for _, test := range []struct {
		results []*InstanceResult
		want    string
	}{
		{[]*InstanceResult{gave, failed, late, passed}, "instance 2 of 4: refused"},
		{[]*InstanceResult{gave, passed, late}, "instance 3 of 3: late"},
		{[]*InstanceResult{passed, failed, {Outcome: Failed, Why: "reset"}}, "instance 2 of 3: refused"},
	} {
		if row := mergeResults("one", Case{}, test.results, 0); row.Why != test.want || row.Outcome == Passed {
			t.Errorf("%s, %q, want %q", row.Outcome, row.Why, test.want)
		}
	}
}
