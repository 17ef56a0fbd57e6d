package load_test

import (
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/datadogoauth/otelcol-datadogoauth/testbed/load"
)

// TestAFloodWaitsForAnswersAlone counts what is under way at a receiver that takes its time, and refuses every seventh call.
func TestAFloodWaitsForAnswersAlone(t *testing.T) {
	t.Parallel()
	var now, most, calls atomic.Int64
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		most.Store(max(most.Load(), now.Add(1)))
		defer now.Add(-1)
		time.Sleep(5 * time.Millisecond)
		if calls.Add(1)%7 == 0 {
			w.WriteHeader(http.StatusTooManyRequests)
		}
	}))
	defer receiver.Close()
	var loads []*load.Load
	for i, signal := range load.Signals {
		l, err := load.Build(load.DefaultMix(), signal, 20, 200, uint64(i+1))
		if err != nil {
			t.Fatal(err)
		}
		loads = append(loads, l)
	}
	s := &load.Stream{URL: receiver.URL, Header: "x-tenant", Tenants: 4, Name: func(int) string { return "t" }, Loads: loads, Ledger: &load.Ledger{}}
	const callers, long = 8, 1500 * time.Millisecond
	begin, took, err := s.Flood(t.Context(), callers, long)
	if err != nil {
		t.Fatal(err)
	}
	counts := s.Counts(0)
	if took < long/2 || time.Since(begin) < took || most.Load() != callers || counts.Refused == 0 || counts.Failed+counts.Given+counts.Skipped > 0 {
		t.Errorf("took %s, %d at a time, %+v", took, most.Load(), counts)
	}
	// Two rounds, the second of which began when it might, and what was begun at the end.
	if round := 3 * 20; counts.Taken != 2*round || s.Ledger.Group(0).Accepted != counts.Taken*200 {
		t.Errorf("%d requests and %d items were taken", counts.Taken, s.Ledger.Group(0).Accepted)
	}
}
