package engine

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"xk6-realtime/engine/clock"
	"xk6-realtime/engine/frame"
)

// sending is when a peer wrote a message: the write took from before to after.
type sending struct{ before, after clock.Time }

// holds tells whether a message's bounds have room for when it was sent. On a
// busy machine a packet that was sent may take a moment to its socket.
func (s sending) holds(m Message) bool {
	return m.Since.Sub(s.after) <= CertainWithin && s.before <= m.At && m.At <= m.Read
}

// sender writes numbered messages of a size and notes when.
type sender struct {
	t    *testing.T
	c    *net.TCPConn
	sent []sending // read it when the sender is done
}

func (s *sender) send(bytes int) {
	payload := binary.BigEndian.AppendUint32(make([]byte, 0, bytes), uint32(len(s.sent)))
	message := frame.Append(nil, frame.Binary, payload[:bytes])
	before := clock.Now()
	s.c.Write(message)
	awaitSent(s.t, s.c)
	s.sent = append(s.sent, sending{before, clock.Now()})
}

// awaitSent waits until the kernel has sent what was written: it may keep some
// until the peer has acknowledged what went before. Over loopback, what is sent
// has arrived.
func awaitSent(t *testing.T, c *net.TCPConn) {
	raw, err := c.SyscallConn()
	if err != nil {
		t.Error(err)
		return
	}
	for unsent, deadline := 1, time.Now().Add(patience); unsent > 0; runtime.Gosched() {
		raw.Control(func(fd uintptr) { unsent, err = unix.IoctlGetInt(int(fd), unix.SIOCOUTQNSD) })
		if err != nil || time.Now().After(deadline) {
			t.Errorf("%d bytes are not sent: %v", unsent, err)
			return
		}
	}
}

// Whatever keeps the loop from reading a message at once, the bounds on its
// arrival hold: here for readers that rest, or that read slowly, or less at a
// time than there is.
func TestArrivalsLieWithinTheirBounds(t *testing.T) {
	const messages = 60
	for _, reader := range []struct {
		sentence string
		bytes    int
		before   func(c *Conn) // on the loop's goroutine
		between  func(c *Conn, at int)
		buffer   int
	}{
		{sentence: "at full speed", bytes: 8},
		{sentence: "paused for a while", bytes: 8, between: func(c *Conn, at int) {
			switch at % 20 {
			case 5:
				c.Pause()
			case 15:
				c.Resume()
			}
		}},
		{sentence: "paused from the start", bytes: 8, before: (*Conn).Pause, between: func(c *Conn, at int) {
			if at == messages-1 {
				c.Resume()
			}
		}},
		{sentence: "slow", bytes: 1_000, before: func(c *Conn) { c.SetReadRate(200_000) }},
		{sentence: "with more than is read in one turn", bytes: 100_000, before: (*Conn).Pause, buffer: 4 << 20,
			between: func(c *Conn, at int) {
				if at%15 == 14 {
					c.Resume()
				}
			}},
	} {
		t.Run(reader.sentence, func(t *testing.T) {
			step, stepped := make(chan bool), make(chan bool)
			s := &sender{t: t}
			url := rawPeer(t, upgraded(func(c *net.TCPConn) {
				s.c = c
				for range step {
					s.send(reader.bytes)
					stepped <- true
				}
				untilGone(c)
			}))
			e, w := start(t, Options{Transport: Epoll, ReceiveBuffer: reader.buffer}), newWitness(t)
			w.atOpen = reader.before
			dial(t, e, url, w)
			c := w.next("opened").conn
			for i := range messages {
				step <- true
				<-stepped
				// Between two messages the loop looks more than once, and finds nothing.
				for range 3 {
					do(c, func() {})
				}
				if reader.between != nil {
					do(c, func() { reader.between(c, i) })
				}
			}
			do(c, c.Resume)
			close(step)
			for i := range messages {
				m := w.next("message").message
				if s := s.sent[i]; !s.holds(m) {
					t.Errorf("message %d was sent between %d and %d, and is said to have come between %d and %d",
						i, s.before, s.after, m.Since, m.At)
				}
			}
		})
	}
}

// peerVariable makes a test binary the peer of TestArrivalsOfAStarvedLoop.
const peerVariable = "ENGINE_TEST_PEER"

// starvedMessages is how many messages the starved loop's peer sends.
const starvedMessages = 120

// burst is how many messages the starved loop's peer sends before it rests.
const burst = 3

// TestPeerOfAStarvedLoop is no test, but the other process of one. What it
// sends tells when the message before was sent, on the clock that processes
// share.
func TestPeerOfAStarvedLoop(t *testing.T) {
	if os.Getenv(peerVariable) == "" {
		t.Skip("part of TestArrivalsOfAStarvedLoop")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	os.Stdout.WriteString("ADDR " + l.Addr().String() + "\n")
	c, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	upgraded(func(c *net.TCPConn) {
		var last sending
		for i := range starvedMessages {
			if i%burst == 0 {
				time.Sleep(40 * time.Millisecond)
			}
			payload := binary.BigEndian.AppendUint64(nil, uint64(last.before))
			payload = binary.BigEndian.AppendUint64(payload, uint64(last.after))
			last.before = sharedClock()
			c.Write(frame.Append(nil, frame.Binary, payload))
			awaitSent(t, c)
			last.after = sharedClock()
			time.Sleep(5 * time.Millisecond)
		}
	})(c.(*net.TCPConn))
	c.Close()
}

func sharedClock() clock.Time {
	var now unix.Timespec
	unix.ClockGettime(unix.CLOCK_MONOTONIC, &now)
	return clock.Time(now.Nano())
}

// A loop that gets no processor reads late, and what it cannot know of arrivals
// then it does not make up.
func TestArrivalsOfAStarvedLoop(t *testing.T) {
	peer := exec.Command(os.Args[0], "-test.run=^TestPeerOfAStarvedLoop$", "-test.v")
	peer.Env = append(os.Environ(), peerVariable+"=1")
	out, err := peer.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := peer.Start(); err != nil {
		t.Fatal(err)
	}
	defer peer.Wait()
	defer peer.Process.Kill()
	address := ""
	for lines := bufio.NewScanner(out); address == "" && lines.Scan(); {
		_, address, _ = strings.Cut(lines.Text(), "ADDR ")
	}
	if address == "" {
		t.Fatal("the peer told no address")
	}

	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	e, w := start(t, Options{Transport: Epoll, Loops: 1}), newWitness(t)
	dial(t, e, "ws://"+address, w)
	w.next("opened")
	stop := make(chan struct{})
	defer close(stop)
	for range 2 { // as busy virtual users are
		go func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
			}
		}()
	}
	started := clock.Time(0) // of the engine's time line, on the clock that is shared
	for range 100 {
		before, now, after := sharedClock(), clock.Now(), sharedClock()
		if started == 0 || after-before < 10_000 {
			started = before + (after-before)/2 - now
		}
	}
	var last Message
	messages, together := 0, 0
	for h := <-w.heard; h.what == "message"; h = <-w.heard {
		m := h.message
		if messages++; messages > 1 {
			s := sending{clock.Time(binary.BigEndian.Uint64(m.Data)) - started, clock.Time(binary.BigEndian.Uint64(m.Data[8:])) - started}
			const reading = clock.Time(20 * time.Microsecond) // of one clock beside the other
			s.before -= reading
			s.after += reading
			if !s.holds(last) {
				t.Errorf("a message was sent between %d and %d, and is said to have come between %d and %d", s.before, s.after, last.Since, last.At)
			}
			if bytes.Equal(m.Data, last.Data) {
				t.Fatal("the peer repeats itself")
			}
			if last.Read == m.Read {
				together++
			}
		}
		last = m
	}
	if messages != starvedMessages || together == 0 {
		t.Errorf("%d messages came, %d of them read together with the next; want %d, and the loop late for some",
			messages, together, starvedMessages)
	}
	t.Logf("%d of %d messages were read together with the next", together, messages)
}

// judge is a witness that notes, at its alarm, up to when all is said to be
// handled, and whether something is left.
type judge struct {
	*witness
	again   bool // ring once more, after the next turn
	settled clock.Time
	unread  int
}

func (j *judge) Alarm(c *Conn, now clock.Time) {
	if j.again {
		j.again = false
		c.SetAlarm(now)
		return
	}
	j.settled, j.unread = c.Settled(), c.Unread()
	j.witness.Alarm(c, now)
}

// What a turn of the loop leaves in the kernel is not taken for handled when
// alarms ring after it.
func TestWhatATurnLeavesIsNotSettled(t *testing.T) {
	send, sent := make(chan struct{}), make(chan struct{})
	url := rawPeer(t, upgraded(func(c *net.TCPConn) {
		<-send
		c.Write(frame.Append(nil, frame.Binary, make([]byte, (readsEach+4)*readBufferBytes)))
		awaitSent(t, c)
		close(sent)
		untilGone(c)
	}))
	e := start(t, Options{Transport: Epoll, ReceiveBuffer: 4 << 20})
	j := &judge{witness: newWitness(t)}
	endpoint, _, err := ParseURL(url)
	if err != nil {
		t.Fatal(err)
	}
	var c *Conn
	e.Loops()[0].Await(func() { c = e.Loops()[0].Dial(&Dial{Endpoint: endpoint}, j) })
	j.next("opened")
	var before, after clock.Time
	alarm := func() {
		j.again = true
		c.SetAlarm(clock.Now())
	}
	do(c, func() {
		before = clock.Now()
		close(send)
		<-sent
		after = clock.Now()
		alarm()
	})
	heard := func() (settled clock.Time, unread int) {
		j.next("alarm")
		do(c, func() { settled, unread = j.settled, j.unread })
		return settled, unread
	}
	settled, unread := heard()
	if unread == 0 {
		t.Skip("the kernel's buffer holds less than a turn reads")
	}
	if settled > before {
		t.Errorf("with %d bytes unread all is said to be handled up to %v after they began to come", unread, settled.Sub(before))
	}
	j.next("message")
	do(c, alarm)
	if settled, _ := heard(); settled < after {
		t.Errorf("all was read, and is said to be handled only up to %v before it had come", after.Sub(settled))
	}
}

// What ends a long wait is known to have come at its end, though the loop had
// last looked before it.
func TestABurstAfterARestIsKnownWell(t *testing.T) {
	l, err := newLoop(&Options{Transport: Epoll})
	if err != nil {
		t.Fatal(err)
	}
	delays := &l.poll.(*epoll).runDelay
	_, accounted := delays.read(delays.account(unix.Gettid()))
	l.poll.stop()
	if !accounted {
		t.Skip("this kernel keeps no account of the delays of threads")
	}

	next := make(chan struct{})
	defer close(next)
	url := rawPeer(t, upgraded(func(c *net.TCPConn) {
		for range next {
			time.Sleep(time.Millisecond) // more than a bound lies before the arrival
			c.Write([]byte("\x81\x01x\x81\x01y"))
		}
	}))
	e, w := start(t, Options{Transport: Epoll}), newWitness(t)
	dial(t, e, url, w)
	w.next("opened")
	// A thread that loses its processor, or a loop that comes back from its wait
	// on another thread, is told nothing.
	for known, deadline := false, time.Now().Add(patience); !known; {
		if time.Now().After(deadline) {
			t.Fatal("no first message of two is known to have come after the rest before it")
		}
		time.Sleep(2 * quiet)
		rested := clock.Now()
		next <- struct{}{}
		known = w.next("message").message.Since > rested
		w.next("message")
	}
}
