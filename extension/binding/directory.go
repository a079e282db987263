package binding

import (
	"errors"
	"os"

	"go.k6.io/k6/v2/js/common"
)

// summaryBytes is more than the summaries of most runs take.
const summaryBytes = 64 << 10

// tryDirectory throws unless there can be written to a directory: k6 itself
// finds that out when the run is over, and exits as if nothing was.
func (i *instance) tryDirectory(path string) {
	if err := writeInto(path); err != nil {
		common.Throw(i.vu.Runtime(), err)
	}
}

func writeInto(directory string) error {
	file, err := os.CreateTemp(directory, ".k6-realtime-")
	if err != nil {
		return err
	}
	_, err = file.Write(make([]byte, summaryBytes))
	return errors.Join(err, file.Close(), os.Remove(file.Name()))
}
