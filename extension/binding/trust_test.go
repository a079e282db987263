package binding

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"xk6-realtime/engine"
)

func TestWhatTheTrustedAuthoritiesLackIsNamed(t *testing.T) {
	directory := t.TempDir()
	none, junk := filepath.Join(directory, "none.pem"), filepath.Join(directory, "junk.pem")
	if err := os.WriteFile(junk, []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	const file = "SSL_CERT_FILE: expected a file of certificates (PEM), got "
	rows := []struct {
		file, directories string
		want              []string
	}{
		{"", "", nil},
		{none, directory, []string{
			file + none + " (no such file or directory)",
			"SSL_CERT_DIR: expected a directory of certificates (PEM), got " + directory + " (no certificate in it)",
		}},
		{junk, "", []string{file + junk + " (no certificate in it)"}},
		{directory, "", []string{file + directory + " (is a directory)"}},
	}
	for _, row := range rows {
		if got := trustProblems(row.file, row.directories); !slices.Equal(got, row.want) {
			t.Errorf("%q, %q: got %q, want %q", row.file, row.directories, got, row.want)
		}
	}
}

func TestOnlyFailuresOfTLSAreExplained(t *testing.T) {
	former := untrusted
	defer func() { untrusted = former }()
	untrusted = func() []string { return []string{"SSL_CERT_FILE: none"} }
	why := errors.New("x509: unknown authority")
	for reason, want := range map[engine.Reason]string{
		engine.ReasonTLS: "x509: unknown authority; SSL_CERT_FILE: none",
		engine.ReasonDNS: "x509: unknown authority",
	} {
		got := explained(engine.Failure{Reason: reason, Err: why})
		if got.Error() != want || !errors.Is(got, why) {
			t.Errorf("%v: got %q, want %q", reason, got, want)
		}
	}
}
