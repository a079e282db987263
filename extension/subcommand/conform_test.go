package subcommand

import (
	"context"
	"net"
	"net/netip"
	"net/url"
	"testing"

	"github.com/spf13/cobra"

	"xk6-realtime/conform"
	"xk6-realtime/engine"
	"xk6-realtime/engine/serve"
)

func quickCases(t *testing.T, testee conform.Testee, http2 bool) []*conform.Case {
	t.Helper()
	s := conform.Selection{Quick: true, HTTP2: http2}
	cases, err := s.Select(testee)
	if err != nil {
		t.Fatal(err)
	}
	return cases
}

func TestOurServerConforms(t *testing.T) { testOurServer(t, false) }

func TestOurServerConformsOverHTTP2(t *testing.T) { testOurServer(t, true) }

func testOurServer(t *testing.T, http2 bool) {
	t.Parallel()
	server, err := serve.Start(serve.Options{Listen: netip.MustParseAddrPort("127.0.0.1:0"), Engine: engine.Options{Deflate: contexts()}})
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	u, err := url.Parse(server.URL() + "/")
	if err != nil {
		t.Fatal(err)
	}
	cases := quickCases(t, conform.Server, http2)
	results := conform.Run(context.Background(), &conform.Target{Agent: "ours", URL: u, HTTP2: http2}, cases, conform.Options{})
	if len(results) != len(cases) {
		t.Errorf("%d results of %d cases", len(results), len(cases))
	}
	for _, r := range results {
		if r.Fails() || r.Behavior == conform.NonStrict || r.Behavior == conform.Unimplemented {
			t.Errorf("%s %s, %s: %s; %s", r.ID, r.Behavior, r.Close, r.Why, r.WhyClose)
		}
	}
}

func TestOurClientConforms(t *testing.T) { testOurClient(t, false) }

func TestOurClientConformsOverHTTP2(t *testing.T) { testOurClient(t, true) }

func testOurClient(t *testing.T, http2 bool) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &conform.FuzzingServer{Cases: quickCases(t, conform.Client, http2), HTTP2: http2}
	served := make(chan error, 1)
	go func() { served <- server.Serve(context.Background(), l) }()
	testee := &testeeFlags{url: "ws://" + l.Addr().String(), agent: "ours", http2: http2}
	if err := testee.connect(context.Background(), &cobra.Command{}); err != nil {
		t.Fatal(err)
	}
	l.Close()
	if err := <-served; err != nil {
		t.Fatal(err)
	}
	results := server.Results()
	if len(results) != len(server.Cases) {
		t.Errorf("%d results of %d cases", len(results), len(server.Cases))
	}
	for _, r := range results {
		if r.Fails() || r.Behavior == conform.NonStrict {
			t.Errorf("%s %s, %s: %s; %s", r.ID, r.Behavior, r.Close, r.Why, r.WhyClose)
		}
	}
}
