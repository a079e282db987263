package probing

import (
	"math"
	"strconv"
	"testing"
)

func TestIdentifiersThatAllConnectionsShare(t *testing.T) {
	seen := map[string]bool{}
	for _, name := range []string{"one", "other"} {
		for _, numeric := range []bool{false, true} {
			for _, connection := range []int32{0, 1, 999_999} {
				for _, probe := range []int32{1, 2, 1<<20 - 1} {
					id := string(appendSharedID(nil, name, numeric, connection, probe))
					if seen[id] {
						t.Errorf("%s is probe %d of connection %d, and another", id, probe, connection)
					}
					seen[id] = true
					if !numeric {
						continue
					}
					if n, err := strconv.ParseFloat(id, 64); err != nil || n > 1<<53 || n != math.Trunc(n) || strconv.FormatFloat(n, 'f', 0, 64) != id {
						t.Errorf("%s is no whole number that JSON keeps", id)
					}
				}
			}
		}
	}
}
