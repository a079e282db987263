//go:build !unix

package swarm

func descriptorLimit() string { return "the limit is the system's" }

func portLimit() string {
	return "each source address has the system's range of ephemeral ports towards one server"
}
