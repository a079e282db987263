package engine

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"xk6-realtime/engine/internal/leaktest"
)

func TestMain(m *testing.M) { os.Exit(leaktest.Main(m)) }

// The engine knows nothing of k6: what does belongs in the binding.
func TestNothingOfK6IsImported(t *testing.T) {
	deps, err := exec.Command("go", "list", "-deps", "./...").Output()
	if err != nil {
		t.Fatal(err)
	}
	for dep := range strings.Lines(string(deps)) {
		if strings.HasPrefix(dep, "go.k6.io/") || strings.Contains(dep, "sobek") {
			t.Errorf("the engine depends on %s", dep)
		}
	}
}
