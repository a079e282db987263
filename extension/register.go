// Package realtime is the k6 extension of k6-realtime: importing it registers
// the JavaScript module k6/x/realtime and the output realtime.
package realtime

import (
	"go.k6.io/k6/v2/js/modules"
	"go.k6.io/k6/v2/output"

	"xk6-realtime/binding"
	"xk6-realtime/recording"
)

func init() {
	modules.Register("k6/x/realtime", binding.New())
	output.RegisterExtension("realtime", recording.New)
}
