package engine

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"
)

const resolveTTL = 5 * time.Minute

// resolver is the default of Options.Resolve: the system's, asked once for
// each name in a while however many connections wait for it.
type resolver struct {
	mu    sync.Mutex
	names map[string]*name
}

type name struct {
	known   chan struct{} // closed when the look-up is over
	expires time.Time
	addrs   []netip.Addr // of one family, taken in turn
	others  []netip.Addr // of the other
	next    int
	err     error
}

func newResolver() *resolver { return &resolver{names: make(map[string]*name)} }

func (r *resolver) resolve(ctx context.Context, host string, port uint16) ([]netip.AddrPort, error) {
	r.mu.Lock()
	n := r.names[host]
	if n == nil || !n.expires.IsZero() && time.Now().After(n.expires) {
		n = &name{known: make(chan struct{})}
		r.names[host] = n
		go r.lookUp(host, n)
	}
	r.mu.Unlock()
	select {
	case <-n.known:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if n.err != nil {
		return nil, n.err
	}
	r.mu.Lock()
	n.next++
	next := n.next
	r.mu.Unlock()
	to := make([]netip.AddrPort, 0, len(n.addrs)+len(n.others))
	for i := range n.addrs {
		to = append(to, netip.AddrPortFrom(n.addrs[(next+i)%len(n.addrs)], port))
	}
	for _, addr := range n.others {
		to = append(to, netip.AddrPortFrom(addr, port))
	}
	return to, nil
}

func (r *resolver) lookUp(host string, n *name) {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	addrs, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	// IPv4 where there is both: the same choice on each run.
	for _, a := range addrs {
		if a = a.Unmap(); a.Is4() {
			n.addrs = append(n.addrs, a)
		} else {
			n.others = append(n.others, a)
		}
	}
	if len(n.addrs) == 0 {
		n.addrs, n.others = n.others, nil
	}
	if err == nil && len(n.addrs) == 0 {
		err = fmt.Errorf("look up %s: no address", host)
	}
	n.err = err
	r.mu.Lock()
	n.expires = time.Now().Add(resolveTTL)
	if err != nil {
		delete(r.names, host) // the next one asks again
	}
	r.mu.Unlock()
	close(n.known)
}
