package influxdb

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode"

	"github.com/influxdata/influxdb-client-go/v2/api/write"
)

// requestTimeout bounds one write.
const requestTimeout = 10 * time.Second

// store is one version of InfluxDB.
type store interface {
	// write stores all points, or says why not. Points that are stored already
	// are replaced by the same. An error that trying again cannot mend is a
	// *refusal.
	write([]*point) error
	close()
}

// refusal is the server's no.
type refusal struct {
	reason string
	// ofPoints tells that some of the points are to blame, not all alike.
	ofPoints bool
}

func (r *refusal) Error() string { return r.reason }

// httpStore writes to either version, by the line protocol that both take.
type httpStore struct {
	target target
	url    string
	client *http.Client
}

func newStore(t target) *httpStore {
	return &httpStore{
		target: t,
		url:    t.writeURL(),
		client: &http.Client{
			Transport: http.DefaultTransport.(*http.Transport).Clone(),
			Timeout:   requestTimeout,
			// Whoever sends us elsewhere is not InfluxDB: a redirected POST becomes a GET, whose answer says nothing.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
}

func (t target) writeURL() string {
	q := url.Values{"precision": {"ns"}}
	if t.isV2() {
		q.Set("org", t.org)
		q.Set("bucket", t.bucket)
		return t.server + "/api/v2/write?" + q.Encode()
	}
	q.Set("db", t.database)
	if t.retentionPolicy != "" {
		q.Set("rp", t.retentionPolicy)
	}
	return t.server + "/write?" + q.Encode()
}

func (t target) authorize(r *http.Request) {
	switch {
	case t.isV2():
		r.Header.Set("Authorization", "Token "+t.token)
	case t.user != "":
		r.SetBasicAuth(t.user, t.password)
	}
}

func (s *httpStore) write(points []*point) error {
	body, err := encode(points)
	if err != nil {
		return err
	}
	request, err := http.NewRequest(http.MethodPost, s.url, body)
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "text/plain; charset=utf-8")
	request.Header.Set("Content-Encoding", "gzip")
	request.Header.Set("Accept", "application/json")
	s.target.authorize(request)
	response, err := s.client.Do(request)
	if err != nil {
		if wrapped, ok := err.(*url.Error); ok {
			return wrapped.Err // without the URL, which is long and known
		}
		return err
	}
	defer response.Body.Close()
	said, _ := io.ReadAll(io.LimitReader(response.Body, 64<<10))
	return s.target.judge(response, said)
}

func (s *httpStore) close() { s.client.CloseIdleConnections() }

func encode(points []*point) (*bytes.Buffer, error) {
	var lines strings.Builder
	for _, p := range points {
		of := write.NewPoint(p.measurement, p.lineTags(), p.fields, p.at)
		write.PointToLineProtocolBuffer(of, &lines, time.Nanosecond)
	}
	var body bytes.Buffer
	packed := gzip.NewWriter(&body)
	if _, err := io.WriteString(packed, lines.String()); err != nil {
		return nil, err
	}
	return &body, packed.Close()
}

// judge is what an answer means: 204 alone is InfluxDB's yes.
func (t target) judge(response *http.Response, body []byte) error {
	status := response.StatusCode
	switch {
	case status == http.StatusNoContent:
		return nil
	case status == http.StatusUnauthorized && t.isV2():
		return &refusal{reason: fmt.Sprintf("the token in %s is not accepted", tokenVariable)}
	case status == http.StatusForbidden && t.isV2():
		return &refusal{reason: fmt.Sprintf("the token in %s may not write to bucket %q", tokenVariable, t.bucket)}
	case status >= 300 && status < 400:
		return fmt.Errorf("HTTP %d, a redirect to %s, which is not followed: give the address at which InfluxDB itself answers",
			status, redirectTarget(response))
	case status < 300:
		return fmt.Errorf("HTTP %d with %s, where InfluxDB answers 204: that is not InfluxDB",
			status, cmp.Or(printable(response.Header.Get("Content-Type")), "no content"))
	case status == http.StatusBadRequest, status == http.StatusRequestEntityTooLarge, status == http.StatusUnprocessableEntity:
		return &refusal{reason: reasonIn(status, body), ofPoints: true}
	case status < 500 && status != http.StatusTooManyRequests && status != http.StatusRequestTimeout:
		return &refusal{reason: reasonIn(status, body)}
	}
	return fmt.Errorf("%s", reasonIn(status, body))
}

// redirectTarget is without a query, which may carry what is nobody's business.
func redirectTarget(response *http.Response) string {
	to, err := response.Location()
	if err != nil {
		return "nowhere"
	}
	return printable((&url.URL{Scheme: to.Scheme, Host: to.Host, Path: to.Path}).String())
}

// reasonIn is what the server says: InfluxDB 1 calls it error, InfluxDB 2
// message.
func reasonIn(status int, body []byte) string {
	var said struct{ Error, Message string }
	if json.Unmarshal(body, &said) != nil {
		return fmt.Sprintf("HTTP %d", status) // a proxy's page
	}
	return printable(cmp.Or(said.Message, said.Error, fmt.Sprintf("HTTP %d", status)))
}

// printable is at most 200 characters that a terminal shows and does not obey.
func printable(s string) string {
	s = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, s)
	if runes := []rune(s); len(runes) > 200 {
		return string(runes[:200]) + "…"
	}
	return s
}
