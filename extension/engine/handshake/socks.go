package handshake

import "net/netip"

// What is said to a SOCKS proxy (RFC 1928), and by it.
const (
	socksVersion  = 5
	socksNoAuth   = 0
	socksPassword = 2
	socksNone     = 0xff // of the methods that were offered
	socksConnect  = 1
	socksIPv4     = 1
	socksName     = 3
	socksIPv6     = 4

	socksPasswordVersion = 1 // RFC 1929
)

// MaxSocksBytes bounds a user, a password and a host name.
const MaxSocksBytes = 255

// AppendSocksGreeting appends the first message to a SOCKS proxy. withPassword
// offers a user and a password, beside nothing at all.
func AppendSocksGreeting(dst []byte, withPassword bool) []byte {
	if withPassword {
		return append(dst, socksVersion, 2, socksNoAuth, socksPassword)
	}
	return append(dst, socksVersion, 1, socksNoAuth)
}

// ReadSocksMethod reads the answer to the greeting. n is its size, 0 while it is incomplete.
// ErrStatus: the proxy takes none of the offered methods.
func ReadSocksMethod(b []byte) (wantsPassword bool, n int, err error) {
	if len(b) > 0 && b[0] != socksVersion {
		return false, 0, ErrMalformed
	}
	if len(b) < 2 {
		return false, 0, nil
	}
	switch b[1] {
	case socksNoAuth:
		return false, 2, nil
	case socksPassword:
		return true, 2, nil
	case socksNone:
		return false, 0, ErrStatus
	}
	return false, 0, ErrMalformed
}

// AppendSocksPassword appends a user and a password, each of at most
// MaxSocksBytes.
func AppendSocksPassword(dst []byte, user, password string) []byte {
	dst = append(dst, socksPasswordVersion, byte(len(user)))
	dst = append(dst, user...)
	dst = append(dst, byte(len(password)))
	return append(dst, password...)
}

// ReadSocksPassword reads the answer to that. ErrStatus: the proxy refuses them.
func ReadSocksPassword(b []byte) (n int, err error) {
	switch {
	case len(b) < 2:
		return 0, nil
	case b[1] != 0:
		return 0, ErrStatus
	}
	return 2, nil
}

// AppendSocksConnect appends the request for a way to a host, whose address is
// addr where it is one, else a name of at most MaxSocksBytes.
func AppendSocksConnect(dst []byte, host string, addr netip.Addr, port uint16) []byte {
	dst = append(dst, socksVersion, socksConnect, 0)
	switch {
	case !addr.IsValid():
		dst = append(dst, socksName, byte(len(host)))
		dst = append(dst, host...)
	case addr.Is4():
		as4 := addr.As4()
		dst = append(dst, socksIPv4)
		dst = append(dst, as4[:]...)
	default:
		as16 := addr.As16()
		dst = append(dst, socksIPv6)
		dst = append(dst, as16[:]...)
	}
	return append(dst, byte(port>>8), byte(port))
}

// ReadSocksConnected reads the answer to that. n is its size, after which the
// way begins, or 0 while it is incomplete. ErrStatus: there is none; reply says
// why.
func ReadSocksConnected(b []byte) (reply byte, n int, err error) {
	if len(b) > 0 && b[0] != socksVersion {
		return 0, 0, ErrMalformed
	}
	if len(b) < 2 {
		return 0, 0, nil
	}
	if b[1] != 0 {
		return b[1], 0, ErrStatus
	}
	if len(b) < 5 {
		return 0, 0, nil
	}
	switch b[3] {
	case socksIPv4:
		n = 4 + 4 + 2
	case socksIPv6:
		n = 4 + 16 + 2
	case socksName:
		n = 4 + 1 + int(b[4]) + 2
	default:
		return 0, 0, ErrMalformed
	}
	if len(b) < n {
		return 0, 0, nil
	}
	return 0, n, nil
}
