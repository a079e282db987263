package binding

import (
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"

	"xk6-realtime/engine"
)

// untrusted are the faults of what this process's environment names, read when
// TLS first fails.
var untrusted = sync.OnceValue(func() []string {
	return trustProblems(os.Getenv("SSL_CERT_FILE"), os.Getenv("SSL_CERT_DIR"))
})

// explained is the failure's error, with the cause that Go passes over in
// silence where TLS failed.
func explained(f engine.Failure) error {
	if f.Reason != engine.ReasonTLS || f.Err == nil || len(untrusted()) == 0 {
		return f.Err
	}
	return fmt.Errorf("%w; %s", f.Err, strings.Join(untrusted(), "; "))
}

// trustProblems are the faults of what SSL_CERT_FILE and SSL_CERT_DIR name, in
// sentences. cli/try/trust.ts says the same.
func trustProblems(file, directories string) (problems []string) {
	if runtime.GOOS == "windows" || runtime.GOOS == "darwin" {
		return nil // where Go does not read them
	}
	if file != "" {
		if wrong := wrongWith(os.ReadFile(file)); wrong != "" {
			problems = append(problems, fmt.Sprintf("SSL_CERT_FILE: expected a file of certificates (PEM), got %s (%s)", file, wrong))
		}
	}
	if directories == "" {
		return problems
	}
	for _, directory := range strings.Split(directories, ":") {
		if wrong := wrongWith(readAll(directory)); wrong != "" {
			problems = append(problems, fmt.Sprintf("SSL_CERT_DIR: expected a directory of certificates (PEM), got %s (%s)", directory, wrong))
		}
	}
	return problems
}

// readAll reads the files in a directory, one behind the other. It leaves out files that cannot be read.
func readAll(directory string) (all []byte, _ error) {
	entries, err := os.ReadDir(directory)
	for _, entry := range entries {
		one, _ := os.ReadFile(filepath.Join(directory, entry.Name()))
		all = append(append(all, one...), '\n')
	}
	return all, err
}

func wrongWith(pem []byte, err error) string {
	var failed *fs.PathError
	switch {
	case errors.As(err, &failed):
		return failed.Err.Error()
	case err != nil:
		return err.Error()
	case !x509.NewCertPool().AppendCertsFromPEM(pem):
		return "no certificate in it"
	}
	return ""
}
