package standin_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/datadogoauth/otelcol-datadogoauth/testbed/standin"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/standin/faults"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/standin/history"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/standin/intake"
)

func (w *world) fault(f faults.Fault) faults.Fault {
	w.t.Helper()
	f, err := w.Faults().Add(f)
	if err != nil {
		w.t.Fatal(err)
	}
	return f
}

func TestFaultKinds(t *testing.T) {
	t.Parallel()
	for _, http2 := range []bool{true, false} {
		w := newWorld(t, standin.Options{})
		w.client = w.httpClient(http2)
		_, key, err := w.OAuth().AddKey(w.eu1.OrgRef)
		if err != nil {
			t.Fatal(err)
		}
		validate := func() (reply, error) {
			return w.try("GET", "https://api.datadoghq.eu/api/v1/validate", "", "DD-API-KEY", key)
		}
		limited := faults.RateLimited(7)
		limited.ID = "status"
		for _, f := range []faults.Fault{{ID: "reset", Reset: true}, {ID: "abort", Abort: true}, limited, {ID: "latency", LatencyMS: 30}} {
			f.Count, f.Method = 1, "GET"
			w.fault(f)
			start := time.Now()
			r, err := validate()
			switch f.ID {
			case "reset", "abort":
				// The transport may try a GET again by itself: then the second one, without a fault, is answered.
				if err == nil && r.status != http.StatusOK {
					t.Errorf("%s: %d", f.ID, r.status)
				}
			case "status":
				if err != nil || r.status != http.StatusTooManyRequests || r.header.Get("X-RateLimit-Reset") != "7" {
					t.Errorf("%s: %+v %v", f.ID, r, err)
				}
			case "latency":
				if err != nil || r.status != http.StatusOK || time.Since(start) < 30*time.Millisecond {
					t.Errorf("%s: %+v %v after %s", f.ID, r, err, time.Since(start))
				}
			}
			if err := w.Faults().Await(t.Context(), f.ID, 1); err != nil {
				t.Error(err)
			}
			entries, err := w.History().Await(t.Context(), 1, history.Filter{Fault: f.ID})
			if err != nil || (entries[0].Status == 0) != (f.Reset || f.Abort) {
				t.Errorf("%s: history %+v %v", f.ID, entries, err)
			}
			if r, err := validate(); err != nil || r.status != http.StatusOK {
				t.Errorf("after %s: %d %v", f.ID, r.status, err)
			}
		}
	}
}

func TestLostAnswerHappensAfterTheEffect(t *testing.T) {
	t.Parallel()
	for _, http2 := range []bool{true, false} {
		w := newWorld(t, standin.Options{})
		w.client = w.httpClient(http2)
		access, _ := w.connect(w.eu1)
		w.fault(faults.Fault{Site: w.eu1.Site, Path: "/api/v2/api_keys/*", Lose: true, Count: 1})
		const endpoint = "https://api.datadoghq.eu/api/v2/api_keys/marketplace"
		if r, err := w.try("POST", endpoint, "", "Authorization", "Bearer "+access); err == nil {
			t.Fatalf("an answer arrived: %+v", r)
		}
		if n := len(w.OAuth().Keys()); n != 1 {
			t.Fatalf("%d keys exist, want 1", n)
		}
		if r := w.do("POST", endpoint, "", "Authorization", "Bearer "+access); r.status != http.StatusConflict {
			t.Errorf("mint after a lost answer: %d, want 409", r.status)
		}
	}
}

func TestHangLastsUntilTheClientGivesUp(t *testing.T) {
	t.Parallel()
	for _, http2 := range []bool{true, false} {
		w := newWorld(t, standin.Options{})
		w.client = w.httpClient(http2)
		f := w.fault(faults.Fault{Hang: true})
		ctx, cancel := context.WithCancel(t.Context())
		req, err := http.NewRequestWithContext(ctx, "POST", "https://api.datadoghq.eu/api/v2/series", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		done := make(chan error, 1)
		go func() {
			resp, err := w.client.Do(req)
			if err == nil {
				resp.Body.Close()
			}
			done <- err
		}()
		if err := w.Faults().Await(t.Context(), f.ID, 1); err != nil {
			t.Fatal(err)
		}
		cancel()
		if err := <-done; err == nil {
			t.Error("a hanging request was answered")
		}
		if _, err := w.History().Await(t.Context(), 1, history.Filter{Fault: f.ID}); err != nil {
			t.Error(err)
		}
	}
}

func TestAWithheldAnswerComesAfterTheEffectAndNever(t *testing.T) {
	t.Parallel()
	for _, http2 := range []bool{true, false} {
		w := newWorld(t, standin.Options{})
		w.client = w.httpClient(http2)
		_, key, err := w.OAuth().AddKey(w.eu1.OrgRef)
		if err != nil {
			t.Fatal(err)
		}
		f := w.fault(faults.Fault{Site: w.eu1.Site, Path: "/api/v2/logs", Withhold: true})
		ctx, cancel := context.WithCancel(t.Context())
		req, err := http.NewRequestWithContext(ctx, "POST", "https://http-intake.logs.datadoghq.eu/api/v2/logs", strings.NewReader(`[{"message":"a"}]`))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("DD-API-KEY", key)
		req.Header.Set("Content-Type", "application/json")
		done := make(chan error, 1)
		go func() {
			resp, err := w.client.Do(req)
			if err == nil {
				resp.Body.Close()
			}
			done <- err
		}()
		if err := w.Intake().AwaitCounts(t.Context(), w.eu1.ID, intake.Counts{Logs: 1}); err != nil {
			t.Fatal(err)
		}
		select {
		case err := <-done:
			t.Fatalf("the request ended by itself: %v", err)
		case <-time.After(20 * time.Millisecond):
		}
		cancel()
		if err := <-done; err == nil {
			t.Error("the request was answered")
		}
		entries, err := w.History().Await(t.Context(), 1, history.Filter{Fault: f.ID})
		if err != nil || entries[0].Status != 0 {
			t.Errorf("history %+v, %v", entries, err)
		}
	}
}

func TestFaultsHitWhatTheyMatch(t *testing.T) {
	t.Parallel()
	w := newWorld(t, standin.Options{})
	_, eu, err1 := w.OAuth().AddKey(w.eu1.OrgRef)
	_, us, err2 := w.OAuth().AddKey(w.us1.OrgRef)
	if err1 != nil || err2 != nil {
		t.Fatal(err1, err2)
	}
	w.fault(faults.Fault{Org: w.eu1.ID, Purpose: "api", Path: "/api/v1/validate", Status: 503, Skip: 1, Count: 2})
	var got []int
	for range 4 {
		got = append(got, w.validate(w.eu1.Site, eu), w.validate(w.us1.Site, us))
	}
	want := []int{200, 200, 503, 200, 503, 200, 200, 200}
	for i := range want {
		if got[i] != want[i] {
			t.Fatalf("statuses %v, want %v", got, want)
		}
	}
}

func TestFaultsThatMakeNoSenseAreRefused(t *testing.T) {
	t.Parallel()
	var set faults.Set
	for name, f := range map[string]faults.Fault{
		"no effect": {Site: "datadoghq.eu"}, "two effects": {Status: 500, Reset: true}, "negative": {LatencyMS: -1}, "not a status": {Status: 20},
	} {
		if _, err := set.Add(f); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}
