//go:build !unix

package swarm

func descriptorLimit() string { return "the limit is the system's" }
