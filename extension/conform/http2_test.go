package conform

import "testing"

func TestAServerOfHTTP1IsNotTakenForOneOfHTTP2(t *testing.T) {
	target := gorillaServer(t)
	target.HTTP2 = true
	s := Selection{Cases: []string{"1.1.1"}, HTTP2: true}
	cases, err := s.Select(Server)
	if err != nil {
		t.Fatal(err)
	}
	results := Run(t.Context(), target, cases, Options{})
	if failed := Compare(results, nil).Failed; len(failed) != 1 {
		t.Errorf("%d cases failed, want the one", len(failed))
	}
}
