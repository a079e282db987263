//go:build linux

package engine

import (
	"bytes"
	"net"
	"net/netip"
	"runtime"
	"strings"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"xk6-realtime/engine/clock"
)

// allowNoMoreDescriptors lets nothing be opened beyond what is open now. It
// returns the limit from before.
func allowNoMoreDescriptors(t *testing.T) (before unix.Rlimit) {
	t.Helper()
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &before); err != nil {
		t.Fatal(err)
	}
	next, err := unix.Dup(0)
	if err != nil {
		t.Fatal(err)
	}
	unix.Close(next)
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: uint64(next), Max: before.Max}); err != nil {
		t.Fatal(err)
	}
	return before
}

func TestOutOfDescriptors(t *testing.T) {
	url := rawPeer(t, upgraded(untilGone))
	onEachTransport(t, func(t *testing.T, o Options) {
		e, w := start(t, o), newWitness(t)
		before := allowNoMoreDescriptors(t)
		dial(t, e, url, w)
		f := w.next("failed").failure
		if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &before); err != nil {
			t.Fatal(err)
		}
		if f.Reason != ReasonNoDescriptors {
			t.Errorf("failed as %v, want no_descriptors", f)
		}
	})
}

// A server that may open no more files waits for others to close: it does not
// ask the kernel again and again, which is processor time taken from those that
// are measured.
func TestAServerOutOfDescriptorsRests(t *testing.T) {
	e, w := start(t, Options{Transport: Epoll}), newWitness(t)
	l := e.Loops()[0]
	var s *Listener
	l.Await(func() {
		var err error
		s, err = l.Listen(netip.MustParseAddrPort("127.0.0.1:0"), false, func(*Conn) Handler { return w })
		if err != nil {
			t.Error(err)
		}
	})
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	before := allowNoMoreDescriptors(t)
	used := func() time.Duration {
		var usage unix.Rusage
		if err := unix.Getrusage(unix.RUSAGE_SELF, &usage); err != nil {
			t.Error(err)
		}
		return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
	}
	const waits = 500 * time.Millisecond
	err = unix.Connect(fd, sockaddr(s.Addr()))
	began := used()
	time.Sleep(waits)
	took := used() - began
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &before); err != nil {
		t.Fatal(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	if took > waits/4 {
		t.Errorf("it took %v of processor time in %v of waiting", took, waits)
	}
	unix.Write(fd, []byte("GET / HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"))
	w.next("opened") // now that there is a descriptor
}

// The kernel's stamp is taken on arrival, however late the loop reads.
func TestKernelStamps(t *testing.T) {
	awaitStamps(t)
	send := make(chan struct{})
	url := rawPeer(t, upgraded(func(c *net.TCPConn) {
		<-send
		c.Write([]byte("\x81\x01x"))
		untilGone(c)
	}))
	e, w := start(t, Options{Transport: Epoll}), newWitness(t)
	dial(t, e, url, w)
	c := w.next("opened").conn
	var before, arrived, away clock.Time
	do(c, func() {
		before = clock.Now()
		close(send)
		awaitArrival(t, c)
		arrived = clock.Now()
		time.Sleep(time.Millisecond) // the loop is not there to read
		away = clock.Now()
	})
	m := w.next("message").message
	if m.Since != m.At || m.At < before || m.At > arrived || m.Read < away {
		t.Errorf("it came between %d and %d and was read at %d; want one time from %d to %d, and read at %d or later",
			m.Since, m.At, m.Read, before, arrived, away)
	}
}

// Of messages that are read together the kernel tells only when the last one
// came; the others came after the loop had last looked.
func TestMessagesReadTogetherCameSomewhereBetween(t *testing.T) {
	awaitStamps(t)
	send := make(chan struct{})
	sent := make(chan clock.Time, 2)
	url := rawPeer(t, upgraded(func(c *net.TCPConn) {
		<-send
		for range 2 {
			c.Write([]byte("\x81\x01x"))
			sent <- clock.Now()
			time.Sleep(20 * time.Millisecond)
		}
		untilGone(c)
	}))
	e, w := start(t, Options{Transport: Epoll}), newWitness(t)
	dial(t, e, url, w)
	c := w.next("opened").conn
	var first, second clock.Time
	before := clock.Now()
	do(c, func() {
		close(send)
		first, second = <-sent, <-sent // the loop is not there to read
	})
	m := w.next("message").message
	if m.Since < before.Add(-time.Second) || m.Since > first || m.At < first || m.At > second {
		t.Errorf("the first came between %d and %d, want from about %d until the second did, %d to %d; it was sent by %d",
			m.Since, m.At, before, first, second, first)
	}
	if m := w.next("message").message; m.Since != m.At || m.At > second {
		t.Errorf("the second came between %d and %d, want one time, %d at the latest", m.Since, m.At, second)
	}
}

func TestOneRecordOfTLS(t *testing.T) {
	for what, test := range map[string]struct {
		bytes string
		want  bool
	}{
		"nothing":              {"", false},
		"a header alone":       {"\x17\x03\x03\x00\x02", false},
		"a record":             {"\x17\x03\x03\x00\x02ab", true},
		"most of a record":     {"\x17\x03\x03\x00\x02a", false},
		"a record and a piece": {"\x17\x03\x03\x00\x02ab\x17", false},
	} {
		if got := isOneRecord([]byte(test.bytes)); got != test.want {
			t.Errorf("%s: got %t, want %t", what, got, test.want)
		}
	}
}

// The kernel tells of data and of the end that comes with them once.
func TestTheEndThatComesWithAMessageIsSeen(t *testing.T) {
	send, sent := make(chan struct{}), make(chan struct{})
	url := rawPeer(t, upgraded(func(c *net.TCPConn) {
		<-send
		c.Write([]byte("\x81\x01x"))
		c.Close()
		close(sent)
	}))
	e, w := start(t, Options{Transport: Epoll}), newWitness(t)
	dial(t, e, url, w)
	c := w.next("opened").conn
	do(c, func() {
		close(send)
		<-sent
	})
	w.next("message")
	if end := w.next("closed").end; end.By != ByNetwork {
		t.Errorf("closed with %+v, want the network's end", end)
	}
}

// A loop that waits for more arrivals reads late and says so; when the kernel
// had them stays exact.
func TestCoalescingKeepsReceiveTimes(t *testing.T) {
	awaitStamps(t)
	sent := make(chan sending)
	next := make(chan struct{})
	defer close(next)
	url := rawPeer(t, upgraded(func(c *net.TCPConn) {
		s := &sender{t: t, c: c}
		for range next {
			s.send(8)
			sent <- s.sent[len(s.sent)-1]
		}
	}))
	const coalesce = 8 * time.Millisecond
	e, w := start(t, Options{Transport: Epoll, Coalesce: coalesce}), newWitness(t)
	dial(t, e, url, w)
	w.next("opened")
	// A loop that the message finds awake does not wait, a signal may end the
	// waiting, and a packet may come late to its socket.
	for waited, deadline := false, time.Now().Add(patience); !waited; {
		if time.Now().After(deadline) {
			t.Fatalf("no message was read %v after its arrival", coalesce)
		}
		time.Sleep(2 * coalesce) // an idle loop waits in the kernel by then
		next <- struct{}{}
		s, m := <-sent, w.next("message").message
		if !s.holds(m) {
			t.Errorf("sent between %d and %d, it is said to have come between %d and %d", s.before, s.after, m.Since, m.At)
		}
		waited = m.Since == m.At && m.Read.Sub(m.At) >= coalesce
	}
}

// In one turn of the loop it reads as far as there is anything. Urgent data
// ends a read (tcp(7)), and no arrival tells of what lies behind it.
func TestWhatLiesBehindUrgentDataIsRead(t *testing.T) {
	send := make(chan struct{})
	url := rawPeer(t, upgraded(func(c *net.TCPConn) {
		<-send
		raw, err := c.SyscallConn()
		if err != nil {
			t.Error(err)
			return
		}
		raw.Control(func(fd uintptr) {
			unix.Sendto(int(fd), []byte("\x81\x01x"), 0, nil)
			unix.Sendto(int(fd), []byte("!"), unix.MSG_OOB, nil) // no part of the stream
			unix.Sendto(int(fd), []byte("\x81\x01y"), 0, nil)
		})
		awaitSent(t, c)
		send <- struct{}{}
		untilGone(c)
	}))
	e, w := start(t, Options{Transport: Epoll}), newWitness(t)
	dial(t, e, url, w)
	c := w.next("opened").conn
	do(c, func() {
		send <- struct{}{}
		<-send
	})
	for _, want := range []string{"x", "y"} {
		if m := w.next("message").message; string(m.Data) != want {
			t.Errorf("got %q, want %q", m.Data, want)
		}
	}
}

// A seccomp profile that does not know epoll_pwait2 forbids it, mostly with
// EPERM. A loop waits then by older means.
func TestAForbiddenWaitIsReplaced(t *testing.T) {
	l, err := newLoop(&Options{Transport: Epoll})
	if err != nil {
		t.Fatal(err)
	}
	defer l.poll.stop()
	p := l.poll.(*epoll)
	type outcome struct {
		err           error
		until, waited clock.Time
		events        int
	}
	done := make(chan outcome)
	go func() {
		runtime.LockOSThread() // which ends with this goroutine, and what is forbidden with it
		o := outcome{err: forbid(unix.SYS_EPOLL_PWAIT2)}
		if o.err == nil {
			o.until = clock.Now().Add(5 * time.Millisecond)
			o.events = p.block(o.until)
			o.waited = clock.Now()
		}
		done <- o
	}()
	o := <-done
	if o.err != nil {
		t.Skipf("seccomp: %v", o.err)
	}
	if o.events != 0 || o.waited < o.until || !p.coarse {
		t.Errorf("%d events %v before the time, coarse %v; want none, and a wait by epoll_pwait", o.events, o.until.Sub(o.waited), p.coarse)
	}
	p.wake()
	if n := p.block(clock.Now().Add(patience)); n != 1 {
		t.Errorf("%d events after a wake, want 1", n)
	}
}

// forbid has a system call of this thread fail with EPERM from now on.
func forbid(call uint32) error {
	filter := []unix.SockFilter{
		{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: 0}, // struct seccomp_data: its number
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: call, Jt: 0, Jf: 1},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ERRNO | uint32(unix.EPERM)},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW},
	}
	program := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return err
	}
	return unix.Prctl(unix.PR_SET_SECCOMP, unix.SECCOMP_MODE_FILTER, uintptr(unsafe.Pointer(&program)), 0, 0)
}

// Either the loop's thread has it, and what it starts has not, or the engine
// says that it may not.
func TestRealTimePriority(t *testing.T) {
	e, err := New(Options{RealTime: true, Loops: 2})
	if err != nil {
		if !strings.Contains(err.Error(), "CAP_SYS_NICE") && !strings.Contains(err.Error(), "two processors") {
			t.Fatalf("%v, want a word on what is missing", err)
		}
		t.Skip(err)
	}
	defer e.Close()
	for _, l := range e.Loops() {
		l.Await(func() {
			attr, err := unix.SchedGetAttr(0, 0)
			if err != nil || attr.Policy != unix.SCHED_RR || attr.Flags&unix.SCHED_FLAG_RESET_ON_FORK == 0 {
				t.Errorf("the loop's thread has %+v, %v, want SCHED_RR for itself alone", attr, err)
			}
		})
	}
	attr, err := unix.SchedGetAttr(0, 0)
	if err != nil || attr.Policy == unix.SCHED_RR {
		t.Errorf("this thread has %+v, %v, want no real-time priority", attr, err)
	}
}

func TestRealTimePriorityThatIsNotPermitted(t *testing.T) {
	claimed := make(chan error)
	go func() {
		runtime.LockOSThread() // which ends with this goroutine, and has lost a right
		header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
		var rights [2]unix.CapUserData
		err := unix.Capget(&header, &rights[0])
		if err == nil {
			rights[0].Effective &^= 1 << unix.CAP_SYS_NICE
			err = unix.Capset(&header, &rights[0])
		}
		if err != nil {
			t.Error(err)
		}
		claimed <- claimRealTime()
	}()
	err := <-claimed
	if err == nil || !strings.Contains(err.Error(), "CAP_SYS_NICE") && !strings.Contains(err.Error(), "two processors") {
		t.Errorf("%v, want a word on what is missing", err)
	}
}

// counter is a Handler that only counts.
type counter struct{ messages, bytes int }

func (h *counter) Message(_ *Conn, m Message) { h.messages++; h.bytes += len(m.Data) }
func (h *counter) Opened(*Conn, *Opening)     {}
func (h *counter) Failed(*Conn, *Opening, Failure) {
}
func (h *counter) Alarm(*Conn, clock.Time) {}
func (h *counter) Closed(*Conn, End)       {}

// The whole way of a message, from the socket to the handler and back, without
// an allocation.
func TestMessagesAreReadAndSentWithoutAllocation(t *testing.T) {
	l, err := newLoop(&(&Engine{options: mustDefaults(t, Options{Transport: Epoll})}).options)
	if err != nil {
		t.Fatal(err)
	}
	defer l.poll.stop()
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(pair[0])
	h := &counter{}
	c := &Conn{loop: l, handler: h, receiver: h, state: up}
	c.socket.Open()
	l.add(c)
	if err := l.poll.(*epoll).add(c, pair[1]); err != nil {
		t.Fatal(err)
	}
	defer c.Reset()
	three := bytes.Repeat([]byte("\x81\x05Hello"), 3)
	answer := make([]byte, 100)
	payload := []byte("world")
	allocs := testing.AllocsPerRun(100, func() {
		unix.Write(pair[0], three)
		l.poll.wait(0)
		c.Send(Text, payload)
		unix.Read(pair[0], answer)
	})
	if allocs != 0 {
		t.Errorf("%v allocations for three messages read and one sent, want 0", allocs)
	}
	if allocs := testing.AllocsPerRun(100, func() { l.poll.wait(clock.Now().Add(100 * time.Microsecond)) }); allocs != 0 {
		t.Errorf("%v allocations for a wait in vain, want 0", allocs)
	}
	if h.messages != 303 || h.bytes != 303*5 { // the first run is a rehearsal
		t.Errorf("%d messages of %d bytes were read, want 303", h.messages, h.bytes)
	}
}

func mustDefaults(t *testing.T, o Options) Options {
	o, err := o.withDefaults()
	if err != nil {
		t.Fatal(err)
	}
	return o
}
