// Package echobench measures how fast WebSocket servers echo: so many messages
// of a size, one after the other, several under way, or at a stated rate. Its
// spec files and its table are those of the wsperf mode of the older suite.
package echobench
