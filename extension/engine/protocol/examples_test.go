package protocol

import (
	"os"
	"path/filepath"
	"testing"
)

func TestExamples(t *testing.T) {
	files, err := filepath.Glob("../../../examples/protocols/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("no examples: %v", err)
	}
	for _, file := range files {
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if p, err := Parse(source); err != nil {
			t.Errorf("%s: %v", filepath.Base(file), err)
		} else if !p.HasProbe() {
			t.Errorf("%s: no probe", filepath.Base(file))
		}
	}
}
