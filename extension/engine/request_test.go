package engine

import "xk6-realtime/engine/handshake"

// withPath is a Request that asks for path and offers two subprotocols.
func withPath(path string) func(*Conn, *handshake.Request) {
	return func(_ *Conn, r *handshake.Request) {
		r.Path = path
		r.Protocols = []string{"v1", "v2"}
	}
}
