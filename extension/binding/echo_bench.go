package binding

import (
	"context"
	"errors"
	"fmt"

	"github.com/grafana/sobek"
	"go.k6.io/k6/v2/js/common"

	"xk6-realtime/echobench"
	"xk6-realtime/engine"
	"xk6-realtime/engine/handshake"
)

// joinEchoBench measures as an instance of a `k6 x echo-bench --listen` at an
// address, until that has no more to measure.
func (i *instance) joinEchoBench(leader string, headers map[string]string) *sobek.Promise {
	rt := i.vu.Runtime()
	state, err := i.state("joinEchoBench")
	if err != nil {
		common.Throw(rt, err)
	}
	o := echobench.Options{}
	for name, value := range headers {
		o.Header = append(o.Header, handshake.Field{Name: name, Value: value})
	}
	options, err := engineOptions(state, engine.Timeouts{})
	if err != nil {
		common.Throw(rt, err)
	}
	e, err := engine.New(options)
	if err != nil {
		common.Throw(rt, err)
	}
	return i.promise(func(ctx context.Context) (any, error) {
		defer e.Close()
		if err := echobench.Join(ctx, leader, e, o, requireNoProxies); err != nil {
			return nil, fmt.Errorf("joinEchoBench: %w", err)
		}
		return sobek.Undefined(), nil
	})
}

// requireNoProxies refuses servers that are behind a proxy, which would be
// measured with them.
func requireNoProxies(spec *echobench.Spec) error {
	for _, server := range spec.Servers {
		endpoint, _, err := engine.ParseURL(server.URI)
		if err != nil {
			return err
		}
		if p, err := proxyFor(endpoint); err != nil || p != nil {
			return errors.Join(err, fmt.Errorf("expected no proxy to %s, which would be measured with it: NO_PROXY may name it", endpoint.Host))
		}
	}
	return nil
}
