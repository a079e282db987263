package protocol

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
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
		p, err := Parse(source)
		if bytes.Contains(source, []byte(`"schema"`)) {
			// lib/protocols reads the schema and puts its types into the descriptor.
			if err == nil || !strings.Contains(err.Error(), "want a message of the schema") {
				t.Errorf("%s without the schema's types: %v", filepath.Base(file), err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", filepath.Base(file), err)
		} else if !p.HasProbe() {
			t.Errorf("%s: no probe", filepath.Base(file))
		}
	}
}
