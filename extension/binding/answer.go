package binding

import (
	"context"
	"net/http"
)

// answer is what a server answers to a request, as far as its body.
type answer struct {
	// Status is 0 where no answer came.
	Status  int               `js:"status"`
	Headers map[string]string `js:"headers"`
	// Error says why none came.
	Error string `js:"error"`
}

// answerTo asks by GET and reads the head of the answer: the body may be a stream
// that does not end. It goes by k6's own HTTP transport, whose options hold, and
// follows no redirect.
func (i *instance) answerTo(url string, headers map[string]string, timeoutMs float64) (*answer, error) {
	state, err := i.state("answerTo")
	if err != nil {
		return nil, err
	}
	if !(timeoutMs > 0) {
		return nil, wrong("answerTo", "a timeout in milliseconds, above 0", timeoutMs)
	}
	ctx, cancel := context.WithTimeout(i.vu.Context(), inTime(timeoutMs))
	defer cancel() // which ends the connection of a body that was not read
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, withoutURL(err)
	}
	for name, value := range headers {
		r.Header.Set(name, value)
	}
	got, err := state.Transport.RoundTrip(r)
	if err != nil {
		return &answer{Error: err.Error()}, nil
	}
	got.Body.Close()
	a := &answer{Status: got.StatusCode, Headers: make(map[string]string, len(got.Header))}
	for name := range got.Header {
		a.Headers[name] = got.Header.Get(name)
	}
	return a, nil
}
