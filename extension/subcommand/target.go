package subcommand

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"xk6-realtime/engine/handshake"
)

// targetFlags are what commands that connect to a server have in common.
type targetFlags struct {
	header   []string
	ca       string
	insecure bool
}

func (f *targetFlags) register(cmd *cobra.Command) {
	cmd.Flags().StringArrayVar(&f.header, "header", nil, "line to add to each handshake, such as 'Origin: https://example.com'")
	f.registerTLS(cmd)
}

func (f *targetFlags) registerTLS(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.ca, "ca", "", "file of certificates in PEM to trust for wss")
	flags.BoolVar(&f.insecure, "insecure", false, "take any certificate for wss")
}

// fields are the lines of --header. An error shows none of them: they may be
// secret.
func (f *targetFlags) fields() (fields []handshake.Field, err error) {
	for _, line := range f.header {
		name, value, ok := strings.Cut(line, ":")
		if !ok || name == "" || strings.ContainsAny(line, "\r\n") {
			return nil, errors.New("--header: expected a line such as 'Origin: https://example.com', got one without a name and a colon, or with a line break")
		}
		fields = append(fields, handshake.Field{Name: name, Value: strings.TrimSpace(value)})
	}
	return fields, nil
}

// tls is what to trust for wss.
func (f *targetFlags) tls() (*tls.Config, error) {
	config := &tls.Config{InsecureSkipVerify: f.insecure} //nolint:gosec // asked for
	if f.ca == "" {
		return config, nil
	}
	pem, err := os.ReadFile(f.ca)
	if err != nil {
		return nil, fmt.Errorf("--ca: %w", err)
	}
	config.RootCAs = x509.NewCertPool()
	if !config.RootCAs.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("--ca: expected certificates in PEM, got none in %s", f.ca)
	}
	return config, nil
}
