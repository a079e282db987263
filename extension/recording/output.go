// Package recording is the k6 output `--out realtime=FILE`: one process's part
// of a run, second by second, in a form that merges exactly with the parts of
// other processes. docs/recording-format.md describes the file.
package recording

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/sirupsen/logrus"
	"go.k6.io/k6/v2/errext"
	"go.k6.io/k6/v2/metrics"
	"go.k6.io/k6/v2/output"
)

// settle is how long after its end a second is written: k6 hands samples on
// every 50 ms. What comes later still is added by a further line.
const settle = 200 * time.Millisecond

// Output records a run. k6 drives it; see [output.Output].
type Output struct {
	params     output.Params
	logger     logrus.FieldLogger
	thresholds map[string]metrics.Thresholds

	file    *file
	encoder *encoder
	usage   usage

	// One goroutine folds, another takes what is folded.
	mu   sync.Mutex
	fold *fold
	lost bool // the file cannot be written any more

	stop, stopped chan struct{}
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
	return &Output{
		params:  params,
		logger:  params.Logger.WithField("output", "realtime"),
		fold:    newFold(),
		encoder: newEncoder(),
		stop:    make(chan struct{}),
		stopped: make(chan struct{}),
	}, nil
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
	go o.run()
	return nil
}

func (o *Output) open() error {
	header := newHeader(o.params, o.thresholds)
	file, err := createFile(o.params.ConfigArgument, header)
	if err != nil {
		return err
	}
	o.file = file
	o.usage = readUsage()
	return o.file.write(o.encoder.line(header))
}

// AddMetricSamples folds samples at once, so that none of them is kept.
func (o *Output) AddMetricSamples(containers []metrics.SampleContainer) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.lost {
		return
	}
	for _, container := range containers {
		o.fold.add(container)
	}
}

// Stop is not called by k6: see StopWithTestError.
func (o *Output) Stop() error { return o.StopWithTestError(nil) }

// StopWithTestError writes what is left and how the run ended.
func (o *Output) StopWithTestError(runErr error) error {
	close(o.stop)
	<-o.stopped
	o.flush(time.Time{})
	if err := o.write(o.encoder.line(newFooter(runErr, o.fold.excluded))); err != nil {
		return err
	}
	return o.file.close()
}

// run writes each second soon after it ended.
func (o *Output) run() {
	defer close(o.stopped)
	for {
		now := time.Now()
		next := now.Truncate(time.Second).Add(time.Second + settle)
		select {
		case <-o.stop:
			return
		case <-time.After(time.Until(next)):
			o.flush(time.Now().Truncate(time.Second))
		}
	}
}

// flush writes the seconds before end; all of them when end is zero.
func (o *Output) flush(end time.Time) {
	o.mu.Lock()
	seconds := o.fold.take(end)
	o.mu.Unlock()

	usage := readUsage()
	lines := o.encoder.seconds(seconds)
	lines = append(lines, o.encoder.line(newProcess(o.usage, usage))...)
	o.usage = usage
	_ = o.write(lines) // logged once; Stop returns it again
}

// write appends whole lines. After a failure, a full disk for one, the file
// ends with the last whole line and nothing more is recorded; the test goes on.
func (o *Output) write(lines []byte) error {
	if o.lost {
		return o.file.err
	}
	err := o.file.write(lines)
	if err != nil {
		o.logger.WithError(err).Error("The recording ends here, incomplete; the test goes on")
		o.mu.Lock()
		o.lost, o.fold = true, newFold()
		o.mu.Unlock()
	}
	return err
}

// stateOf says in one word how a run ended, and with which exit code. Only the
// error's kind is kept: its text may hold a URL with a token.
func stateOf(runErr error) (state string, exitCode int) {
	if runErr == nil {
		return "finished", 0
	}
	exitCode = 255
	var coded errext.HasExitCode
	if errors.As(runErr, &coded) {
		exitCode = int(coded.ExitCode())
	}
	var aborted errext.HasAbortReason
	if !errors.As(runErr, &aborted) {
		return "failed", exitCode
	}
	switch aborted.AbortReason() {
	case errext.AbortedByThresholdsAfterTestEnd:
		return "finished", exitCode
	case errext.AbortedByThreshold:
		return "aborted-by-threshold", exitCode
	case errext.AbortedByUser:
		return "interrupted", exitCode
	case errext.AbortedByScriptAbort:
		return "aborted-by-script", exitCode
	default:
		return "failed", exitCode
	}
}
