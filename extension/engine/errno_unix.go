//go:build unix

package engine

import "syscall"

// addressInUse is bind's error where each port of an address is taken.
const addressInUse = syscall.EADDRINUSE

var errnoReasons = []errnoEntry{
	{syscall.ECONNREFUSED, ReasonRefused},
	{syscall.ECONNRESET, ReasonReset},
	{syscall.ECONNABORTED, ReasonReset},
	{syscall.EPIPE, ReasonReset},
	{syscall.ETIMEDOUT, ReasonTimeoutTCP},
	{syscall.EADDRNOTAVAIL, ReasonNoPorts},
	{syscall.EADDRINUSE, ReasonNoPorts},
	{syscall.EMFILE, ReasonNoDescriptors},
	{syscall.ENFILE, ReasonNoDescriptors},
	{syscall.ENOBUFS, ReasonNoMemory},
	{syscall.ENOMEM, ReasonNoMemory},
	{syscall.ENOSPC, ReasonNoMemory}, // of epoll: max_user_watches
	{syscall.EHOSTUNREACH, ReasonUnreachable},
	{syscall.ENETUNREACH, ReasonUnreachable},
	{syscall.EHOSTDOWN, ReasonUnreachable},
	{syscall.EACCES, ReasonUnreachable},
	{syscall.EPERM, ReasonUnreachable},
}
