package engine

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
)

// Endpoint is where connections go: what a ws or wss URL says before its path.
type Endpoint struct {
	Secure    bool
	Host      string     // name or address, without brackets
	Addr      netip.Addr // Host, where it is an address
	Port      uint16
	Authority string // for the Host header
}

// ParseURL splits a ws or wss URL into its endpoint and the path, with its
// query, to ask for there.
func ParseURL(raw string) (e Endpoint, path string, err error) {
	return parseURL(raw, "ws", "wss")
}

// ParseServer is ParseURL for whichever wire a URL names: WebSocket, or event
// streams by http and https.
func ParseServer(raw string) (e Endpoint, path string, isStream bool, err error) {
	if scheme, _, _ := strings.Cut(raw, ":"); strings.EqualFold(scheme, "http") || strings.EqualFold(scheme, "https") {
		e, path, err = ParseStreamURL(raw)
		return e, path, true, err
	}
	e, path, err = ParseURL(raw)
	return e, path, false, err
}

// ParseStreamURL is ParseURL for an event stream's http or https URL.
func ParseStreamURL(raw string) (e Endpoint, path string, err error) {
	return parseURL(raw, "http", "https")
}

func parseURL(raw, plain, secure string) (e Endpoint, path string, err error) {
	u, err := url.Parse(raw)
	if err != nil {
		return e, "", parseError(raw, err)
	}
	switch u.Scheme {
	case plain:
		e.Port = 80
	case secure:
		e.Port = 443
		e.Secure = true
	default:
		return e, "", fmt.Errorf("engine: URL %q: want %s:// or %s://, got scheme %q", u.Redacted(), plain, secure, u.Scheme)
	}
	if u.User != nil {
		return e, "", fmt.Errorf("engine: URL %q: want no user or password in it; send an Authorization header", u.Redacted())
	}
	if u.Fragment != "" {
		return e, "", fmt.Errorf("engine: URL %q: want no fragment (RFC 6455 section 3)", u.Redacted())
	}
	e.Host = u.Hostname()
	if e.Host == "" {
		return e, "", fmt.Errorf("engine: URL %q: want a host", u.Redacted())
	}
	e.Authority = u.Host
	if p := u.Port(); p != "" {
		port, err := strconv.ParseUint(p, 10, 16)
		if err != nil || port == 0 {
			return e, "", fmt.Errorf("engine: URL %q: want a port from 1 to 65535, got %q", u.Redacted(), p)
		}
		e.Port = uint16(port)
	}
	if addr, err := netip.ParseAddr(e.Host); err == nil {
		e.Addr = addr.Unmap()
	}
	return e, u.RequestURI(), nil
}

// parseError is the fault of a URL, without the URL: any part of it may be a secret.
func parseError(raw string, err error) error {
	if strings.Contains(raw, "@") {
		return errors.New("engine: a URL that cannot be read: want no user or password in it; send an Authorization header")
	}
	var wrong *url.Error
	if errors.As(err, &wrong) {
		err = wrong.Err
	}
	return fmt.Errorf("engine: a URL that cannot be read: %w", err)
}

func (e *Endpoint) String() string {
	return net.JoinHostPort(e.Host, strconv.Itoa(int(e.Port)))
}
