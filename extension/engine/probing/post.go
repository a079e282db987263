package probing

import (
	"bytes"
	"errors"
	"hash/fnv"
	"math/bits"
	"strconv"
	"sync/atomic"
	"time"

	"xk6-realtime/engine/clock"
	"xk6-realtime/engine/protocol"
)

// posting is a probe on its way by HTTP, beside its connection.
type posting struct {
	id      []byte
	late    time.Duration // from its due time until it was handed over
	noted   bool          // its delay is recorded
	next    *posting      // of the same prober
	written atomic.Int64  // clock.Time; 0 until the request is written
	delay   atomic.Int64  // of this side, since the probe was handed over
}

// post sends the probe that is being made.
func (p *prober) post(message []byte) {
	l := p.loop
	due := p.next.Add(-l.run.o.Interval) // the next one is set by now
	post := &posting{id: bytes.Clone(l.id), late: p.written.Sub(due), next: p.posts}
	p.posts = post
	l.run.o.Post(int(p.number), bytes.Clone(message), protocol.Posted{
		Wrote: func(at clock.Time, delay time.Duration) {
			post.delay.Store(int64(delay))
			post.written.Store(int64(at))
		},
		Done: func(err error) { l.loop.Do(func() { p.posted(post, err) }) },
	})
}

// noteWritten gives the conversation the times at which probes were written, so
// that it has them before their replies.
func (p *prober) noteWritten() {
	for post := p.posts; post != nil; post = post.next {
		at := clock.Time(post.written.Load())
		if at == 0 {
			continue
		}
		p.conversation.Sent(post.id, at)
		if !post.noted {
			post.noted = true
			p.loop.records.Now.series.Of(SendDelay).Record(post.late + time.Duration(post.delay.Load()))
		}
	}
}

// posted is called when a probe's request is over.
func (p *prober) posted(post *posting, err error) {
	p.noteWritten()
	for at := &p.posts; *at != nil; at = &(*at).next {
		if *at == post {
			*at = post.next
			break
		}
	}
	if err == nil {
		return
	}
	r := p.loop.records.Now
	r.Untaken.Count(err)
	p.loop.complaints.Unsent(err)
	if errors.Is(err, protocol.ErrRefused) {
		r.Refused += int64(bits.OnesCount16(p.conversation.Refuse(post.id)))
		p.wait()
	}
}

// appendSharedID names a probe uniquely among all connections of all processes.
// As a number, which JSON's readers keep whole up to 53 bits, it has 13 bits of the
// process' name, 20 of the connection and 20 of the probe.
func appendSharedID(id []byte, name string, numeric bool, connection, probe int32) []byte {
	if !numeric {
		id = append(append(id, name...), '-')
		id = append(strconv.AppendInt(id, int64(connection), 10), '-')
		return strconv.AppendInt(id, int64(probe), 10)
	}
	const eachBits, each = 20, 1<<20 - 1
	mark := fnv.New32a()
	mark.Write([]byte(name))
	process := uint64(mark.Sum32() & (1<<13 - 1))
	return strconv.AppendUint(id, process<<(2*eachBits)|uint64(connection)&each<<eachBits|uint64(probe)&each, 10)
}
