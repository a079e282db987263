package influxdb

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	client2 "github.com/influxdata/influxdb-client-go/v2"
	"github.com/influxdata/influxdb-client-go/v2/api"
	http2 "github.com/influxdata/influxdb-client-go/v2/api/http"
	"github.com/influxdata/influxdb-client-go/v2/api/write"
	client1 "github.com/influxdata/influxdb1-client/v2"
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

func newStore(t target) (store, error) {
	if t.isV2() {
		return newStore2(t), nil
	}
	return newStore1(t)
}

type store2 struct {
	target target
	client client2.Client
	api    api.WriteAPIBlocking
}

func newStore2(t target) *store2 {
	options := client2.DefaultOptions().
		SetUseGZip(true).
		SetHTTPRequestTimeout(uint(requestTimeout / time.Second)).
		SetLogLevel(0)
	client := client2.NewClientWithOptions(t.server, t.token, options)
	return &store2{target: t, client: client, api: client.WriteAPIBlocking(t.org, t.bucket)}
}

func (s *store2) write(points []*point) error {
	batch := make([]*write.Point, len(points))
	for i, p := range points {
		batch[i] = write.NewPoint(p.measurement, p.lineTags(), p.fields, p.at)
	}
	ctx, cancel := context.WithTimeout(context.Background(), requestTimeout)
	defer cancel()
	err := s.api.WritePoint(ctx, batch...)
	var answer *http2.Error
	if !errors.As(err, &answer) {
		return err
	}
	switch status := answer.StatusCode; {
	case status == http.StatusUnauthorized:
		return &refusal{reason: fmt.Sprintf("the token in %s is not accepted", tokenVariable)}
	case status == http.StatusForbidden:
		return &refusal{reason: fmt.Sprintf("the token in %s may not write to bucket %q", tokenVariable, s.target.bucket)}
	case status == http.StatusBadRequest, status == http.StatusRequestEntityTooLarge, status == http.StatusUnprocessableEntity:
		return &refusal{reason: answer.Error(), ofPoints: true}
	case status >= 400 && status < 500 && status != http.StatusTooManyRequests && status != http.StatusRequestTimeout:
		return &refusal{reason: answer.Error()}
	}
	return err
}

func (s *store2) close() { s.client.Close() }

type store1 struct {
	target target
	client client1.Client
}

func newStore1(t target) (*store1, error) {
	client, err := client1.NewHTTPClient(client1.HTTPConfig{
		Addr: t.server, Username: t.user, Password: t.password,
		Timeout: requestTimeout, WriteEncoding: client1.GzipEncoding,
	})
	if err != nil {
		return nil, fmt.Errorf("making a client of InfluxDB 1: %w", err)
	}
	return &store1{t, client}, nil
}

func (s *store1) write(points []*point) error {
	batch, err := client1.NewBatchPoints(client1.BatchPointsConfig{
		Database: s.target.database, RetentionPolicy: s.target.retentionPolicy,
	})
	if err != nil {
		return &refusal{reason: err.Error()}
	}
	for _, p := range points {
		of, err := client1.NewPoint(p.measurement, p.lineTags(), p.fields, p.at)
		if err != nil {
			return &refusal{reason: err.Error(), ofPoints: true}
		}
		batch.AddPoint(of)
	}
	return refused1(s.client.Write(batch))
}

func (s *store1) close() { _ = s.client.Close() }

// refusals1 are what InfluxDB 1 says when trying again is of no use, and whether
// that is of some points alone. Its client keeps the status to itself.
var refusals1 = map[string]bool{
	"database not found": false, "retention policy not found": false, "authorization failed": false,
	"not authorized": false, "unauthorized": false, "page not found": false,
	"unable to parse": true, "partial write": true, "Request Entity Too Large": true,
}

func refused1(err error) error {
	if err == nil {
		return nil
	}
	for sign, ofPoints := range refusals1 {
		if strings.Contains(err.Error(), sign) {
			return &refusal{strings.TrimSpace(err.Error()), ofPoints}
		}
	}
	return err
}
