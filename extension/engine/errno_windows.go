package engine

import "golang.org/x/sys/windows"

// addressInUse is bind's error where each port of an address is taken.
const addressInUse = windows.WSAEADDRINUSE

var errnoReasons = []errnoEntry{
	{windows.WSAECONNREFUSED, ReasonRefused},
	{windows.WSAECONNRESET, ReasonReset},
	{windows.WSAECONNABORTED, ReasonReset},
	{windows.WSAETIMEDOUT, ReasonTimeoutTCP},
	{windows.WSAEADDRNOTAVAIL, ReasonNoPorts},
	{windows.WSAEADDRINUSE, ReasonNoPorts},
	{windows.WSAENOBUFS, ReasonNoPorts},
	{windows.WSAEMFILE, ReasonNoDescriptors},
	{windows.WSAEHOSTUNREACH, ReasonUnreachable},
	{windows.WSAENETUNREACH, ReasonUnreachable},
	{windows.WSAEHOSTDOWN, ReasonUnreachable},
	{windows.WSAEACCES, ReasonUnreachable},
}
