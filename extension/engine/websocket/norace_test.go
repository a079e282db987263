//go:build !race

package websocket

const poolsForget = false
