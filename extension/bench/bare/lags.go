//go:build linux

package main

import (
	"bytes"
	"strconv"
)

// lags is, of each delivery from a port, the time at which the kernel received
// its packet, less the server's time stamp in it. Compressed deliveries must refer to no earlier
// ones.
func lags(port int) (*captureFigures, error) {
	var times []int64
	frames := inflater{}
	figures, err := capture(port, func(p packet) {
		if p.fromServer {
			times = appendLags(times, frames.plain(p.data), p.received)
		}
	})
	if err != nil {
		return nil, err
	}
	figures.summarize(times)
	return figures, nil
}

var stamp = []byte(`"timestamp":`)

// appendLags finds the server's stamps, milliseconds with three decimals, in
// data that were received at an instant in nanoseconds since 1970.
func appendLags(lags []int64, data []byte, received int64) []int64 {
	for {
		_, rest, found := bytes.Cut(data, stamp)
		end := bytes.IndexByte(rest, '}')
		if !found || end < 4 {
			return lags
		}
		whole, decimals := rest[:end-4], rest[end-3:end]
		ms, err := strconv.ParseInt(string(whole), 10, 64)
		micros, err2 := strconv.ParseInt(string(decimals), 10, 64)
		if err == nil && err2 == nil {
			lags = append(lags, received-ms*1e6-micros*1e3)
		}
		data = rest[end:]
	}
}
