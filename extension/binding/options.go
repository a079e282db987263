package binding

import (
	"fmt"
	"math"
	"net/netip"
	"regexp"
	"strings"
	"time"

	"xk6-realtime/engine"
	"xk6-realtime/engine/fanout"
	"xk6-realtime/engine/probing"
	"xk6-realtime/engine/protocol"
	"xk6-realtime/engine/swarm"
)

// options is what a script gave to Swarm, checked. index.d.ts describes each.
type options struct {
	// swarm lacks facts that are known only when it runs: the shard, k6's local addresses and the
	// requests.
	swarm       swarm.Options
	request     *requests
	reachWithin time.Duration
	timeouts    engine.Timeouts
	realTime    bool
	limits      limits
	// messagesPerSecond is the expected rate of each connection.
	messagesPerSecond float64
	// At most one of the next two; without either, connections are only held.
	fanOut  *fanout.Options
	probing *probing.Options
	// works says that connections do something while they last.
	works bool
	// contract is what messages are checked by, nil for nothing.
	contract *sharedContract
	// step is the value of that tag on all samples, empty for none.
	step string
}

// isAtRest tells whether the connections do nothing while they are held.
func (o *options) isAtRest() bool { return o.fanOut == nil && o.probing == nil && !o.works }

// unsentBytes is what may wait for a peer before it counts as one that does
// not read: two of the largest messages that are sent, at least.
func (o *options) unsentBytes() int {
	const least, rest = 1 << 20, 1 << 10
	payload := 0
	switch {
	case o.fanOut != nil:
		payload = len(o.fanOut.Payload)
	case o.probing != nil:
		payload = len(o.probing.Payload)
	}
	return max(least, 2*(payload+rest))
}

const (
	maxConnections = 1_000_000
	maxShards      = 10_000
	defaultReach   = 10 * time.Minute
	// untilDone is longer than any run: what connections do ends by itself.
	untilDone = 10 * 365 * 24 * time.Hour
)

// readOptions checks what a script gave. An error names the option, the expected value and the
// actual one, but never the value of an option that may hold a secret.
func readOptions(given any) (*options, error) {
	fields, ok := given.(map[string]any)
	if !ok {
		return nil, wrong("Swarm", "an object of options", given)
	}
	r := &reader{of: "Swarm", fields: fields}
	o := &options{}
	servers := r.texts("servers")
	o.swarm.Connections = r.whole("connections", 0, 1, maxConnections)
	o.swarm.Pace = readPace(r)
	o.swarm.Retries = r.whole("retries", 0, -1, math.MaxInt32)
	o.swarm.RetryDelay = r.milliseconds("retryDelayMs", time.Second, 1)
	o.reachWithin = r.milliseconds("reachWithinMs", defaultReach, 1)
	o.swarm.Hold = r.milliseconds("holdMs", 0, 0)
	o.swarm.CloseOver = r.milliseconds("closeOverMs", 0, 0)
	o.swarm.OnExhausted = swarm.Exhausted(r.choice("onExhausted", string(swarm.Fail), string(swarm.Continue)))
	for _, text := range r.texts("sources") {
		addr, err := netip.ParseAddr(text)
		if err != nil {
			r.wrong("sources", "IP addresses of this machine", text)
		}
		o.swarm.Sources = append(o.swarm.Sources, addr)
	}
	o.messagesPerSecond = r.number("messagesPerSecond", 1, 0, 1e6)
	o.swarm.Deflate = readCompression(r)
	o.swarm.StreamsPerConnection = readHTTPVersion(r)
	o.step = readStep(r)
	o.contract = readContract(r)
	o.readCommon(r, r.texts(loginVariables))
	if len(servers) == 0 {
		r.wrong("servers", "at least one URL", servers)
	}
	for _, server := range servers {
		r.fail(o.request.addServer(server))
		o.swarm.Servers = append(o.swarm.Servers, originOf(server))
	}
	o.request.isHTTP2 = o.swarm.StreamsPerConnection > 0
	var err error
	if o.fanOut, err = readFanOut(r.object("fanOut"), o.swarm.Connections, o.request); err != nil {
		r.fail(err)
	}
	if o.fanOut != nil {
		for _, p := range []*protocol.Protocol{o.fanOut.Protocol, o.fanOut.Publishing} {
			r.fail(o.request.checkVariables(p.Variables))
			r.fail(o.request.checkOneWay(p))
		}
		o.swarm.Connections = o.fanOut.Plan.Connections()
		o.swarm.Hold = untilDone
	}
	if o.probing = readProbing(r.object("probing"), o.request); o.probing != nil {
		r.fail(o.request.checkVariables(o.probing.Protocol.Variables))
		r.fail(o.request.checkOneWay(o.probing.Protocol))
		o.swarm.Hold = untilDone
	}
	if o.fanOut != nil && o.probing != nil {
		r.fail(errTwoActivities)
	}
	if r.err == nil {
		r.fail(o.swarm.Check())
	}
	if r.err == nil {
		r.fail(o.request.check("Swarm"))
	}
	return o, r.done()
}

// loginVariables is the option with the names of what logins give.
const loginVariables = "loginVariables"

// readCommon reads what a Swarm and TokenStreams have in common.
func (o *options) readCommon(r *reader, logins []string) {
	o.swarm.Shards = r.whole("shards", 1, 1, maxShards)
	o.timeouts = readTimeouts(r.object("timeouts"))
	o.realTime = r.choice("priority", "normal", "realtime") == "realtime"
	o.limits = readLimits(r)
	o.request = &requests{
		variables: readVariables(r.object("variables")),
		shards:    o.swarm.Shards,
	}
	readUserColumns(r, o.request)
	readLoginVariables(r, o.request, logins)
	readHeaders(r, o.request)
	readSubprotocols(r, &o.request.offer, o.request.variables)
}

// readPace takes rate, or batchSize with batchDelayMs.
func readPace(r *reader) swarm.Pace {
	_, rate := r.fields["rate"]
	_, batch := r.fields["batchSize"]
	switch {
	case rate && batch:
		r.wrong("rate", "either rate or batchSize", "both")
	case !rate && !batch:
		r.wrong("rate", "rate or batchSize", "neither")
	}
	if !batch {
		if _, delay := r.fields["batchDelayMs"]; delay {
			r.wrong("batchDelayMs", "nothing beside rate", "a delay")
		}
		return swarm.Rate(r.number("rate", 1, 1e-3, 1e6))
	}
	return swarm.Batches{
		Size:  r.whole("batchSize", 1, 1, maxConnections),
		Delay: r.milliseconds("batchDelayMs", time.Second, 0),
	}
}

var stepName = regexp.MustCompile(`^[\w.]{1,32}$`)

func readStep(r *reader) string {
	if _, given := r.fields["step"]; !given {
		return ""
	}
	name := r.text("step")
	if !stepName.MatchString(name) {
		r.wrong("step", "up to 32 letters, digits, _ and .", name)
	}
	return name
}

func readTimeouts(r *reader) engine.Timeouts {
	const least = 1
	t := engine.Timeouts{
		Resolve: r.milliseconds("resolveMs", 0, least),
		TCP:     r.milliseconds("tcpMs", 0, least),
		Proxy:   r.milliseconds("proxyMs", 0, least),
		TLS:     r.milliseconds("tlsMs", 0, least),
		Upgrade: r.milliseconds("upgradeMs", 0, least),
		Close:   r.milliseconds("closeMs", 0, least),
	}
	r.finish()
	return t
}

// readVariables takes texts, each the same for all connections but for
// ${connection}, and lists that the connections take in turn.
func readVariables(r *reader) map[string]variable {
	variables := map[string]variable{}
	for _, name := range r.names() {
		if name == connectionVariable || name == vuVariable || !variableName.MatchString(name) {
			r.wrong(name, "a name of letters, digits and _ other than "+connectionVariable+" and "+vuVariable, "another")
			continue
		}
		if list, isList := r.fields[name].([]any); isList && len(list) > 0 {
			variables[name] = variable{list: r.texts(name)}
			continue
		}
		text, err := compile(r.text(name), map[string]variable{})
		if err != nil {
			r.fail(fmt.Errorf("%s.%s: %w", r.of, name, err))
		}
		variables[name] = variable{text: text}
	}
	r.finish()
	return variables
}

// readUserColumns takes the columns of users for variables.
func readUserColumns(r *reader, q *requests) {
	value, given := r.take("users")
	table, ok := value.(*userTable)
	if given && !ok {
		r.wrong("users", "what readUsers returns", value)
	}
	if !ok {
		return
	}
	for column, name := range table.Columns {
		if name == connectionVariable {
			r.wrong("users", "no column "+connectionVariable, "one")
		}
		q.variables[name] = variable{users: table.users, column: column}
		q.columns = append(q.columns, name)
	}
}

// readLoginVariables takes what logins give for variables, before all others.
func readLoginVariables(r *reader, q *requests, names []string) {
	if len(names) > 0 {
		q.logins = &loginValues{names: names, shards: q.shards}
	}
	for column, name := range names {
		if name == connectionVariable || name == vuVariable || !variableName.MatchString(name) {
			r.wrong(loginVariables, "names of letters, digits and _ other than "+connectionVariable+" and "+vuVariable, name)
		}
		q.variables[name] = variable{logins: q.logins, column: column}
		if name != tokenVariable {
			q.columns = append(q.columns, name)
		}
	}
}

func readHeaders(r *reader, q *requests) {
	headers := r.object("headers")
	for _, name := range headers.names() {
		text := headers.text(name)
		value, err := compile(text, q.variables)
		if err != nil {
			r.fail(fmt.Errorf("%s.%s: %w", headers.of, name, err))
		}
		q.fields = append(q.fields, newField(name, value))
	}
	headers.fail(refuseTwice(headers))
	headers.finish()
}

func readSubprotocols(r *reader, to *offer, known map[string]variable) {
	for _, name := range r.texts("subprotocols") {
		t, err := compile(name, known)
		if err != nil {
			r.fail(fmt.Errorf("%s.subprotocols: %w", r.of, err))
		}
		to.protocols = append(to.protocols, t)
	}
}

// refuseTwice refuses header fields whose names differ in case alone.
func refuseTwice(headers *reader) error {
	seen := map[string]string{}
	for _, name := range headers.names() {
		lower := strings.ToLower(name)
		if before, twice := seen[lower]; twice {
			return fmt.Errorf("%s: expected each header once, whatever the case of its name, got %s and %s", headers.of, before, name)
		}
		seen[lower] = name
	}
	return nil
}
