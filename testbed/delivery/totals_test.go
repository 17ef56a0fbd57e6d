package delivery_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	colmetrics "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	metricspb "go.opentelemetry.io/proto/otlp/metrics/v1"
	"google.golang.org/protobuf/proto"

	"github.com/datadogoauth/otelcol-datadogoauth/testbed/delivery"
)

// TestTotalsCountOnWhereAnExportWasTaken has the second of three exports refused: its points are of the next one.
func TestTotalsCountOnWhereAnExportWasTaken(t *testing.T) {
	t.Parallel()
	calls, last, added := 0, map[string]int64{}, map[string]int64{}
	var times []uint64
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if calls++; calls == 2 {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		body, err := io.ReadAll(r.Body)
		var request colmetrics.ExportMetricsServiceRequest
		if err != nil || proto.Unmarshal(body, &request) != nil {
			t.Errorf("a body of %d bytes: %v", len(body), err)
			return
		}
		for _, m := range request.ResourceMetrics[0].ScopeMetrics[0].Metrics {
			value, at := pointOf(m)
			last[m.Name], times = value, append(times, at)
			added[m.Name] += value
		}
	}))
	defer server.Close()
	c := delivery.NewClient(server.URL, "x-tenant")
	c.UseTLS(server.Client().Transport.(*http.Transport).TLSClientConfig)
	defer c.Close()
	begin := time.Unix(1_700_000_000, 0)
	totals := c.NewTotals("acme", 7, begin)
	for i, want := range []delivery.Outcome{delivery.Acknowledged, delivery.Refused, delivery.Acknowledged} {
		if o, _ := totals.Export(t.Context()); o != want {
			t.Fatalf("export %d: outcome %d, want %d", i, o, want)
		}
	}
	if totals.Exports != 2 {
		t.Errorf("%d exports were acknowledged", totals.Exports)
	}
	for name, got := range map[string]int64{
		delivery.CumulativeSum: last[delivery.CumulativeSum], delivery.CumulativeHistogram: last[delivery.CumulativeHistogram],
		delivery.DeltaSum: added[delivery.DeltaSum], delivery.DeltaHistogram: added[delivery.DeltaHistogram],
	} {
		if got != 2*7 {
			t.Errorf("%s counted %d", name, got)
		}
	}
	for i, at := range times {
		if want := begin.Add(time.Duration(1+i/4*2) * time.Second); at != uint64(want.UnixNano()) {
			t.Errorf("point %d is of %d, want %s", i, at, want)
		}
	}
}

func pointOf(m *metricspb.Metric) (value int64, at uint64) {
	if h := m.GetHistogram(); h != nil {
		return int64(h.DataPoints[0].Count), h.DataPoints[0].TimeUnixNano
	}
	p := m.GetSum().DataPoints[0]
	return p.GetAsInt(), p.TimeUnixNano
}
