package subcommand

import (
	"fmt"
	"net/url"
	"os"
	"strings"

	"golang.org/x/net/http/httpproxy"
)

// requireNoProxy refuses a server that the environment names a proxy for, by
// the rules of k6's own sockets. These commands connect straight to the server:
// a proxy between would be judged, or measured, with it.
func requireNoProxy(servers ...string) error {
	proxyFor := httpproxy.FromEnvironment().ProxyFunc()
	for _, server := range servers {
		u, err := url.Parse(server)
		if err != nil {
			continue // whoever reads the URL says what is wrong with it
		}
		variable, scheme := "HTTP_PROXY", "http"
		if u.Scheme == "wss" || u.Scheme == "https" {
			variable, scheme = "HTTPS_PROXY", "https"
		}
		if p, err := proxyFor(&url.URL{Scheme: scheme, Host: u.Host}); p == nil && err == nil {
			continue
		}
		if os.Getenv(variable) == "" {
			variable = strings.ToLower(variable)
		}
		return fmt.Errorf("%s: expected no proxy to %s for this command, which connects straight to its servers: NO_PROXY may name it", variable, u.Hostname())
	}
	return nil
}
