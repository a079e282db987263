package hist

// Set is Histograms by number, each made with its first value: one takes
// memory.
type Set[S ~int] []*Histogram

// NewSet is a Set with the numbers from 0 to n-1.
func NewSet[S ~int](n S) Set[S] { return make(Set[S], n) }

// Of is the Histogram to record into.
func (s Set[S]) Of(number S) *Histogram {
	if s[number] == nil {
		s[number] = New()
	}
	return s[number]
}

// patience is how often in a row a Histogram is moved empty before its memory is given back. Most
// series of a ramp get no values once the ramp is over.
const patience = 10

// MoveTo adds all to a Set of as many numbers, and leaves s empty.
func (s Set[S]) MoveTo(to Set[S]) {
	for number, h := range s {
		switch {
		case h == nil:
		case h.Count() > 0:
			to.Of(S(number)).Merge(h)
			h.Reset()
			h.idle = 0
		default:
			if h.idle++; h.idle == patience {
				s[number] = nil
			}
		}
	}
}

// Distributions is what is in the Set; nil for a Histogram without values.
func (s Set[S]) Distributions() []*Distribution {
	all := make([]*Distribution, len(s))
	for number, h := range s {
		if h != nil && h.Count() > 0 {
			all[number] = h.Distribution()
		}
	}
	return all
}

// Take is Distributions, and leaves s empty.
func (s Set[S]) Take() []*Distribution {
	all := s.Distributions()
	for _, h := range s {
		if h != nil {
			h.Reset()
		}
	}
	return all
}
