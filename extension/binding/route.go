package binding

import (
	"cmp"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"sync"
	"time"

	"go.k6.io/k6/v2/lib"
	"go.k6.io/k6/v2/lib/netext"
	"go.k6.io/k6/v2/lib/types"

	"xk6-realtime/engine"
	"xk6-realtime/engine/handshake"
)

// router finds the route that k6's own sockets would take: by the environment's
// proxies, to what k6's hosts and dns say.
type router struct {
	resolver lib.AddrResolver
	hosts    *types.Hosts
	blocked  *types.HostnameTrie
	policy   types.DNSPolicy

	mu     sync.Mutex
	others map[string]*addressSet
}

func newRouter(state *lib.State) (*router, error) {
	r := &router{
		resolver: state.GetAddrResolver(), hosts: state.Options.Hosts.Trie, blocked: state.Options.BlockedHostnames.Trie,
		policy: cmp.Or(state.Options.DNS.Policy.DNSPolicy, types.DNSpreferIPv4), others: map[string]*addressSet{},
	}
	if r.resolver == nil {
		return nil, errors.New("this k6 cannot resolve addresses for extensions")
	}
	return r, nil
}

// route is the route to an endpoint. A proxy that cannot be used was refused by
// requireRoutes.
func (r *router) route(e engine.Endpoint) engine.Route {
	hop := e
	p, err := proxyFor(e)
	if err == nil && p != nil {
		hop = p.Endpoint
	}
	if hop.Addr.IsValid() { // an address may be a name of k6's hosts
		if to, err := r.first(hop.Host, hop.Port); err == nil {
			hop.Addr, hop.Port = to.Addr(), to.Port()
		}
	}
	return engine.Route{Hop: hop, Proxy: p}
}

// requireRoutes refuses URLs that could not be reached as k6's own sockets
// would reach them.
func requireRoutes(urls []string) error {
	for _, u := range urls {
		e, _, _, err := engine.ParseServer(u)
		if err == nil {
			_, err = proxyFor(e)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// proxyFor is the proxy that the environment names for an endpoint, by the same
// rules as for k6's own sockets; nil for none.
func proxyFor(e engine.Endpoint) (*engine.Proxy, error) {
	variable, scheme := "HTTP_PROXY", "http"
	if e.Secure {
		variable, scheme = "HTTPS_PROXY", "https"
	}
	// It reads the environment once in the life of a process.
	given, err := http.ProxyFromEnvironment(&http.Request{URL: &url.URL{Scheme: scheme, Host: e.Authority}})
	if err != nil {
		return nil, fmt.Errorf("%s: expected the URL of a proxy such as http://proxy.example:3128, got something else", variable)
	}
	p, err := proxyOf(given)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", variable, err)
	}
	return p, nil
}

// proxyOf takes a proxy's URL apart. As k6's own sockets, it sends a user to an
// HTTP proxy only with a password. An error has no credentials in it.
func proxyOf(u *url.URL) (*engine.Proxy, error) {
	if u == nil {
		return nil, nil
	}
	host := u.Host
	switch {
	case u.Scheme == "socks5" && u.Port() == "":
		host = net.JoinHostPort(u.Hostname(), "1080")
	case u.Scheme != "http" && u.Scheme != "socks5":
		return nil, fmt.Errorf("expected an http:// or socks5:// proxy, got %s://", u.Scheme)
	}
	e, _, err := engine.ParseURL("ws://" + host)
	if err != nil {
		return nil, fmt.Errorf("expected a host and a port, got %q", u.Host)
	}
	p := &engine.Proxy{Endpoint: e}
	password, given := u.User.Password()
	if u.Scheme == "socks5" {
		user := u.User.Username()
		if len(user) > handshake.MaxSocksBytes || len(password) > handshake.MaxSocksBytes {
			return nil, fmt.Errorf("expected a user and a password of at most %d bytes", handshake.MaxSocksBytes)
		}
		p.Socks = &engine.Socks{User: user, Password: password}
	} else if given {
		p.Authorization = "Basic " + base64.StdEncoding.EncodeToString([]byte(u.User.Username()+":"+password))
	}
	return p, nil
}

// resolve is where k6 would connect to, and after it the name's other
// addresses, which k6 would not try.
func (r *router) resolve(_ context.Context, host string, port uint16) ([]netip.AddrPort, error) {
	if r.isAlias(host, port) || r.isBlocked(host) {
		first, err := r.first(host, port)
		return []netip.AddrPort{first}, err
	}
	known := r.addressesOf(host)
	go known.find(host) // beside k6's own look-up, not after it
	first, err := r.first(host, port)
	if err != nil {
		return nil, err
	}
	to := []netip.AddrPort{first}
	for _, addr := range known.find(host) {
		if addr != first.Addr() && r.allows(addr) {
			to = append(to, netip.AddrPortFrom(addr, port))
		}
	}
	// Those of the first one's family before the others.
	slices.SortStableFunc(to[1:], func(a, b netip.AddrPort) int {
		return familyRank(a, first) - familyRank(b, first)
	})
	return to, nil
}

func familyRank(a, first netip.AddrPort) int {
	if a.Addr().Is4() == first.Addr().Is4() {
		return 0
	}
	return 1
}

func (r *router) first(host string, port uint16) (netip.AddrPort, error) {
	ip, to, err := r.resolver.ResolveAddr(net.JoinHostPort(host, strconv.Itoa(int(port))))
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

// isAlias tells whether k6's hosts say where that is.
func (r *router) isAlias(host string, port uint16) bool {
	if r.hosts == nil {
		return false
	}
	return r.hosts.Match(net.JoinHostPort(host, strconv.Itoa(int(port)))) != nil || r.hosts.Match(host) != nil
}

func (r *router) isBlocked(host string) bool {
	if r.blocked == nil {
		return false
	}
	_, blocked := r.blocked.Contains(host)
	return blocked
}

func (r *router) allows(addr netip.Addr) bool {
	switch r.policy {
	case types.DNSonlyIPv4:
		return addr.Is4()
	case types.DNSonlyIPv6:
		return addr.Is6()
	}
	return true
}

// addressSet is all addresses of a name, as found by whoever asked first.
type addressSet struct {
	once  sync.Once
	until time.Time
	addrs []netip.Addr
}

// addressesKeptFor is for how long they are kept, as k6 keeps its own by default.
const addressesKeptFor = 5 * time.Minute

const lookupWithin = 10 * time.Second

func (r *router) addressesOf(host string) *addressSet {
	r.mu.Lock()
	defer r.mu.Unlock()
	known := r.others[host]
	if known == nil || time.Now().After(known.until) {
		known = &addressSet{until: time.Now().Add(addressesKeptFor)}
		r.others[host] = known
	}
	return known
}

// find looks them up, once; the others wait for whoever came first.
func (k *addressSet) find(host string) []netip.Addr {
	k.once.Do(func() {
		ctx, cancel := context.WithTimeout(context.Background(), lookupWithin)
		defer cancel()
		addrs, _ := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
		if host == "localhost" { // both, whatever the hosts file says (RFC 6761 section 6.3)
			addrs = append(addrs, netip.AddrFrom4([4]byte{127, 0, 0, 1}), netip.IPv6Loopback())
		}
		for _, addr := range addrs {
			if addr = addr.Unmap(); !slices.Contains(k.addrs, addr) {
				k.addrs = append(k.addrs, addr)
			}
		}
	})
	return k.addrs
}
