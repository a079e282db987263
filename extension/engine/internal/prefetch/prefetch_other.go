//go:build !amd64 && !arm64

// Package prefetch asks the processor for memory that will be needed soon.
package prefetch

import "unsafe"

// Line does nothing here.
func Line(unsafe.Pointer) {}

// Lines does nothing here.
func Lines(unsafe.Pointer) {}
