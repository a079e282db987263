package contract

// For the tests outside the package, which may use what is built on it.
const (
	Orders    = orders
	Questions = asked
)

var Kilobyte = kilobyte
