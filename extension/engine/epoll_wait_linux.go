package engine

import (
	"runtime"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"xk6-realtime/engine/clock"
	"xk6-realtime/engine/internal/prefetch"
)

func (p *epoll) wait(until clock.Time) (settled clock.Time) {
	n := p.poll(until)
	if n > 0 {
		p.busy = p.arrivals.wall.Read
	}
	for i := range p.events[:n] {
		p.prefetch(i, n)
		e := &p.events[i]
		switch e.Pad {
		case wakeMark: // the loop looks at what was posted after each wait
		case listenMark:
			if s := p.listeners[e.Fd]; s != nil {
				p.accept(s)
			}
		default:
			p.handle(e)
		}
	}
	p.handled(n)
	return p.arrivals.since
}

// handled ends a round of n events.
func (p *epoll) handled(n int) {
	p.arrivals.handled(n, len(p.events), len(p.socks)+len(p.listeners)+1)
}

// prefetch asks for the memory of the connections whose turn comes after event
// i of n. Of thousands, none is in the cache when its turn comes; it gets there
// while the kernel is busy with those before it.
func (p *epoll) prefetch(i, n int) {
	if s := p.sockOf(i+3, n); s != nil {
		prefetch.Line(unsafe.Pointer(s))
	}
	if s := p.sockOf(i+2, n); s != nil {
		prefetch.Line(unsafe.Pointer(s.conn))
	}
	if s := p.sockOf(i+1, n); s != nil && s.conn != nil {
		// An interface's second word leads to what it holds.
		prefetch.Lines((*[2]unsafe.Pointer)(unsafe.Pointer(&s.conn.receiver))[1])
	}
}

// sockOf is whose event i of n is, nil for nobody's.
func (p *epoll) sockOf(i, n int) *sock {
	if i >= n || p.events[i].Pad < 0 {
		return nil
	}
	return &p.socks[p.events[i].Fd]
}

// poll fills p.events. It looks without blocking first: under load there is
// always something, and the scheduler need not hear of it.
func (p *epoll) poll(until clock.Time) int {
	if n := p.look(p.events[:]); n > 0 {
		return n
	}
	p.handled(0)
	if until != 0 && until <= p.arrivals.since {
		return 0
	}
	limit := p.mayWait(until)
	n := p.block(limit)
	if n == 0 && limit != until {
		// Only here, with nothing to do: each turn is another thread's chance to
		// take the loop along.
		runtime.Gosched()
	}
	if n > 0 && p.mayCoalesce(until) {
		ts := unix.NsecToTimespec(int64(p.loop.options.Coalesce))
		unix.RawSyscall(unix.SYS_NANOSLEEP, uintptr(unsafe.Pointer(&ts)), 0, 0)
	}
	return n + p.look(p.events[n:])
}

const (
	// unheard is how long a loop that waits leaves the scheduler without a word. After 10 ms the
	// scheduler would take it for stuck and look at it every 20 µs (retake and sysmon in Go's
	// runtime/proc.go). That costs a process that waits as often as it works a tenth of its
	// processor time.
	unheard = 5 * time.Millisecond
	// quiet is after how long without an event a loop waits on without that.
	quiet = 100 * time.Millisecond
)

// mayWait is until when to wait before the scheduler has its turn. It has none
// of a loop with a thread of its own: coming back to that would take another
// thread, which is not run before those of others.
func (p *epoll) mayWait(until clock.Time) clock.Time {
	now := clock.Now()
	if p.loop.options.RealTime || now.Sub(p.busy) > quiet {
		return until
	}
	if soon := now.Add(unheard); until == 0 || until > soon {
		return soon
	}
	return until
}

// unusedBounds counts waits whose bound on the next arrivals was useless. After that many, the
// loop takes no bound in its shorter waits: if each read has one message, the stamp alone tells
// its arrival.
const unusedBounds = 1000

// block waits for events, at most until the instant given (0: for ever), and
// finds out when it was woken.
func (p *epoll) block(until clock.Time) int {
	p.unused++
	if p.loop.boundUsed {
		p.loop.boundUsed, p.unused = false, 0
	}
	if p.unused > unusedBounds && until != 0 && until.Sub(clock.Now()) <= unheard {
		return p.sleep(until)
	}
	p.runDelay.begin()
	n := p.sleep(until)
	// A short wait bounds the arrivals well enough by itself.
	if over := clock.Now(); over.Sub(p.arrivals.since) > CertainWithin/2 {
		p.arrivals.woken(p.runDelay.woken(over))
	}
	return n
}

// sleep waits as block does, and keeps how long that took.
func (p *epoll) sleep(until clock.Time) int {
	began := clock.Now()
	n := p.await(began, until)
	p.loop.idle += clock.Now().Sub(began)
	return n
}

func (p *epoll) await(now, until clock.Time) int {
	var timeout *[2]int64 // seconds and nanoseconds, of 64 bits on every platform
	if until != 0 {
		ns := max(int64(until-now), 0)
		timeout = &[2]int64{ns / 1e9, ns % 1e9}
	}
	if !p.coarse {
		n, _, errno := unix.Syscall6(unix.SYS_EPOLL_PWAIT2, uintptr(p.fd),
			uintptr(unsafe.Pointer(&p.events)), uintptr(len(p.events)), uintptr(unsafe.Pointer(timeout)), 0, 0)
		switch errno {
		case 0:
			return int(n)
		case unix.EINTR:
			return 0
		}
		// Before Linux 5.11 there is none; a seccomp profile that is older than it
		// forbids it, with whatever error it likes.
		p.coarse = true
	}
	ms := -1
	if timeout != nil {
		ms = int(timeout[0]*1000 + (timeout[1]+999_999)/1_000_000)
	}
	n, _, errno := unix.Syscall6(unix.SYS_EPOLL_PWAIT, uintptr(p.fd),
		uintptr(unsafe.Pointer(&p.events)), uintptr(len(p.events)), uintptr(ms), 0, 0)
	if errno != 0 {
		return 0
	}
	return int(n)
}

// look puts into events what has happened, without blocking.
func (p *epoll) look(events []unix.EpollEvent) int {
	p.arrivals.look()
	if len(events) == 0 {
		return 0
	}
	n, err := p.ask(events)
	if err != nil {
		return 0
	}
	return n
}

func (p *epoll) ask(events []unix.EpollEvent) (int, error) {
	n, _, errno := unix.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(p.fd),
		uintptr(unsafe.Pointer(&events[0])), uintptr(len(events)), 0, 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return int(n), nil
}

// mayCoalesce tells whether arrivals may wait: not while connections are
// opening, whose times are taken when they are read, nor when a timer is due.
func (p *epoll) mayCoalesce(until clock.Time) bool {
	d := p.loop.options.Coalesce
	return d > 0 && p.loop.opening == 0 && (until == 0 || until.Sub(clock.Now()) > 2*d)
}
