package influxdb

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sirupsen/logrus"
)

// server is a store that can be away. Points are known by their measurement.
type server struct {
	mu       sync.Mutex
	away     bool
	refuse   string // a measurement
	stored   []string
	attempts chan struct{}
	// awayAfter is how many attempts it answers before it goes away, 0 for all.
	awayAfter, answered int
}

func (s *server) write(points []*point) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	defer func() { s.attempts <- struct{}{} }()
	if s.answered++; s.away || s.awayAfter > 0 && s.answered > s.awayAfter {
		return errors.New("connection refused")
	}
	for _, p := range points {
		if p.measurement == s.refuse {
			return &refusal{"unable to parse " + p.measurement, true}
		}
	}
	for _, p := range points {
		s.stored = append(s.stored, p.measurement)
	}
	return nil
}

func (s *server) close() {}

func (s *server) set(change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change()
}

func newServer() *server { return &server{attempts: make(chan struct{}, 1_000_000)} }

func start(s *server) (*queue, *strings.Builder) {
	var log strings.Builder
	logger := logrus.New()
	logger.SetOutput(&log)
	q := newQueue(s, logger)
	go q.run()
	return q, &log
}

func named(from, to int) (points []*point) {
	for i := from; i < to; i++ {
		points = append(points, &point{measurement: fmt.Sprint(i)})
	}
	return points
}

func TestNothingIsMissingAfterAnOutage(t *testing.T) {
	s := newServer()
	q, log := start(s)
	q.add(named(0, 10))
	<-s.attempts
	s.set(func() { s.away = true })
	q.add(named(10, 3*batchPoints))
	<-s.attempts
	<-s.attempts
	q.add(named(3*batchPoints, 3*batchPoints+1))
	s.set(func() { s.away = false })
	account := q.close(time.Minute)

	if want := (tally{written: 3*batchPoints + 1}); account != want {
		t.Errorf("account %+v, want %+v", account, want)
	}
	for i, name := range s.stored {
		if name != fmt.Sprint(i) {
			t.Fatalf("point %d is %s: lost, repeated or out of order", i, name)
		}
	}
	for _, said := range []string{"cannot be written", "answers again"} {
		if n := strings.Count(log.String(), said); n != 1 {
			t.Errorf("said %q %d times, want once:\n%s", said, n, log)
		}
	}
}

func TestWhatIsRefusedIsCountedAndSaidOnce(t *testing.T) {
	s := newServer()
	s.refuse = "bad"
	q, log := start(s)
	for range 50 {
		q.add([]*point{{measurement: "bad"}})
		<-s.attempts
	}
	q.add(named(0, 1))
	account := q.close(time.Minute)
	if account.refused != 50 || account.written != 1 || account.reason != "unable to parse bad" {
		t.Errorf("account %+v, want 50 refused as unable to parse, 1 written", account)
	}
	if n := strings.Count(log.String(), "\n"); n != 1 {
		t.Errorf("%d lines are logged, want 1:\n%s", n, log)
	}
}

func TestWhatIsGoodInARefusedBatchIsWritten(t *testing.T) {
	s := newServer()
	s.refuse = "7"
	q, _ := start(s)
	q.add(named(0, 100))
	account := q.close(time.Minute)
	if account.refused != 1 || account.written != 99 || len(s.stored) != 99 {
		t.Errorf("account %+v, %d stored; want 1 refused, 99 written", account, len(s.stored))
	}
}

// Of a batch that is written in pieces, each point has one fate, also when the
// server goes away between two pieces.
func TestAServerThatGoesAwayAmidARefusedBatch(t *testing.T) {
	s := newServer()
	s.refuse, s.awayAfter = "7", 5
	q, _ := start(s)
	q.add(named(0, 100))
	account := q.close(time.Millisecond)
	if len(s.stored) == 0 || account.written != len(s.stored) || account.written+account.refused+account.givenUp != 100 {
		t.Errorf("account %+v, %d stored; want as many written, and 100 in all", account, len(s.stored))
	}
	if q.bytes != 0 {
		t.Errorf("%d bytes are accounted for in an empty queue", q.bytes)
	}
}

func TestAServerThatStaysAwayIsGivenUp(t *testing.T) {
	s := newServer()
	s.away = true
	q, _ := start(s)
	q.add(named(0, 2*batchPoints))
	account := q.close(time.Millisecond)
	if account.givenUp != 2*batchPoints || account.written != 0 || account.reason != "connection refused" {
		t.Errorf("account %+v, want all given up", account)
	}
}

func TestTheQueueIsBounded(t *testing.T) {
	s := newServer()
	s.away = true
	q := newQueue(s, quiet())
	q.limit = 100 * named(0, 1)[0].bytes()
	q.add(named(0, 1))
	q.add(named(1, 1000))
	if q.bytes > q.limit || len(q.waiting) < 90 {
		t.Errorf("%d points of %d bytes wait, want about 100, of at most %d", len(q.waiting), q.bytes, q.limit)
	}
	s.away = false
	kept := len(q.waiting)
	go q.run()
	account := q.close(time.Minute)
	if account.written != kept || account.givenUp != 1000-kept {
		t.Errorf("account %+v, want %d written and the rest given up", account, kept)
	}
	if q.bytes != 0 {
		t.Errorf("%d bytes are accounted for in an empty queue", q.bytes)
	}
}

func quiet() logrus.FieldLogger {
	logger := logrus.New()
	logger.SetOutput(io.Discard)
	return logger
}
