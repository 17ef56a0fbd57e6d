package load_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/datadogoauth/otelcol-datadogoauth/testbed/load"
)

func TestMarksTellRequestAndRound(t *testing.T) {
	t.Parallel()
	for _, s := range load.Signals {
		l, err := load.Build(load.DefaultMix(), s, 3, 400, 0x2a)
		if err != nil {
			t.Fatal(err)
		}
		bodies, _ := receive(t, l, 71, 0)
		want := load.Mark{Load: 0x2a, Request: 2, Round: 71}
		if s == load.Metrics {
			want.Round = 0 // its points tell
		}
		if m, ok := load.FindMark(bodies["c"][0]); !ok || m != want {
			t.Errorf("%s: %+v, want %+v", s, m, want)
		}
	}
}

func TestWhatLooksLikeAMarkIsNone(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		"pod-zq0100000007-00003":                       true,
		"-zq01000000x7-00003":                          false,
		"-zq0100000007_00003":                          false,
		"-zq0100000007-0000":                           false,
		"-zq\x00\x01 and later pod-zq0100000007-00003": true,
	} {
		if m, ok := load.FindMark([]byte(text)); ok != want || ok && (m != load.Mark{Load: 1, Request: 3, Round: 7}) {
			t.Errorf("%q: %+v, %v", text, m, ok)
		}
	}
}

// items are those of a request with numbers from first to below end.
func items(first, end int) (all []load.Item) {
	for i := first; i < end; i++ {
		all = append(all, load.Item(i))
	}
	return all
}

// receiver takes requests, and tells a ledger at once that their items arrived, but for what drop says.
func receiver(t *testing.T, ledger *load.Ledger, late time.Duration, refuse func(tenant string, try int) bool) *httptest.Server {
	t.Helper()
	var mu sync.Mutex
	tries := map[string]int{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		m, ok := load.FindMark(body)
		if !ok {
			t.Error("a request without a mark")
		}
		tenant := r.Header.Get("x-tenant")
		mu.Lock()
		tries[tenant]++
		no := refuse(tenant, tries[tenant])
		mu.Unlock()
		if no {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		ledger.Arrived(m, items(0, 8), time.Now().Add(late))
	}))
	t.Cleanup(server.Close)
	return server
}

func stream(t *testing.T, url string, ledger *load.Ledger, tenants int) *load.Stream {
	t.Helper()
	var loads []*load.Load
	for i, s := range []load.Signal{load.Logs, load.Traces} {
		l, err := load.Build(load.DefaultMix(), s, 4, 8, uint64(i+1))
		if err != nil {
			t.Fatal(err)
		}
		loads = append(loads, l)
	}
	return &load.Stream{URL: url, Header: "x-tenant", Tenants: tenants, Name: func(i int) string { return string(rune('a' + i)) }, Loads: loads, Ledger: ledger}
}

func TestAStreamKeepsItsRateAndItsBooks(t *testing.T) {
	t.Parallel()
	ledger := &load.Ledger{Of: func(tenant int) int { return tenant % 2 }}
	server := receiver(t, ledger, time.Minute, func(string, int) bool { return false })
	s := stream(t, server.URL, ledger, 2)
	begin, took, err := s.Run(t.Context(), 800, 400*time.Millisecond) // 40 requests, 10 milliseconds apart
	if err != nil {
		t.Fatal(err)
	}
	if took < 390*time.Millisecond {
		t.Errorf("took %s", took)
	}
	for g := range 2 {
		if got, want := ledger.Group(g), (load.Totals{Accepted: 160, Due: 160, Arrived: 160}); got != want || s.Counts(g).Taken != 20 {
			t.Errorf("group %d: %+v, %+v", g, got, s.Counts(g))
		}
	}
	if got := ledger.Load(1); got[0].Accepted != 80 || got[1].Accepted != 80 {
		t.Errorf("log records: %+v", got)
	}
	q := ledger.Quantiles(0, begin, 0, .5, .99, 1)
	if q[0] < time.Minute || q[1] < q[0] || q[2] < q[1] || q[3] < q[2] || q[3] > time.Minute+5*time.Second {
		t.Errorf("quantiles %s", q)
	}
	if n := ledger.ArrivedBy(0, begin, begin.Add(59*time.Second)); n != 0 {
		t.Errorf("%d items arrived within 59 s, though all took a minute", n)
	}
	if n := ledger.ArrivedBy(0, begin, begin.Add(2*time.Minute)); n != 160 {
		t.Errorf("%d items arrived", n)
	}
}

// One tenant that is refused for ever delays nobody, and its next request is left out while the one before is tried again.
func TestARefusedTenantHoldsUpNobody(t *testing.T) {
	t.Parallel()
	ledger := &load.Ledger{Of: func(tenant int) int { return tenant }}
	server := receiver(t, ledger, 0, func(tenant string, _ int) bool { return tenant == "b" })
	s := stream(t, server.URL, ledger, 2)
	s.Patience = 300 * time.Millisecond
	begin, _, err := s.Run(t.Context(), 1600, 200*time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	good, bad := s.Counts(0), s.Counts(1)
	if good.Taken != 20 || good.Refused+good.Skipped+good.Given > 0 {
		t.Errorf("the other tenant: %+v", good)
	}
	if bad.Taken > 0 || bad.Refused < 4 || bad.Given == 0 || bad.Skipped == 0 || bad.Given+bad.Skipped != 20 {
		t.Errorf("the refused one: %+v", bad)
	}
	if q := ledger.Quantiles(0, begin, 1); q[0] > 5*time.Second {
		t.Errorf("%s under way", q[0])
	}
	if got := ledger.Group(1); got != (load.Totals{}) {
		t.Errorf("%+v of what nobody took", got)
	}
}

func TestWhatDoesNotArriveCountsUntilNow(t *testing.T) {
	t.Parallel()
	ledger := &load.Ledger{}
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer server.Close()
	s := stream(t, server.URL, ledger, 1)
	begin, _, err := s.Run(t.Context(), 1e6, time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	time.Sleep(20 * time.Millisecond) // what passes is measured
	if q := ledger.Quantiles(0, begin, .5); q[0] < 20*time.Millisecond {
		t.Errorf("%s", q[0])
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := ledger.Await(ctx, 0); !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "0 items of ") {
		t.Errorf("error %v", err)
	}
}

func TestWhatArrivesTwiceOrFromNowhereIsSeen(t *testing.T) {
	t.Parallel()
	ledger := &load.Ledger{}
	var first load.Mark
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		m, _ := load.FindMark(body)
		first = m
	}))
	defer server.Close()
	s := stream(t, server.URL, ledger, 1)
	if _, _, err := s.Run(t.Context(), 8, time.Second); err != nil { // one request
		t.Fatal(err)
	}
	ledger.Arrived(first, items(0, 4), time.Now())
	ledger.Arrived(first, items(0, 4), time.Now()) // as many as are missing, and not these
	if got, want := ledger.Group(0), (load.Totals{Accepted: 8, Due: 8, Arrived: 4, Extra: 4}); got != want {
		t.Errorf("half of it, twice: %+v", got)
	}
	ledger.Arrived(first, items(3, 9), time.Now())
	ledger.Arrived(first, items(0, 1), time.Now())
	another := first
	another.Round++
	ledger.Arrived(another, items(0, 7), time.Now())
	if got, want := ledger.Group(0), (load.Totals{Accepted: 8, Due: 8, Arrived: 8, Extra: 7}); got != want || ledger.Strange() != 7 {
		t.Errorf("%+v and %d strange ones", got, ledger.Strange())
	}
}

func TestAStreamWhoseTenantsCannotTakeTurns(t *testing.T) {
	t.Parallel()
	s := stream(t, "http://127.0.0.1:1", &load.Ledger{}, 3)
	if _, _, err := s.Run(t.Context(), 8, time.Second); err == nil || !strings.Contains(err.Error(), "cannot take turns") {
		t.Errorf("error %v", err)
	}
}
