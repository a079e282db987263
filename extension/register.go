// Package realtime is the k6 extension of k6-realtime: importing it registers
// the JavaScript module k6/x/realtime.
package realtime

import (
	"go.k6.io/k6/v2/js/modules"

	"xk6-realtime/binding"
)

func init() {
	modules.Register("k6/x/realtime", binding.New())
}
