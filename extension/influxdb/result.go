package influxdb

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	resultMeasurement = "realtime_result"
	stepMeasurement   = "realtime_step"

	// resultVariable tells a script where to hand its result to. k6 stops its
	// outputs before it calls handleSummary, and an output cannot call a script.
	resultVariable = "K6_REALTIME_RESULT_URL"
	// writtenElsewhere in the environment of k6 says that who started it stores
	// the result itself, knowing more: how all instances ended.
	writtenElsewhere = "K6_REALTIME_RESULT"

	// largestResult is in bytes; a summary's figures take about 10 KB.
	largestResult = 1 << 20
)

// result is what a scenario's summary came to, as lib/result.ts makes it.
type result struct {
	// Fields of the run: its verdict, its reason, its figures.
	Fields map[string]any `json:"fields"`
	// Steps of a load that grew, in their order.
	Steps []map[string]any `json:"steps"`
}

// points of a result: of the run, and of each of its steps.
func (r result) points(identity identity, facts facts, startedAt, endedAt time.Time, part string) []*point {
	tags := facts.addTo(identity.tags())
	tags["part"] = part
	// For links, which take a time range from labels. Whole seconds: the points of the first
	// second have the time when that second began. The mark of the end comes a part of a
	// millisecond after the last whole one.
	tags["from"] = strconv.FormatInt(startedAt.Truncate(time.Second).UnixMilli(), 10)
	tags["until"] = strconv.FormatInt(endedAt.Add(time.Second-1).Truncate(time.Second).UnixMilli(), 10)
	points := []*point{{measurement: resultMeasurement, tags: tags, fields: r.Fields, at: startedAt}}
	for i, fields := range r.Steps {
		// One series: a step is a point, and two points may not have the same time.
		points = append(points, &point{measurement: stepMeasurement, tags: tags, fields: fields, at: startedAt.Add(time.Duration(i))})
	}
	return points
}

// receiver takes one result from this process's own script, on a port of the
// loopback that only who knows a secret path can use.
type receiver struct {
	url    string
	server *http.Server
	once   sync.Once
}

// receive begins to wait for a result, which store is given.
func receive(store func(result) error) (*receiver, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	path := "/" + rand.Text()
	r := &receiver{url: "http://" + listener.Addr().String() + path}
	mux := http.NewServeMux()
	mux.HandleFunc("POST "+path, func(w http.ResponseWriter, request *http.Request) {
		var given result
		if err := json.NewDecoder(http.MaxBytesReader(w, request.Body, largestResult)).Decode(&given); err != nil || len(given.Fields) == 0 {
			http.Error(w, "expected fields and steps as JSON", http.StatusBadRequest)
			return
		}
		r.once.Do(func() {
			if err := store(given); err != nil {
				http.Error(w, err.Error(), http.StatusBadGateway)
			}
		})
	})
	r.server = &http.Server{Handler: mux, ReadHeaderTimeout: requestTimeout}
	go func() { _ = r.server.Serve(listener) }() // until the process ends, which is soon
	return r, nil
}

// awaitResult lets the script, which k6 asks for its summary next, hand its
// result over. The points of the run are written by then, and the store that
// wrote them is closed.
func (o *Output) awaitResult(endedAt time.Time) error {
	if o.params.Environment[writtenElsewhere] == "elsewhere" || o.params.RuntimeOptions.Env == nil {
		return nil
	}
	part := "run"
	if segment := o.header.Segment; segment != "" && segment != "0:1" {
		part = "instance"
	}
	receiver, err := receive(func(given result) error {
		store := newStore(o.target)
		defer store.close()
		return store.write(given.points(o.identity, o.facts, o.header.StartedAt, endedAt, part))
	})
	if err != nil {
		return fmt.Errorf("waiting for the result of the run: %w", err)
	}
	// The virtual user that handleSummary runs in is made after this, and sees it.
	// A run may be stored in several places, one URL for each.
	environment := o.params.RuntimeOptions.Env
	environment[resultVariable] = strings.TrimSpace(environment[resultVariable] + " " + receiver.url)
	return nil
}
