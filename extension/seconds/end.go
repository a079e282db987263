package seconds

import (
	"errors"
	"time"

	"go.k6.io/k6/v2/errext"
)

// End is how a run ended.
type End struct {
	// State is finished, aborted-by-threshold, aborted-by-script, interrupted or
	// failed.
	State string `json:"state"`
	// ExitCode is k6's, by its own thresholds on this instance alone.
	ExitCode int       `json:"exitCode"`
	At       time.Time `json:"at"`
	Excluded Excluded  `json:"excluded"`
}

func newEnd(runErr error, excluded Excluded) End {
	state, exitCode := stateOf(runErr)
	return End{State: state, ExitCode: exitCode, At: time.Now(), Excluded: excluded}
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
