package influxdb

import (
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
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
		s, err := newStore(target)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.write([]*point{p}); err != nil {
			t.Fatal(err)
		}
		s.close()
		if lines != want {
			t.Errorf("%s: wrote %q, want %q", name, lines, want)
		}
	}
}
