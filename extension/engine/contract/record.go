package contract

// Unknown is the index of messages of no kind, after those of the kinds.
func (c *Contract) Unknown() int { return len(c.Kinds) }

// KindName is the name of a kind, or of those of none.
func (c *Contract) KindName(kind int) string {
	if kind == c.Unknown() {
		return "unknown"
	}
	return c.Kinds[kind].Name
}

// Finding is a way in which messages broke the contract, with the first of them.
type Finding struct {
	Kind  int
	First Breach
	Count int64
}

type findingKey struct {
	kind   int
	rule   Rule
	schema string
}

// mostFindings bounds how many are kept. Breaches beyond are counted all the same.
const mostFindings = 100

// Record is what happened over some time.
type Record struct {
	Messages  []int64 // by kind, Unknown last
	Breaches  []int64 // by kind and rule: kind*len(Rules)+rule
	Unchecked int64   // messages that there was no time to validate
	Seen      []bool  // by item of the coverage

	findings map[findingKey]*Finding
}

// NewRecord makes an empty Record.
func (c *Contract) NewRecord() *Record {
	return &Record{
		Messages: make([]int64, len(c.Kinds)+1),
		Breaches: make([]int64, (len(c.Kinds)+1)*len(Rules)),
		Seen:     make([]bool, len(c.Items)),
		findings: map[findingKey]*Finding{},
	}
}

// count counts a message that breaks a rule, once for each rule.
func (r *Record) count(kind int, rule Rule) { r.Breaches[kind*len(Rules)+int(rule)]++ }

// find keeps a way in which a message breaks the contract.
func (r *Record) find(kind int, b *Breach) {
	key := findingKey{kind, b.Rule, b.Schema}
	if b.Rule == UnknownKind {
		key.schema = b.Found // of each such kind one
	}
	f := r.findings[key]
	if f == nil {
		if len(r.findings) == mostFindings {
			return
		}
		f = &Finding{Kind: kind, First: *b}
		r.findings[key] = f
	}
	f.Count++
}

// MoveTo adds all to another record and leaves r empty.
func (r *Record) MoveTo(to *Record) {
	for i, n := range r.Messages {
		to.Messages[i] += n
		r.Messages[i] = 0
	}
	for i, n := range r.Breaches {
		to.Breaches[i] += n
		r.Breaches[i] = 0
	}
	to.Unchecked += r.Unchecked
	r.Unchecked = 0
	for i, seen := range r.Seen {
		if seen {
			to.Seen[i], r.Seen[i] = true, false
		}
	}
	for key, f := range r.findings {
		known := to.findings[key]
		switch {
		case known != nil:
			known.Count += f.Count
		case len(to.findings) < mostFindings:
			to.findings[key] = f
		}
	}
	clear(r.findings)
}

func (r *Record) reset() {
	clear(r.Messages)
	clear(r.Breaches)
	clear(r.Seen)
	clear(r.findings)
	r.Unchecked = 0
}

// Findings are all that are kept, in no order.
func (r *Record) Findings() []*Finding {
	all := make([]*Finding, 0, len(r.findings))
	for _, f := range r.findings {
		all = append(all, f)
	}
	return all
}
