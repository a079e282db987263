package binding

import (
	"encoding/base64"
	"encoding/json"
	"net/url"
	"os"
	"strings"
	"testing"

	"golang.org/x/net/http/httpproxy"

	"xk6-realtime/engine"
)

// lib/proxy.ts runs the same table, to tell in time what will happen here.
const proxyFixtures = "../../lib/proxy.fixtures.json"

// Go's own rules, of which net/http has a copy that reads the environment once.
func TestTheTableOfProxiesIsGosOwn(t *testing.T) {
	b, err := os.ReadFile(proxyFixtures)
	if err != nil {
		t.Fatal(err)
	}
	var rows []struct {
		Sentence, URL string
		Env           map[string]string
		Proxy         *string
	}
	if err := json.Unmarshal(b, &rows); err != nil || len(rows) < 50 {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	for _, row := range rows {
		get := func(upper string) string {
			if v := row.Env[upper]; v != "" {
				return v
			}
			return row.Env[strings.ToLower(upper)]
		}
		config := httpproxy.Config{HTTPProxy: get("HTTP_PROXY"), HTTPSProxy: get("HTTPS_PROXY"), NoProxy: get("NO_PROXY")}
		asked, err := url.Parse("http" + strings.TrimPrefix(row.URL, "ws"))
		if err != nil {
			t.Fatal(err)
		}
		found, err := config.ProxyFunc()(asked)
		if err != nil {
			t.Fatalf("%s: %v", row.Sentence, err)
		}
		got := ""
		if found != nil {
			port := found.Port()
			if port == "" {
				port = map[string]string{"http": "80", "https": "443", "socks5": "1080"}[found.Scheme]
			}
			credentials := ""
			if p, err := proxyOf(found); err == nil && p.Authorization != "" {
				plain, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(p.Authorization, "Basic "))
				if err != nil {
					t.Fatal(err)
				}
				credentials = string(plain) + "@"
			}
			host := found.Hostname()
			if strings.Contains(host, ":") {
				host = "[" + host + "]"
			}
			got = found.Scheme + "://" + credentials + host + ":" + port
			if host == "" {
				got = "no URL"
			}
		}
		want := ""
		if row.Proxy != nil {
			want = *row.Proxy
		}
		if got != want {
			t.Errorf("%s: %s, %v: got %q, want %q", row.Sentence, row.URL, row.Env, got, want)
		}
	}
}

func TestAProxyThatCannotBeUsedIsRefusedWithoutItsCredentials(t *testing.T) {
	for _, given := range []string{"socks5h://user:secret@proxy.example", "https://user:secret@proxy.example", "http://user:secret@"} {
		u, err := url.Parse(given)
		if err != nil {
			t.Fatal(err)
		}
		if p, err := proxyOf(u); err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: got %+v, %v", u.Redacted(), p, err)
		}
	}
	if p, err := proxyOf(nil); p != nil || err != nil {
		t.Errorf("no proxy is %v, %v", p, err)
	}
}

func TestAProxysEndpoint(t *testing.T) {
	u := &url.URL{Scheme: "socks5", Host: "10.0.0.1", User: url.User("us@er")}
	if p, err := proxyOf(u); err != nil || p.Endpoint.Port != 1080 || *p.Socks != (engine.Socks{User: "us@er"}) {
		t.Errorf("got %+v, %v", p, err)
	}
	u = &url.URL{Scheme: "http", Host: "10.0.0.1", User: url.UserPassword("us@er", "p:a")}
	p, err := proxyOf(u)
	if err != nil {
		t.Fatal(err)
	}
	want := engine.Endpoint{Host: "10.0.0.1", Addr: p.Endpoint.Addr, Port: 80, Authority: "10.0.0.1"}
	if p.Endpoint != want || p.Authorization != "Basic dXNAZXI6cDph" {
		t.Errorf("got %+v", p)
	}
}
