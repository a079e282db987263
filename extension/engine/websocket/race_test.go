//go:build race

package websocket

// Under the race detector, sync.Pool forgets some of what it is given.
const poolsForget = true
