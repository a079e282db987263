//go:build !linux

package echobench

// usageOf is not known here.
func usageOf(int) usage { return usage{} }

// keepTime does nothing here.
func keepTime() {}
