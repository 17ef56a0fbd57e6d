package intake_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/datadogoauth/otelcol-datadogoauth/testbed/standin/intake"
)

func TestAwaitCountsReturnsWhenAllHaveArrived(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	var senders sync.WaitGroup
	for range 4 {
		senders.Go(func() {
			for range 25 {
				h.post("logs", "/api/v2/logs", typeJSON, []byte(`[{"message":"a"},{"message":"b"}]`))
			}
		})
	}
	if err := h.AwaitCounts(t.Context(), orgEU, intake.Counts{Logs: 200}); err != nil {
		t.Error(err)
	}
	senders.Wait()
	if got := h.Counts(orgEU).Logs; got != 200 {
		t.Errorf("%d logs, want 200", got)
	}
}

func TestAwaitCountsTellsWhatIsMissing(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	err := h.AwaitCounts(ctx, orgEU, intake.Counts{Spans: 3})
	if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "Spans:3") {
		t.Errorf("error %v", err)
	}
}

func TestDropAllKeepsNothingAndSaysTaken(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.DropAll(orgEU, true)
	h.post("api", "/api/v2/series", typeProto, seriesBody(nil))
	h.post("logs", "/api/v2/logs", typeJSON, []byte(`[{"message":"a"},{"message":"b"}]`))
	h.post("traces", "/api/v0.2/traces", typeProto, traceBody(nil))
	if got := h.Counts(orgEU); got != (intake.Counts{}) {
		t.Errorf("kept %+v", got)
	}
	for _, d := range h.Dropped(orgEU) {
		if want := map[string]int{"series": 1, "logs": 2, "spans": 2}[d.Kind]; d.Count != want || d.Reason != intake.DropDiscarded {
			t.Errorf("dropped %+v, want %d", d, want)
		}
	}
	h.DropAll(orgEU, false)
	h.post("logs", "/api/v2/logs", typeJSON, []byte(`{"message":"a"}`))
	if got := h.Counts(orgEU).Logs; got != 1 {
		t.Errorf("%d logs after DropAll was switched off", got)
	}
}

func TestResetForgets(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	send := func() {
		h.post("api", "/api/v2/series", typeProto, seriesBody(nil))
		h.post("logs", "/api/v2/logs", typeJSON, []byte(`{"message":"a"}`))
	}
	send()
	h.Reset(orgEU)
	if r := h.Received(orgEU); len(r.Series)+len(r.Logs) > 0 || h.Counts(orgEU) != (intake.Counts{}) || h.Accepted(orgEU) != (intake.Counts{}) {
		t.Errorf("still there: %+v", r)
	}
	send()
	if got := h.Counts(orgEU); got.Points != 1 || got.Logs != 1 {
		t.Errorf("counts %+v after a reset and one of each", got)
	}
}

func TestCapsEvictTheOldestAndSayIt(t *testing.T) {
	t.Parallel()
	h := newHarness(t, intake.WithCaps(intake.Caps{Points: 2, Logs: 3}))
	for i := range 5 {
		h.post("api", "/api/v2/series", typeJSON, fmt.Appendf(nil, `{"series":[{"metric":"m%d","points":[{"timestamp":%d,"value":1}]}]}`, i, now0))
		h.post("logs", "/api/v2/logs", typeJSON, fmt.Appendf(nil, `{"message":"%d"}`, i))
	}
	r := h.Received(orgEU)
	if len(r.Series) != 2 || r.Series[0].Metric != "m3" || len(r.Logs) != 3 || r.Logs[0].Message != "2" {
		t.Errorf("kept %+v %+v", r.Series, r.Logs)
	}
	if c := h.Counts(orgEU); c.Points != 5 || c.Logs != 5 {
		t.Errorf("counts %+v", c)
	}
	want := []intake.Drop{{Kind: "logs", Reason: intake.DropEvicted, Count: 2}, {Kind: "series", Reason: intake.DropEvicted, Count: 3}}
	if got := h.Dropped(orgEU); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("dropped %+v, want %+v", got, want)
	}
}

func TestControlHandlerAnswersInJSON(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.post("api", "/api/v2/series", typeProto, seriesBody(nil))
	h.post("api", "/api/beta/sketches", typeProto, sketchBody(nil))
	h.post("logs", "/api/v2/logs", typeJSON, []byte(`{"message":"hello"}`))
	h.post("traces", "/api/v0.2/traces", typeProto, traceBody(nil))
	h.post("traces", "/api/v0.2/stats", "application/msgpack", statsBody(nil))
	get := func(path string) (int, any) {
		w := httptest.NewRecorder()
		h.ControlHandler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
		var v any
		if err := json.Unmarshal(w.Body.Bytes(), &v); err != nil {
			t.Fatalf("%s: %v in %s", path, err, w.Body)
		}
		return w.Code, v
	}
	_, counts := get("/counts?org=1")
	if at(counts, "counts", "Points") != 1.0 || at(counts, "accepted", "Spans") != 2.0 {
		t.Errorf("counts %v", counts)
	}
	for _, c := range []struct {
		kind string
		way  []any
		want any
	}{
		{"series", []any{0, "Metric"}, "a.b"},
		{"sketches", []any{0, "Bins", "1338"}, 1.0},
		{"logs", []any{0, "Message"}, "hello"},
		{"spans", []any{0, "Span", "service"}, "shop"},
		{"stats", []any{0, "stats", 0, "env"}, "prod"},
	} {
		if _, v := get("/received?org=1&kind=" + c.kind); at(v, c.way...) != c.want {
			t.Errorf("%s: %v", c.kind, v)
		}
	}
	for _, path := range []string{"/received?org=1&kind=events", "/received?org=unknown&kind=logs", "/dropped?org=1"} {
		if status, v := get(path); status != 200 || fmt.Sprint(v) != "[]" {
			t.Errorf("%s: %d %v", path, status, v)
		}
	}
	for _, path := range []string{"/received?org=1&kind=pies", "/counts"} {
		if status, _ := get(path); status != 400 {
			t.Errorf("%s: %d", path, status)
		}
	}
}
