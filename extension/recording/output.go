// Package recording is the k6 output `--out realtime=FILE`. It writes one process's part of a
// run, second by second, in a form that merges exactly with the parts of other processes.
// docs/reference/recording-format.md describes the file.
package recording

import (
	"errors"
	"fmt"

	"github.com/sirupsen/logrus"
	"go.k6.io/k6/v2/metrics"
	"go.k6.io/k6/v2/output"

	"xk6-realtime/seconds"
)

// Output records a run. k6 drives it; see [output.Output].
type Output struct {
	params     output.Params
	logger     logrus.FieldLogger
	thresholds map[string]metrics.Thresholds

	file    *file
	encoder *encoder

	*seconds.Collector
}

var _ interface {
	output.WithThresholds
	output.WithStopWithTestError
} = (*Output)(nil)

// New makes the output. Its argument is the path of a file that does not exist,
// or of a directory that does: a file with a name of its own is made there.
func New(params output.Params) (output.Output, error) {
	if params.ConfigArgument == "" {
		return nil, errors.New("expected --out realtime=FILE, with the path of a new file or of a directory, got no path")
	}
	o := &Output{
		params:  params,
		logger:  params.Logger.WithField("output", "realtime"),
		encoder: newEncoder(),
	}
	o.Collector = seconds.NewCollector(o.writeSeconds)
	return o, nil
}

// Description is what k6 prints at the start.
func (o *Output) Description() string {
	if o.file == nil {
		return fmt.Sprintf("realtime (%s)", o.params.ConfigArgument)
	}
	return fmt.Sprintf("realtime (%s)", o.file.path)
}

// SetThresholds is called before Start.
func (o *Output) SetThresholds(thresholds map[string]metrics.Thresholds) {
	o.thresholds = thresholds
}

// Start makes the file and writes its header. A file that is there already is
// left as it is: a recording is evidence.
func (o *Output) Start() error {
	if err := o.open(); err != nil {
		return err
	}
	o.Collector.Start()
	return nil
}

func (o *Output) open() error {
	header := seconds.NewHeader(o.params, o.thresholds)
	file, err := createFile(o.params.ConfigArgument, header)
	if err != nil {
		return err
	}
	o.file = file
	return o.file.begin(o.encoder.line(header))
}

// Stop is not called by k6: see StopWithTestError.
func (o *Output) Stop() error { return o.StopWithTestError(nil) }

// StopWithTestError writes what is left and how the run ended.
func (o *Output) StopWithTestError(runErr error) error {
	end := o.Collector.Stop(runErr)
	if err := o.write(o.encoder.line(endLine{end})); err != nil {
		return err
	}
	return o.file.close()
}

func (o *Output) writeSeconds(all []seconds.Second, process seconds.Process) {
	lines := o.encoder.seconds(all)
	_ = o.write(append(lines, o.encoder.line(processLine{process})...)) // logged once; Stop returns it again
}

// write appends whole lines. After a failure, a full disk for one, the file
// ends with the last whole line and nothing more is recorded; the test goes on.
func (o *Output) write(lines []byte) error {
	if o.file.err != nil {
		return o.file.err
	}
	err := o.file.write(lines)
	if err != nil {
		o.logger.WithError(err).Error("The recording ends here, incomplete; the test goes on")
		o.Discard()
	}
	return err
}
