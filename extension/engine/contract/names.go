package contract

// names finds what belongs to a name. Comparing with each of a few names is
// faster than a map, which hashes.
type names[T any] struct {
	few    []named[T]
	byName map[string]T // nil for few
}

type named[T any] struct {
	name string
	of   T
}

const mostCompared = 8

func newNames[T any](all map[string]T) names[T] {
	if len(all) > mostCompared {
		return names[T]{byName: all}
	}
	var n names[T]
	for name, of := range all {
		n.few = append(n.few, named[T]{name, of})
	}
	return n
}

func (n *names[T]) find(name string) (of T, ok bool) {
	if n.byName != nil {
		of, ok = n.byName[name]
		return of, ok
	}
	for i := range n.few {
		if n.few[i].name == name {
			return n.few[i].of, true
		}
	}
	return of, false
}
