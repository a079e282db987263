package binding

import (
	"net"
	"net/netip"

	"go.k6.io/k6/v2/lib"

	"xk6-realtime/engine"
)

// engineOptions makes k6's own options hold for the engine: hosts, dns,
// blockHostnames, blacklistIPs and those of TLS; and the environment's proxies.
func engineOptions(state *lib.State, timeouts engine.Timeouts) (engine.Options, error) {
	router, err := newRouter(state)
	if err != nil {
		return engine.Options{}, err
	}
	tls := state.TLSConfig.Clone()
	tls.NextProtos = []string{"http/1.1"} // RFC 6455 upgrades HTTP/1.1 only
	blocked := state.Options.BlacklistIPs
	return engine.Options{
		Timeouts: timeouts,
		TLS:      tls,
		Route:    router.route,
		Resolve:  router.resolve,
		Blocked: func(_ string, addr netip.Addr) bool {
			if !addr.IsValid() {
				return false // a name: resolve tells
			}
			ip := net.IP(addr.AsSlice())
			for _, network := range blocked {
				if network.Contains(ip) {
					return true
				}
			}
			return false
		},
	}, nil
}

// maxLocalIPs bounds what is taken of a large network.
const maxLocalIPs = 1 << 16

// localIPs are the addresses of k6's --local-ips, each once.
func localIPs(state *lib.State, connections int) (addrs []netip.Addr) {
	if !state.Options.LocalIPs.Valid {
		return nil
	}
	for i := range uint64(min(connections, maxLocalIPs)) {
		addr, ok := netip.AddrFromSlice(state.Options.LocalIPs.Pool.GetIP(i))
		if !ok || len(addrs) > 0 && addr == addrs[0] {
			break // the pool begins again
		}
		addrs = append(addrs, addr.Unmap())
	}
	return addrs
}
