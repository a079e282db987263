//go:build !unix

package engine

// ReserveDescriptors does nothing: this platform has no table to grow.
func ReserveDescriptors(int) {}
