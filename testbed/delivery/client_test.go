package delivery_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/datadogoauth/otelcol-datadogoauth/testbed/delivery"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/load"
)

func TestAnOutcomeIsWhatTheReceiverSaid(t *testing.T) {
	t.Parallel()
	var refusals atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil || !strings.Contains(string(body), "dlvid") {
			t.Errorf("a body of %d bytes: %v", len(body), err)
		}
		switch r.Header.Get("x-tenant") {
		case "taken":
		case "later":
			if refusals.Add(1) <= 2 {
				w.WriteHeader(http.StatusServiceUnavailable)
			}
		case "partly":
			_, _ = io.WriteString(w, "\n\x02\x08\x01") // a partial success that rejects one item
		case "refused":
			w.WriteHeader(http.StatusBadRequest)
		case "unanswered":
			panic(http.ErrAbortHandler)
		}
	}))
	defer server.Close()
	c := delivery.NewClient(server.URL, "x-tenant")
	defer c.Close()
	for i, want := range []struct {
		tenant  string
		outcome delivery.Outcome
		fails   bool
	}{
		{"taken", delivery.Acknowledged, false},
		{"later", delivery.Acknowledged, false},
		{"partly", delivery.Refused, true},
		{"refused", delivery.Refused, true},
		{"unanswered", delivery.Unknown, false},
	} {
		o, err := c.Send(t.Context(), want.tenant, load.Signals[i%3], 2)
		if o != want.outcome || (err != nil) != want.fails {
			t.Errorf("%s: outcome %d, %v", want.tenant, o, err)
		}
	}
	server.Close()
	if o, err := c.Send(t.Context(), "nobody", load.Logs, 1); o != delivery.Unsent || err != nil {
		t.Errorf("with nobody there: outcome %d, %v", o, err)
	}
	if got := len(c.IDs(func(it delivery.Item) bool { return it.Outcome == delivery.Acknowledged })); got != 4 || c.Retried.Load() != 2 || c.Written() != 7 {
		t.Errorf("%d items acknowledged, %d calls refused for now, %d handed over", got, c.Retried.Load(), c.Written())
	}
	if err := c.AwaitWritten(t.Context(), 7); err != nil {
		t.Error(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if err := c.AwaitWritten(ctx, 8); err == nil {
		t.Error("eight calls were handed over")
	}
}

// The first point in each process is a baseline; a point that nobody answered may have been taken.
func TestACounterOwesWhatEachProcessSawGrow(t *testing.T) {
	t.Parallel()
	var answer atomic.Bool
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		if !answer.Load() {
			panic(http.ErrAbortHandler)
		}
	}))
	defer server.Close()
	client := delivery.NewClient(server.URL, "x-tenant")
	defer client.Close()
	c := client.NewCounter("a", time.Now())
	add := func(by int64, answered bool) {
		t.Helper()
		answer.Store(answered)
		if _, err := c.Add(t.Context(), by); err != nil {
			t.Fatal(err)
		}
	}
	add(100, true) // baseline
	add(10, true)
	add(1, false)
	c.NextRun()
	if c.Begun() {
		t.Error("a process that was given nothing has a first point")
	}
	add(1000, true) // baseline
	add(20, true)
	c.NextRun()
	add(5000, false) // nothing is owed to a first point
	if least, most := c.Owed(); least != 30 || most != 31 || c.Baselines() != 3 || c.Points() != 4 || !c.Begun() {
		t.Errorf("%d to %d are owed, %d baselines, %d points", least, most, c.Baselines(), c.Points())
	}
}
