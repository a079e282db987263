// Package influxdb is the k6 output `--out realtime-influxdb=URL`: the figures of each series in
// each second, in InfluxDB 1 or 2. docs/guides/influxdb.md describes the stored points.
package influxdb

import (
	"cmp"
	"fmt"

	"github.com/sirupsen/logrus"
	"go.k6.io/k6/v2/metrics"
	"go.k6.io/k6/v2/output"

	"xk6-realtime/seconds"
)

// Output stores a run. k6 drives it; see [output.Output].
type Output struct {
	params     output.Params
	logger     logrus.FieldLogger
	thresholds map[string]metrics.Thresholds

	target   target
	identity identity
	facts    facts
	header   seconds.Header

	pointer *pointer
	events  *events
	open    *open
	queue   *queue
	*seconds.Collector
}

var _ interface {
	output.WithThresholds
	output.WithStopWithTestError
} = (*Output)(nil)

// New makes the output. Its argument is the address of the server with the
// bucket or the database; what is secret comes from the environment.
func New(params output.Params) (output.Output, error) {
	target, err := parseTarget(params.ConfigArgument, params.Environment)
	if err != nil {
		return nil, err
	}
	o := &Output{
		params: params, target: target,
		logger: params.Logger.WithField("output", "realtime-influxdb"),
	}
	o.Collector = seconds.NewCollector(o.enqueue)
	return o, nil
}

// Description is what k6 prints at the start.
func (o *Output) Description() string { return fmt.Sprintf("realtime-influxdb (%s)", o.target) }

// SetThresholds is called before Start.
func (o *Output) SetThresholds(thresholds map[string]metrics.Thresholds) { o.thresholds = thresholds }

// Start stores what is run: a server that does not take that would not take the
// rest either, and nothing is run in vain.
func (o *Output) Start() error {
	o.header = seconds.NewHeader(o.params, o.thresholds)
	o.identity = identify(o.header, o.params)
	o.facts = factsOf(o.params)
	o.pointer = newPointer(o.identity)
	store := newStore(o.target)
	o.events = &events{identity: o.identity}
	o.open = &open{identity: o.identity}
	begun := []*point{runPoint(o.identity, o.facts, o.header, nil), o.events.at(o.header.StartedAt, "start")}
	if err := store.write(begun); err != nil {
		store.close()
		return fmt.Errorf("writing to InfluxDB (%s): %w", o.target, err)
	}
	o.queue = newQueue(store, o.logger)
	go o.queue.run()
	o.Collector.Start()
	return nil
}

// Stop is not called by k6: see StopWithTestError.
func (o *Output) Stop() error { return o.StopWithTestError(nil) }

// StopWithTestError stores what is left and how the run ended, and says what was
// written and what was not.
func (o *Output) StopWithTestError(runErr error) error {
	end := o.Collector.Stop(runErr)
	o.queue.add([]*point{runPoint(o.identity, o.facts, o.header, &end), o.events.at(end.At, "end: "+end.State)})
	account := o.queue.close(patience)
	if err := o.awaitResult(end.At); err != nil {
		o.logger.WithError(err).Warn("The verdict will not be in InfluxDB")
	}
	lost := account.refused + account.givenUp
	if lost == 0 {
		o.logger.Infof("All %d points of run %s were written to InfluxDB", account.written, o.identity.run)
		return nil
	}
	return fmt.Errorf("InfluxDB (%s) has only %d of %d points of run %s: %d were refused, %d given up (%s)",
		o.target, account.written, account.written+lost, o.identity.run,
		account.refused, account.givenUp, cmp.Or(account.reason, "too many waited"))
}

func (o *Output) enqueue(all []seconds.Second, process seconds.Process) {
	var points []*point
	for _, second := range all {
		points = append(points, o.pointer.of(second)...)
		points = append(points, o.events.of(second)...)
	}
	points = append(points, o.open.of(all, process.At)...)
	o.queue.add(append(points, generatorPoint(o.identity, process)))
}

// identify names the run, by its test id where it has one, and this process.
func identify(header seconds.Header, params output.Params) identity {
	short := header.ID[:8]
	unique := header.StartedAt.UTC().Format("20060102T150405Z") + "-" + short
	return identity{
		run:      cmp.Or(header.Run, unique),
		scenario: header.Scenario,
		instance: cmp.Or(header.Environment.Host, "instance") + "-" + short,
		commit:   cmp.Or(params.ScriptOptions.RunTags["commit"], params.Environment["GITHUB_SHA"]),
	}
}

func factsOf(params output.Params) facts {
	tags, environment := params.ScriptOptions.RunTags, params.Environment
	f := facts{
		profile: tags["profile"],
		// For a pull request GITHUB_REF_NAME is 12/merge, and the branch is the head's.
		branch: cmp.Or(tags["branch"], environment["GITHUB_HEAD_REF"], environment["GITHUB_REF_NAME"]),
	}
	for _, scenario := range params.ScriptOptions.Scenarios {
		f.profile = cmp.Or(f.profile, scenario.GetTags()["profile"])
	}
	return f
}
