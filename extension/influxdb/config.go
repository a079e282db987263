package influxdb

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"xk6-realtime/users"
)

// The environment variables with what must stay secret: a command line is for
// everybody to see.
const (
	tokenVariable    = "INFLUX_TOKEN"
	userVariable     = "INFLUX_USERNAME"
	passwordVariable = "INFLUX_PASSWORD"
)

const expected = "expected --out realtime-influxdb=http://HOST:8086/?org=ORG&bucket=BUCKET (InfluxDB 2) " +
	"or http://HOST:8086/DATABASE (InfluxDB 1)"

// target is where to write.
type target struct {
	// server is the address without query and credentials, and without what
	// the path says of InfluxDB 1. It has no slash at the end.
	server string
	// InfluxDB 2, where bucket is not empty.
	org, bucket, token string
	// InfluxDB 1.
	database, retentionPolicy, user, password string
}

func (t target) isV2() bool { return t.bucket != "" }

// String is for people: no secret is in it.
func (t target) String() string {
	if t.isV2() {
		return fmt.Sprintf("%s, bucket %s of %s", t.server, t.bucket, t.org)
	}
	return fmt.Sprintf("%s, database %s", t.server, t.database)
}

// parseTarget reads the output's argument and its part of the environment. Its
// errors do not repeat the argument: a token may be in it by mistake.
// cli/influxdb/place.ts reads the same; test/influxdb/addresses.json holds both
// to it.
func parseTarget(argument string, environment map[string]string) (target, error) {
	u, err := url.Parse(argument)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" || u.Fragment != "" {
		return target{}, errors.New(expected + ", got another form of address")
	}
	if u.User != nil {
		return target{}, fmt.Errorf("%s, got credentials in the address: give them in %s, or in %s and %s",
			expected, tokenVariable, userVariable, passwordVariable)
	}
	query := u.Query()
	for name := range query {
		if !slices.Contains([]string{"org", "bucket", "rp"}, name) {
			return target{}, fmt.Errorf("%s, got the parameter %q", expected, name)
		}
	}
	path := strings.Trim(u.EscapedPath(), "/")
	t := target{org: query.Get("org"), bucket: query.Get("bucket"), retentionPolicy: query.Get("rp")}
	switch {
	case t.org != "" && t.bucket == "":
		return target{}, errors.New(expected + ", got an organisation without a bucket")
	case t.org == "" && t.bucket != "":
		return target{}, errors.New(expected + ", got a bucket without an organisation")
	case t.isV2() && t.retentionPolicy != "":
		return target{}, errors.New(expected + ", got a retention policy (rp), which only InfluxDB 1 has")
	case t.isV2():
		if t.token = environment[tokenVariable]; t.token == "" {
			return target{}, fmt.Errorf("InfluxDB 2 wants a token: set %s in the environment", tokenVariable)
		}
		if !users.IsToken(t.token) {
			return target{}, fmt.Errorf("%s: expected printable ASCII without spaces, got %s", tokenVariable, users.ShapeOf(t.token))
		}
	case path == "":
		return target{}, errors.New(expected + ", got neither a database nor an organisation and a bucket")
	default:
		// What comes before it is where a proxy has InfluxDB.
		prefix := path[:strings.LastIndex(path, "/")+1]
		if t.database, err = url.PathUnescape(path[len(prefix):]); err != nil {
			return target{}, errors.New(expected + ", got another form of address")
		}
		path = strings.Trim(prefix, "/")
		t.user, t.password = environment[userVariable], environment[passwordVariable]
	}
	t.server = u.Scheme + "://" + u.Host
	if path != "" {
		t.server += "/" + path
	}
	return t, nil
}
