package conform

import (
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
)

// Spec is a spec file, as the fuzzing client and the fuzzing server of the
// older suite read it.
type Spec struct {
	// URL is where a fuzzing server listens.
	URL     string `json:"url"`
	Outdir  string `json:"outdir"`
	Servers []struct {
		Agent string `json:"agent"`
		URL   string `json:"url"`
	} `json:"servers"`
	Cases             []string            `json:"cases"`
	ExcludeCases      []string            `json:"exclude-cases"`
	ExcludeAgentCases map[string][]string `json:"exclude-agent-cases"`
}

// ReadSpec reads a spec file. Unknown fields are not an error: the older suite has options that
// mean nothing here.
func ReadSpec(path string) (*Spec, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	s := &Spec{}
	if err := json.Unmarshal(data, s); err != nil {
		return nil, fmt.Errorf("%s: expected a spec file in JSON: %w", path, err)
	}
	return s, nil
}

// Selection is which cases to run.
type Selection struct {
	// Cases and Exclude are patterns: a number ("7.1.5"), a group ("7.1"), or
	// either with stars ("7.*"). No Cases means all.
	Cases, Exclude []string
	// ExcludeAgent are patterns of cases by pattern of agent.
	ExcludeAgent map[string][]string
	// Quick leaves out what is not in the quick mode.
	Quick bool
	// HTTP2 leaves out the cases that are about HTTP/1.1's handshake. Without it
	// those about HTTP/2's are left out.
	HTTP2 bool
}

// Select returns the cases for a testee of a role. A pattern that no case
// matches is an error.
func (s *Selection) Select(testee Testee) ([]*Case, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	var chosen []*Case
	for _, c := range Cases() {
		switch {
		case c.Testee != Both && c.Testee != testee,
			len(s.Cases) > 0 && !anyMatches(s.Cases, c.ID),
			anyMatches(s.Exclude, c.ID),
			s.Quick && !c.Quick(),
			s.HTTP2 && c.needsHTTP1(),
			!s.HTTP2 && c.isOfHTTP2():
		default:
			chosen = append(chosen, c)
		}
	}
	if len(chosen) == 0 {
		return nil, noneLeft(s.Cases, s.Exclude)
	}
	return chosen, nil
}

// Excluded tells whether the case is not for the agent.
func (s *Selection) Excluded(agent, id string) bool {
	for pattern, cases := range s.ExcludeAgent {
		if matchesPattern(pattern, agent) && anyMatches(cases, id) {
			return true
		}
	}
	return false
}

// Choose picks the numbers that cases name, without the ones that exclude names, as a Selection
// has them.
func Choose(ids, cases, exclude []string) (chosen []string, err error) {
	for _, pattern := range slices.Concat(cases, exclude) {
		if !slices.ContainsFunc(ids, func(id string) bool { return matchesCase(pattern, id) }) {
			return nil, noneMatches(pattern)
		}
	}
	for _, id := range ids {
		if (len(cases) == 0 || anyMatches(cases, id)) && !anyMatches(exclude, id) {
			chosen = append(chosen, id)
		}
	}
	if len(chosen) == 0 {
		return nil, noneLeft(cases, exclude)
	}
	return chosen, nil
}

func noneMatches(pattern string) error {
	return fmt.Errorf("no case matches %q, expected a number such as 7.1.5, a group such as 7.1, or a pattern such as 7.*", pattern)
}

func noneLeft(cases, exclude []string) error {
	return fmt.Errorf("no case is left: --cases %q without --exclude %q", cases, exclude)
}

func (s *Selection) check() error {
	lists := [][]string{s.Cases, s.Exclude}
	for _, cases := range s.ExcludeAgent {
		lists = append(lists, cases)
	}
	for _, list := range lists {
		for _, pattern := range list {
			if !patternMatchesAny(pattern) {
				return noneMatches(pattern)
			}
		}
	}
	return nil
}

func patternMatchesAny(pattern string) bool {
	for _, c := range Cases() {
		if matchesCase(pattern, c.ID) {
			return true
		}
	}
	return false
}

func anyMatches(patterns []string, id string) bool {
	for _, p := range patterns {
		if matchesCase(p, id) {
			return true
		}
	}
	return false
}

func matchesCase(pattern, id string) bool {
	return matchesPattern(pattern, id) || strings.HasPrefix(id, strings.TrimSuffix(pattern, ".")+".") && !strings.Contains(pattern, "*")
}

// matchesPattern compares a whole name; a star stands for anything.
func matchesPattern(pattern, name string) bool {
	parts := strings.Split(pattern, "*")
	for i := range parts {
		parts[i] = regexp.QuoteMeta(parts[i])
	}
	ok, _ := regexp.MatchString("^"+strings.Join(parts, ".*")+"$", name)
	return ok
}
