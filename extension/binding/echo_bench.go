package binding

import (
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
	state := i.vu.State()
	if state == nil {
		common.Throw(rt, errors.New("joinEchoBench: expected to be called by a virtual user, was called in the init context"))
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
	promise, resolve, reject := rt.NewPromise()
	settle := i.vu.RegisterCallback()
	ctx := i.vu.Context()
	go func() {
		defer e.Close()
		err := echobench.Join(ctx, leader, e, o, requireNoProxies)
		settle(func() error {
			if err != nil {
				return reject(rt.NewGoError(fmt.Errorf("joinEchoBench: %w", err)))
			}
			return resolve(sobek.Undefined())
		})
	}()
	return promise
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
