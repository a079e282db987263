package binding

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/sirupsen/logrus"
	logrustest "github.com/sirupsen/logrus/hooks/test"
	"go.k6.io/k6/v2/js/modulestest"
	"go.k6.io/k6/v2/metrics"

	"xk6-realtime/engine/handshake"
)

// runSocket runs a script that makes a WebSocket, and returns what it logged.
func runSocket(t *testing.T, script string) (rt *modulestest.Runtime, logged string, err error) {
	t.Helper()
	rt, _ = virtualUser(t, New(), `
		const { WebSocket } = realtime;
		const seen = [];
		const log = (...what) => seen.push(what.join(" "));
		const follow = (socket) => {
			for (const kind of ["open", "message", "error", "close", "ping", "pong"])
				socket.addEventListener(kind, (e) => log(kind, e.data ?? e.error ?? (kind === "close" ? e.code + " " + e.by : socket.readyState)));
			return socket;
		};`)
	_, err = rt.RunOnEventLoop(script)
	value, failure := rt.VU.Runtime().RunString(`seen.join(", ")`)
	if failure != nil {
		t.Fatal(failure)
	}
	return rt, value.String(), err
}

func quote(url string) string { return fmt.Sprintf("%q", url) }

func TestASocketHearsAllInOrder(t *testing.T) {
	_, logged, err := runSocket(t, `
		const socket = follow(new WebSocket(`+quote(startServer(t))+`));
		log("made", socket.readyState);
		socket.onopen = () => { for (const text of ["a", "b", "c"]) socket.send(text); };
		socket.onmessage = ({ data }) => { if (data === "c") socket.ping(); };
		socket.onpong = () => socket.close(4000, "done");`)
	if err != nil {
		t.Fatal(err)
	}
	const want = "made 0, open 1, message a, message b, message c, pong 2, close 4000 client"
	if logged != want {
		t.Errorf("heard %q, want %q", logged, want)
	}
}

func TestBytesComeBackAsTheyWere(t *testing.T) {
	_, logged, err := runSocket(t, `
		const socket = new WebSocket(`+quote(startServer(t))+`);
		const all = new Uint8Array([9, 1, 2, 255, 9]);
		const sent = [all.buffer, all.subarray(1, 4), new DataView(all.buffer, 3, 1)];
		socket.onopen = () => { for (const data of sent) socket.send(data); all.fill(0); };
		socket.onmessage = ({ data, receivedAtMs, atMs, ageMs }) => {
			log([...new Uint8Array(data)].join("."), receivedAtMs === atMs && receivedAtMs <= realtime.now() && ageMs >= 0);
			if (seen.length === 3) socket.close();
		};`)
	if err != nil {
		t.Fatal(err)
	}
	if want := "9.1.2.255.9 true, 1.2.255 true, 255 true"; logged != want {
		t.Errorf("came back %q, want %q", logged, want)
	}
}

func TestARefusalIsNamed(t *testing.T) {
	refusing := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusUnauthorized)
	}))
	t.Cleanup(refusing.Close)
	silent := silentPeer(t)
	for _, test := range []struct{ name, url, want string }{
		{"401", "ws" + strings.TrimPrefix(refusing.URL, "http"), "error http_401, close 1006 server"},
		{"nobody listens", "ws://127.0.0.1:1", "error refused, close 1006 server"},
		{"never upgraded", silent, "error timeout_upgrade, close 1006 timeout"},
	} {
		_, logged, err := runSocket(t, `follow(new WebSocket(`+quote(test.url)+`, null, { timeouts: { upgradeMs: 50 } }));`)
		if err != nil {
			t.Fatal(err)
		}
		if logged != test.want {
			t.Errorf("%s: heard %q, want %q", test.name, logged, test.want)
		}
	}
}

func TestGivingUpBeforeItIsOpenEnds(t *testing.T) {
	_, logged, err := runSocket(t, `follow(new WebSocket(`+quote(silentPeer(t))+`)).close();`)
	if err != nil {
		t.Fatal(err)
	}
	if want := "error aborted, close 1006 client"; logged != want {
		t.Errorf("heard %q, want %q", logged, want)
	}
}

// silentPeer takes connections and says nothing.
func silentPeer(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return "ws://" + l.Addr().String()
}

func TestAnInterruptedIterationClosesItsSockets(t *testing.T) {
	rt, samples := virtualUser(t, New(), "")
	goroutines := runtime.NumGoroutine()
	ctx, interrupt := context.WithCancel(t.Context())
	rt.VU.CtxField = ctx
	opened := make(chan struct{})
	if err := rt.VU.Runtime().Set("opened", func() { close(opened) }); err != nil {
		t.Fatal(err)
	}
	go func() { <-opened; interrupt() }()
	_, err := rt.RunOnEventLoop(`globalThis.socket = new realtime.WebSocket(` + quote(startServer(t)) + `); socket.onopen = () => { socket.pause(); opened() }`)
	if err != nil {
		t.Fatal(err)
	}
	if got := sumOf(samples, "ws_sessions"); got != 1 {
		t.Errorf("k6 was told of %v sessions, want 1", got)
	}
	// The server's own goroutine is the one more.
	for deadline := time.Now().Add(10 * time.Second); runtime.NumGoroutine() > goroutines+1; {
		if time.Now().After(deadline) {
			t.Fatalf("%d goroutines, before it was %d", runtime.NumGoroutine(), goroutines)
		}
		time.Sleep(time.Millisecond)
	}
}

func TestAHandlerThatThrowsEndsTheIterationWithItsError(t *testing.T) {
	rt, _ := virtualUser(t, New(), "")
	ctx, interrupt := context.WithCancel(t.Context())
	rt.VU.CtxField = ctx
	if err := rt.VU.Runtime().Set("interrupt", interrupt); err != nil {
		t.Fatal(err)
	}
	// k6 interrupts an iteration that threw; here the handler itself does.
	_, err := rt.RunOnEventLoop(`new realtime.WebSocket(` + quote(startServer(t)) + `).onopen = () => { interrupt(); throw new Error("mine") }`)
	if err == nil || !strings.Contains(err.Error(), "mine") {
		t.Errorf("error %v, want the handler's", err)
	}
}

func TestCountsOfASocket(t *testing.T) {
	rt, samples := virtualUser(t, New(), "")
	_, err := rt.RunOnEventLoop(`{
		const socket = new realtime.WebSocket(` + quote(startServer(t)) + `, [], { tags: { role: "slow" } });
		let heard = 0;
		socket.onopen = () => { for (let i = 0; i < 10; i++) socket.send("0123456789") };
		socket.onmessage = () => { if (++heard === 10) socket.ping() };
		socket.onpong = () => socket.close();
	}`)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]float64{"ws_sessions": 1, "ws_msgs_sent": 10, "ws_msgs_received": 10} {
		if got := sumOf(samples, name); got != want {
			t.Errorf("%s is %v, want %v", name, got, want)
		}
	}
	for _, name := range []string{"ws_connecting", "ws_ping", "ws_session_duration"} {
		if got := sumOf(samples, name); got <= 0 {
			t.Errorf("%s is %v, want more than 0", name, got)
		}
	}
	// 10 messages of 10 bytes with a header of 2 (6 with the mask), and the handshake.
	if sent, received := sumOf(samples, "data_sent"), sumOf(samples, "data_received"); sent < 260 || received < 220 {
		t.Errorf("%v bytes sent and %v received", sent, received)
	}
	for range len(samples) {
		for _, s := range (<-samples).GetSamples() {
			if role, _ := s.Tags.Get("role"); role != "slow" {
				t.Errorf("%s has role %q, want slow", s.Metric.Name, role)
			}
		}
	}
}

// A paused reader's window closes: what the peer can write is bounded.
func TestAPausedReaderStopsThePeer(t *testing.T) {
	rt, _ := virtualUser(t, New(), "")
	blocked := make(chan int64, 1)
	url := streamingPeer(t, blocked)
	if err := rt.VU.Runtime().Set("blocked", func() int64 {
		select {
		case n := <-blocked:
			blocked <- n
			return n
		default:
			return 0
		}
	}); err != nil {
		t.Fatal(err)
	}
	var unread int64
	var most int64
	if err := rt.VU.Runtime().Set("report", func(u, b int64) { unread, most = u, b }); err != nil {
		t.Fatal(err)
	}
	_, err := rt.RunOnEventLoop(`{
		const socket = new realtime.WebSocket(` + quote(url) + `, null, { receiveBufferBytes: 16384 });
		socket.onopen = () => {
			socket.pause();
			socket.send("begin");
			while (blocked() === 0);
			report(socket.unreadBytes, blocked());
			socket.reset();
		};
	}`)
	if err != nil {
		t.Fatal(err)
	}
	if runtime.GOOS == "linux" && unread <= 0 {
		t.Errorf("%d bytes unread, want the kernel's queue to hold some", unread)
	}
	if most > 16<<20 {
		t.Errorf("the peer wrote %d bytes before it was blocked, want a closed window", most)
	}
}

// A script that takes messages more slowly than they come must not fill the
// memory with them: they wait at the peer, and none is lost.
func TestWhatWaitsForAScriptIsBounded(t *testing.T) {
	root := New()
	root.process.mail.limit = 1 << 20
	rt, _ := virtualUser(t, root, "")
	log := logrustest.NewLocal(rt.VU.StateField.Logger.(*logrus.Logger))
	blocked := make(chan int64, 1)
	var written, messages int64
	for name, f := range map[string]any{
		"wait": func() { written = <-blocked },
		"heard": func() (all bool) {
			messages++
			return messages == written/(64<<10)
		},
	} {
		if err := rt.VU.Runtime().Set(name, f); err != nil {
			t.Fatal(err)
		}
	}
	_, err := rt.RunOnEventLoop(`
		const socket = new realtime.WebSocket(` + quote(streamingPeer(t, blocked)) + `, null, { receiveBufferBytes: 16384 });
		socket.onopen = () => { socket.send("begin"); wait(); };
		socket.onmessage = () => { if (heard()) socket.reset(); };`)
	if err != nil {
		t.Fatal(err)
	}
	if written > 32<<20 {
		t.Errorf("the peer wrote %d bytes before it was blocked, want a closed window", written)
	}
	if want := written / (64 << 10); want == 0 || messages != want {
		t.Errorf("the script heard %d messages of %d", messages, want)
	}
	if said := len(log.AllEntries()); said != 1 {
		t.Errorf("%d warnings, want one", said)
	}
	if waiting := root.process.mail.waiting.Load(); waiting != 0 {
		t.Errorf("%d bytes are accounted for when nothing waits", waiting)
	}
}

// streamingPeer upgrades, waits for a message and writes until it cannot, or
// wrote 64 MiB; then it tells how much that was.
func streamingPeer(t *testing.T, blocked chan<- int64) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		conn, buffered, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		fmt.Fprintf(conn, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n",
			acceptOf(r.Header.Get("Sec-WebSocket-Key")))
		if _, err := buffered.ReadByte(); err != nil {
			return
		}
		chunk := make([]byte, 64<<10)
		chunk[0], chunk[1], chunk[2], chunk[3] = 0x82, 126, 0xFF, 0xFC // one frame of 65,532 bytes
		var written int64
		for written < 64<<20 {
			conn.SetWriteDeadline(time.Now().Add(500 * time.Millisecond))
			n, err := conn.Write(chunk)
			written += int64(n)
			if err != nil {
				break
			}
		}
		blocked <- written
		io.Copy(io.Discard, conn)
	}))
	t.Cleanup(server.Close)
	return "ws" + strings.TrimPrefix(server.URL, "http")
}

func TestASocketIsRefused(t *testing.T) {
	for _, test := range []struct{ name, script, want string }{
		{"without a URL", `new WebSocket()`, "WebSocket.url: expected a text, got nothing"},
		{"of another scheme, without repeating the query", `new WebSocket("ftp://h/p?token=secret")`, `URL "ftp://h": want ws:// or wss://`},
		{"with an unknown option", `new WebSocket("ws://h", null, { compress: "deflate" })`,
			"WebSocket.compress: unknown option, expected one of headers, tags, receiveBufferBytes, messageBytes, bufferedBytes, compression, contextTakeover, serverWindowBits, clientWindowBits, httpVersion, streamsPerConnection, timeouts"},
		{"with a wrong compression", `new WebSocket("ws://h", null, { compression: "gzip" })`,
			`WebSocket.compression: expected off or deflate, got "gzip"`},
		{"with a wrong window", `new WebSocket("ws://h", null, { compression: "deflate", clientWindowBits: 7 })`,
			"WebSocket.clientWindowBits: expected a whole number from 8 to 15, got 7"},
		{"with another version of HTTP", `new WebSocket("ws://h", null, { httpVersion: "3" })`, `WebSocket.httpVersion: expected 1.1 or 2, got "3"`},
		{"with no stream", `new WebSocket("ws://h", null, { httpVersion: "2", streamsPerConnection: 0 })`,
			"WebSocket.streamsPerConnection: expected a whole number from 1 to 10000, got 0"},
		{"with a header that HTTP/2 has none of", `new WebSocket("http://h", null, { httpVersion: "2", headers: { "Keep-Alive": "1" } })`,
			`WebSocket: header "Keep-Alive" cannot stand in HTTP/2`},
		{"with a wrong buffer", `new WebSocket("ws://h", null, { receiveBufferBytes: "big" })`,
			"WebSocket.receiveBufferBytes: expected a whole number from 0 to 1073741824, got \"big\""},
		{"with a wrong bound", `new WebSocket("ws://h", null, { timeouts: { closeMs: 0 } })`,
			"WebSocket.timeouts.closeMs: expected a number from 1"},
		{"with a header of the handshake's own", `new WebSocket("ws://h", null, { headers: { Upgrade: "x" } })`, `header "Upgrade"`},
		{"to send before it is open", `new WebSocket("ws://127.0.0.1:1").send("x")`, "WebSocket.send: InvalidStateError: expected an open connection, got readyState 0"},
		{"to close with no code", `new WebSocket("ws://127.0.0.1:1").close("x")`, "WebSocket.close: expected a code from 0 to 65535"},
		{"a wrong handler", `new WebSocket("ws://127.0.0.1:1").onopen = 5`, "WebSocket.onopen: expected a function or null, got 5"},
		{"an unknown event", `new WebSocket("ws://127.0.0.1:1").addEventListener("opened", () => {})`, `got "opened"`},
	} {
		_, logged, err := runSocket(t, `try { `+test.script+` } catch (e) { log(e) }`)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(logged, test.want) || strings.Contains(logged, "secret") {
			t.Errorf("%s: %q, want %q", test.name, logged, test.want)
		}
	}
	t.Run("in the init context", func(t *testing.T) {
		rt := modulestest.NewRuntime(t)
		if err := rt.VU.Runtime().Set("realtime", New().NewModuleInstance(rt.VU).Exports().Named); err != nil {
			t.Fatal(err)
		}
		_, err := rt.VU.Runtime().RunString(`new realtime.WebSocket("ws://127.0.0.1:1")`)
		if err == nil || !strings.Contains(err.Error(), "made in the init context") {
			t.Errorf("error %v", err)
		}
	})
}

func acceptOf(key string) string {
	var k handshake.Key
	copy(k[:], key)
	accept := k.Accept()
	return string(accept[:])
}

func TestNothingIsToldOfASetupThatIsOver(t *testing.T) {
	samples := make(chan metrics.SampleContainer, 2)
	ctx, cancel := context.WithCancel(context.Background())
	o := &outbox{}
	one := metrics.Samples{{}}
	taken := make(chan struct{})
	o.put(outgoing{to: samples, until: ctx, samples: one, then: func() { close(taken) }})
	if <-taken; len(samples) != 1 {
		t.Errorf("%d samples while it runs, want 1", len(samples))
	}
	cancel()
	close(samples) // as k6 does, which does not wait for the sockets of a setup() that failed
	over := make(chan struct{})
	o.put(outgoing{to: samples, until: ctx, samples: one, then: func() { close(over) }})
	<-over
}
