package binding

import (
	"fmt"
	"sync"

	"github.com/sirupsen/logrus"
)

// mostUnlisted bounds what is said of them: a peer may have thousands.
const mostUnlisted = 10

// unlisted says, once each in this process, which values a tag's closed list
// counts as others.
type unlisted struct {
	mu   sync.Mutex
	said map[string]bool
}

// tell logs that something came which a metric counts as another value.
func (u *unlisted) tell(logger logrus.FieldLogger, what, counted string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.said[what] || len(u.said) >= mostUnlisted {
		return
	}
	if u.said == nil {
		u.said = make(map[string]bool)
	}
	u.said[what] = true
	logger.Warn(fmt.Sprintf("%s, which counts as %s", what, counted))
}
