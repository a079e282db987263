package influxdb

import (
	"compress/gzip"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// What a peer or a script chose is in tags, such as an error's text: it must
// stay one point with its own tags.
func TestTagsCannotBreakTheLine(t *testing.T) {
	var lines string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := gzip.NewReader(r.Body)
		if err != nil {
			t.Error(err)
			return
		}
		text, err := io.ReadAll(body)
		if err != nil {
			t.Error(err)
		}
		lines = string(text)
		w.WriteHeader(http.StatusNoContent)
	}))
	defer server.Close()
	p := &point{measurement: "ws_errors", at: time.Unix(1, 0), fields: map[string]any{"sum": 1.0}, tags: map[string]string{
		"error": "lost\nws_errors,run=other sum=9 1\r\n", "path": `C:\`, "only": "\n\\", "run": "a b,c=d",
	}}
	const want = `ws_errors,error=lost\ ws_errors\,run\=other\ sum\=9\ 1,path=C:,run=a\ b\,c\=d sum=1 1000000000` + "\n"
	for name, target := range map[string]target{
		"InfluxDB 1": {server: server.URL, database: "k6"},
		"InfluxDB 2": {server: server.URL, org: "o", bucket: "b", token: "t"},
	} {
		s := newStore(target)
		if err := s.write([]*point{p}); err != nil {
			t.Fatal(err)
		}
		s.close()
		if lines != want {
			t.Errorf("%s: wrote %q, want %q", name, lines, want)
		}
	}
}

// TestOnlyInfluxDBsAnswerIsSuccess: a proxy that sends to a login page, or is
// one, stores nothing.
func TestOnlyInfluxDBsAnswerIsSuccess(t *testing.T) {
	const page = "<html>log in</html>"
	for _, row := range []struct {
		name, location, body string
		status               int
		want                 string
		isFinal              bool
	}{
		{name: "InfluxDB's", status: 204},
		{name: "a page", status: 200, body: page, want: "HTTP 200 with text/html, where InfluxDB answers 204: that is not InfluxDB"},
		{name: "nothing at all", status: 202, want: "HTTP 202 with no content, where InfluxDB answers 204"},
		{name: "301", status: 301, location: "https://sso.test/login?token=s3cret",
			want: "HTTP 301, a redirect to https://sso.test/login, which is not followed"},
		{name: "302", status: 302, location: "/login", want: "HTTP 302, a redirect to http://127.0.0.1:"},
		{name: "303", status: 303, location: "/login", want: "HTTP 303, a redirect to"},
		{name: "307", status: 307, location: "/login", want: "HTTP 307, a redirect to"},
		{name: "308", status: 308, location: "/login", want: "HTTP 308, a redirect to"},
		{name: "a redirect without a target", status: 302, want: "a redirect to nowhere"},
		{name: "a proxy's own refusal", status: 407, body: page, want: "HTTP 407", isFinal: true},
		{name: "a proxy whose server is away", status: 502, body: page, want: "HTTP 502"},
		{name: "the words of InfluxDB 1", status: 404, body: `{"error":"database not found: \"other\""}`,
			want: `database not found: "other"`, isFinal: true},
		{name: "the words of InfluxDB 2", status: 404, body: `{"code":"not found","message":"bucket \"b\" not found"}`,
			want: `bucket "b" not found`, isFinal: true},
		{name: "what a terminal would obey", status: 404, body: "{\"error\":\"\\u001b[2Jgone\"}", want: " [2Jgone", isFinal: true},
	} {
		t.Run(row.name, func(t *testing.T) {
			asked := 0
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				asked++
				if row.location != "" {
					w.Header().Set("Location", row.location)
				}
				if row.body == page {
					w.Header().Set("Content-Type", "text/html")
				}
				w.WriteHeader(row.status)
				_, _ = io.WriteString(w, row.body)
			}))
			defer server.Close()
			for _, to := range []target{
				{server: server.URL + "/below", database: "k6"}, {server: server.URL + "/below", org: "o", bucket: "b", token: "t"},
			} {
				s := newStore(to)
				err := s.write([]*point{{measurement: "m", fields: map[string]any{"sum": 1.0}, at: time.Unix(1, 0)}})
				s.close()
				var refused *refusal
				switch {
				case row.want == "" && err != nil, row.want != "" && err == nil:
					t.Errorf("%s: error %v, want %q", to, err, row.want)
				case err != nil && (!strings.Contains(err.Error(), row.want) || strings.Contains(err.Error(), "s3cret")):
					t.Errorf("%s: error %q, want one with %q", to, err, row.want)
				case errors.As(err, &refused) != row.isFinal:
					t.Errorf("%s: error %q: tried again is %v", to, err, row.isFinal)
				}
			}
			if asked != 2 {
				t.Errorf("asked %d times, want 2: no redirect is followed", asked)
			}
		})
	}
}
