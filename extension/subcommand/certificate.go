package subcommand

import (
	"crypto/tls"
	"errors"
	"fmt"

	"github.com/spf13/cobra"
)

// certificateFlags are those of a server that may be secured.
type certificateFlags struct{ cert, key string }

// register adds the flags; purpose is a clause that names the certificate's use.
func (f *certificateFlags) register(cmd *cobra.Command, purpose string) {
	flags := cmd.Flags()
	flags.StringVar(&f.cert, "cert", "", "certificate in PEM, "+purpose)
	flags.StringVar(&f.key, "key", "", "its key, a file in PEM")
}

// wssAlone is the purpose of a server with one port.
const wssAlone = "with which the server speaks wss and nothing else"

// http1 is config for a server that speaks HTTP/1.1 and nothing else.
func (f *certificateFlags) http1() (*tls.Config, error) {
	config, err := f.config()
	if config != nil {
		config.NextProtos = []string{"http/1.1"}
	}
	return config, err
}

// config secures a server, nil for an unsecured one.
func (f *certificateFlags) config() (*tls.Config, error) {
	if f.cert == "" && f.key == "" {
		return nil, nil
	}
	if f.cert == "" || f.key == "" {
		return nil, errors.New("--cert and --key: expected both of them, got one")
	}
	pair, err := tls.LoadX509KeyPair(f.cert, f.key)
	if err != nil {
		return nil, fmt.Errorf("--cert and --key: %w", err)
	}
	return &tls.Config{Certificates: []tls.Certificate{pair}}, nil
}
