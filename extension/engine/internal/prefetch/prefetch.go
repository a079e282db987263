//go:build amd64 || arm64

// Package prefetch asks the processor for memory that will be needed soon: it
// is fetched meanwhile, and nothing waits for it.
package prefetch

import "unsafe"

// Line asks for the 64 bytes around p. Nothing happens where there are none.
//
//go:noescape
func Line(p unsafe.Pointer)

// Lines asks for the 256 bytes from p on.
//
//go:noescape
func Lines(p unsafe.Pointer)
