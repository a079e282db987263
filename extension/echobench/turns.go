package echobench

import "iter"

// Turn is which server and case to measure next, by their indexes, and in which
// round, from 1.
type Turn struct{ Server, Case, Round int }

// SameRound tells whether two turns measure the same case in the same round.
func (t Turn) SameRound(other Turn) bool { return t.Case == other.Case && t.Round == other.Round }

// Turns is the order of a testset's rows. In one round a server has all its cases
// in a row, as in the older suite. With more rounds the servers take turns at
// each case, so that what the machine does meanwhile meets all of them; each
// round begins with another server.
func Turns(servers, cases, rounds int) iter.Seq[Turn] {
	return func(yield func(Turn) bool) {
		if rounds == 1 {
			for n := range servers * cases {
				if !yield(Turn{n / cases, n % cases, 1}) {
					return
				}
			}
			return
		}
		for n := range cases * rounds * servers {
			c, round, place := n/(rounds*servers), n/servers%rounds, n%servers
			if !yield(Turn{(place + round) % servers, c, round + 1}) {
				return
			}
		}
	}
}
