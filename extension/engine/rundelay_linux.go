package engine

import (
	"bytes"
	"fmt"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"xk6-realtime/engine/clock"
)

// runDelay tells when the kernel woke a thread from a wait, however late the thread ran then. The
// scheduler keeps account of how long each thread was ready and had no processor, in
// /proc/self/task/…/schedstat. Without that account, or if the goroutine came back from the wait
// on another thread, there is no answer.
type runDelay struct {
	threads []threadAccount // of the threads that the loop ran on last
	waiting *threadAccount  // of the present wait; nil where none is kept
	before  ranLate
	text    [128]byte
}

type threadAccount struct{ thread, fd int }

// ranLate is a thread's account. It has the time that the thread was ready without a processor,
// and how often it was given one, went to rest, and was made to leave its processor.
type ranLate struct {
	delay         time.Duration
	turns         uint64
	rests, ousted int64
}

// onceWoken tells whether a thread rested once between two accounts and was
// given a processor once, for that rest's end. A kernel with EEVDF's delayed
// dequeue (Linux 6.12) leaves the turn and the delay out of the account when a
// thread is woken soon after it went to rest. Then the one turn may be that of a
// later rest: in Go's scheduler, which has no room for the goroutine. So rests
// are counted too.
func onceWoken(before, after ranLate) bool {
	return after.turns == before.turns+1 && after.rests == before.rests+1 && after.ousted == before.ousted
}

// mostThreads is of how many threads the accounts are kept open.
const mostThreads = 4

// begin is called right before a wait.
func (d *runDelay) begin() {
	d.waiting = d.account(unix.Gettid())
	if before, ok := d.read(d.waiting); ok {
		d.before = before
	} else {
		d.waiting = nil
	}
}

// woken is called right after a wait that was over at an instant. It returns
// when the thread was woken at the earliest, 0 where that is not known.
func (d *runDelay) woken(over clock.Time) clock.Time {
	// From its turn to here a thread takes a few microseconds, and those of the
	// interrupts that come between.
	const wayOut = 100 * time.Microsecond
	if d.waiting == nil || d.waiting.thread != unix.Gettid() {
		return 0
	}
	after, ok := d.read(d.waiting)
	if !ok || !onceWoken(d.before, after) {
		return 0
	}
	return over.Add(-(after.delay - d.before.delay) - wayOut)
}

func (d *runDelay) account(thread int) *threadAccount {
	for i := range d.threads {
		if d.threads[i].thread == thread {
			return &d.threads[i]
		}
	}
	if len(d.threads) == mostThreads {
		unix.Close(d.threads[0].fd)
		d.threads = append(d.threads[:0], d.threads[1:]...)
	}
	fd, err := unix.Open(fmt.Sprintf("/proc/self/task/%d/schedstat", thread), unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		fd = -1 // read fails, as it will do for long: no other attempt
	}
	d.threads = append(d.threads, threadAccount{thread, fd})
	return &d.threads[len(d.threads)-1]
}

// read reads "time-on-processor delay turns", all of them 0 where the kernel
// keeps no account.
func (d *runDelay) read(a *threadAccount) (r ranLate, ok bool) {
	n, err := unix.Pread(a.fd, d.text[:], 0)
	if err != nil {
		return r, false
	}
	var numbers [3]uint64
	rest := bytes.TrimSpace(d.text[:n])
	for i := range numbers {
		number, after, _ := bytes.Cut(rest, []byte(" "))
		if numbers[i], err = strconv.ParseUint(string(number), 10, 64); err != nil {
			return r, false
		}
		rest = after
	}
	var usage unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_THREAD, &usage); err != nil {
		return r, false
	}
	return ranLate{time.Duration(numbers[1]), numbers[2], int64(usage.Nvcsw), int64(usage.Nivcsw)}, numbers[2] > 0
}

func (d *runDelay) stop() {
	for _, a := range d.threads {
		unix.Close(a.fd)
	}
}
