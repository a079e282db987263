package recording

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"xk6-realtime/seconds"
)

// suffix is by which recordings are found in a directory.
const suffix = ".realtime.jsonl"

// file is a recording that ends with a whole line at any time.
type file struct {
	path string
	f    *os.File
	// size up to the last whole line.
	size int64
	err  error
}

// createFile makes the file at path, which must not exist, or one in the
// directory at path.
func createFile(path string, h seconds.Header) (*file, error) {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		started := h.StartedAt.UTC().Format("20060102T150405Z")
		path = filepath.Join(path, fmt.Sprintf("%s-%s-%s%s", h.Scenario, started, h.ID[:8], suffix))
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("%s is there already and is not overwritten: name another file, "+
			"or a directory, in which each run makes its own", path)
	}
	if err != nil {
		return nil, fmt.Errorf("making the recording: %w", err)
	}
	return &file{path: path, f: f}, nil
}

// begin writes the header. Without one it is not a recording: if that fails, the file is not left
// in the way of the next run.
func (f *file) begin(header []byte) error {
	err := f.write(header)
	if err != nil {
		_ = os.Remove(f.path)
	}
	return err
}

// write appends whole lines in one piece. After an error the file ends with
// the last whole line before, and every further write fails with it.
func (f *file) write(lines []byte) error {
	if f.err != nil {
		return f.err
	}
	if n, err := f.f.Write(lines); err != nil {
		f.err = fmt.Errorf("writing the recording: %w", err)
		if n > 0 {
			// If this fails too, the reader meets a line cut short, and copes.
			_ = f.f.Truncate(f.size)
		}
		return errors.Join(f.err, f.f.Close())
	}
	f.size += int64(len(lines))
	return nil
}

func (f *file) close() error {
	if f.err != nil {
		return f.err
	}
	if err := f.f.Close(); err != nil {
		return fmt.Errorf("closing the recording: %w", err)
	}
	return nil
}
