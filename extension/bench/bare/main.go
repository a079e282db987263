//go:build linux

// Command bare is the yardstick of the benchmarks: loops that do one thing and nothing else. It
// does not belong to k6.
//
//	bare tcp CONNECTIONS
//	bare connect 127.0.0.1:9100 CONNECTIONS THREADS
//	bare read 127.0.0.1:9100 CONNECTIONS ROOMS PUBLICATIONS_PER_SECOND SECONDS PAYLOAD_BYTES
//	bare echo 127.0.0.1:9100 COUNT BYTES
//	bare lags PORT
//	bare service-times PORT
//	bare events
//
// Each prints its figures as one line of JSON.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"strings"
)

func main() {
	figures, err := run(os.Args[1:])
	if err == nil {
		err = json.NewEncoder(os.Stdout).Encode(figures)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bare:", err)
		os.Exit(1)
	}
}

const usage = "expected tcp CONNECTIONS, connect ADDRESS CONNECTIONS THREADS, read ADDRESS CONNECTIONS ROOMS PUBLICATIONS_PER_SECOND SECONDS PAYLOAD_BYTES, echo ADDRESS COUNT BYTES, lags PORT, service-times PORT, or events"

func run(args []string) (figures any, err error) {
	if len(args) == 0 {
		return nil, fmt.Errorf("%s", usage)
	}
	var address string
	words := args[1:]
	if (args[0] == "connect" || args[0] == "read" || args[0] == "echo") && len(words) > 0 {
		address, words = words[0], words[1:]
	}
	var n []int
	for _, word := range words {
		value, err := strconv.Atoi(word)
		if err != nil || value < 0 || value == 0 && args[0] != "echo" {
			return nil, fmt.Errorf("expected a whole number above 0, got %q", word)
		}
		n = append(n, value)
	}
	switch mode := fmt.Sprint(args[0], len(n)); {
	case mode == "tcp1":
		return tcp(n[0])
	case mode == "connect2":
		return connect(address, n[0], n[1])
	case mode == "read5":
		return read(address, readLoad{n[0], n[1], n[2], n[3], n[4]})
	case mode == "echo2" && n[0] > 0:
		return echo(address, n[0], n[1])
	case mode == "lags1":
		return lags(n[0])
	case mode == "events0":
		return events()
	case mode == "service-times1":
		return serviceTimes(n[0])
	}
	return nil, fmt.Errorf("%s, got %q", usage, strings.Join(args, " "))
}
