package binding

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"

	"go.k6.io/k6/v2/lib"
	"go.k6.io/k6/v2/lib/netext"

	"xk6-realtime/engine"
)

// engineOptions makes k6's own options hold for the engine: hosts, dns,
// blockHostnames, blacklistIPs and those of TLS.
func engineOptions(state *lib.State, timeouts engine.Timeouts) (engine.Options, error) {
	resolver := state.GetAddrResolver()
	if resolver == nil {
		return engine.Options{}, errors.New("this k6 cannot resolve addresses for extensions")
	}
	tls := state.TLSConfig.Clone()
	tls.NextProtos = []string{"http/1.1"} // RFC 6455 upgrades HTTP/1.1 only
	blocked := state.Options.BlacklistIPs
	return engine.Options{
		Timeouts: timeouts,
		TLS:      tls,
		Resolve: func(_ context.Context, host string, port uint16) (netip.AddrPort, error) {
			return resolve(resolver, host, port)
		},
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

func resolve(resolver lib.AddrResolver, host string, port uint16) (netip.AddrPort, error) {
	ip, to, err := resolver.ResolveAddr(net.JoinHostPort(host, strconv.Itoa(int(port))))
	var blockedIP netext.BlackListedIPError
	var blockedName netext.BlockedHostError
	switch {
	case errors.As(err, &blockedIP), errors.As(err, &blockedName):
		return netip.AddrPort{}, fmt.Errorf("%w: %w", engine.ErrBlocked, err)
	case err != nil:
		return netip.AddrPort{}, err
	}
	addr, ok := netip.AddrFromSlice(ip)
	if !ok || to < 0 || to > 1<<16-1 {
		return netip.AddrPort{}, fmt.Errorf("look up %s: got %v, port %d", host, ip, to)
	}
	if to != 0 {
		port = uint16(to)
	}
	return netip.AddrPortFrom(addr.Unmap(), port), nil
}

// refuseAliasedAddresses refuses what the engine, which does not look up
// addresses, would silently ignore: an entry of hosts for an address.
func refuseAliasedAddresses(state *lib.State, servers []string) error {
	if state.Options.Hosts.Trie == nil {
		return nil
	}
	for _, server := range servers {
		e, _, err := engine.ParseURL(server)
		if err != nil {
			return err
		}
		if e.Addr.IsValid() && (state.Options.Hosts.Trie.Match(e.Host) != nil || state.Options.Hosts.Trie.Match(e.String()) != nil) {
			return fmt.Errorf("hosts: expected names, got the address %s; connect to its target instead", e.String())
		}
	}
	return nil
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
