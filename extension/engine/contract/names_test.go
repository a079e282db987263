package contract

import "testing"

func TestNamesAreFoundAmongFewAndMany(t *testing.T) {
	for _, count := range []int{0, 1, mostCompared, mostCompared + 1, 200} {
		all := map[string]int{}
		for i := range count {
			all["name "+itoa(i)] = i
		}
		n := newNames(all)
		for i := range count + 1 {
			if of, ok := n.find("name " + itoa(i)); ok != (i < count) || ok && of != i {
				t.Errorf("name %d of %d: %d, %v", i, count, of, ok)
			}
		}
	}
}
