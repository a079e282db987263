//go:build linux

package main

// Finished frames that hold a whole message (RFC 6455 section 5.2).
const (
	wholeText   = 0x81
	wholeBinary = 0x82
)

// serviceTimes is, of each reply from a port, the time from its request's packet
// to its own, as the kernel received them. Replies must come in the order of
// the requests.
func serviceTimes(port int) (*captureFigures, error) {
	var times []int64
	var requests, replies unpaired
	figures, err := capture(port, func(p packet) {
		if len(p.data) == 0 || p.data[0] != wholeText && p.data[0] != wholeBinary {
			return // the handshake, or a Close
		}
		// Another processor may hand over a reply before its request.
		if p.fromServer {
			if request, ok := requests.take(p.client); ok {
				times = append(times, p.received-request)
			} else {
				replies.add(p)
			}
		} else if reply, ok := replies.take(p.client); ok {
			times = append(times, reply-p.received)
		} else {
			requests.add(p)
		}
	})
	if err != nil {
		return nil, err
	}
	figures.summarize(times)
	return figures, nil
}

// unpaired is when packets were received that have no counterpart yet, by the
// client's port, in order.
type unpaired [1 << 16][]int64

func (u *unpaired) add(p packet) { u[p.client] = append(u[p.client], p.received) }

func (u *unpaired) take(client uint16) (received int64, ok bool) {
	waiting := u[client]
	if len(waiting) == 0 {
		return 0, false
	}
	received = waiting[0]
	u[client] = append(waiting[:0], waiting[1:]...)
	return received, true
}
