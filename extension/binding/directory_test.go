package binding

import (
	"os"
	"path/filepath"
	"testing"
)

func TestTryDirectory(t *testing.T) {
	directory := t.TempDir()
	if err := writeInto(directory); err != nil {
		t.Error(err)
	}
	if left, _ := os.ReadDir(directory); len(left) > 0 {
		t.Errorf("left %v behind", left)
	}
	file := filepath.Join(directory, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, wrong := range []string{file, filepath.Join(directory, "none"), "/proc"} {
		if writeInto(wrong) == nil {
			t.Errorf("%s: no error", wrong)
		}
	}
}
