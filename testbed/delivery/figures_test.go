package delivery_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/datadogoauth/otelcol-datadogoauth/testbed/delivery"
)

const text = `# HELP otelcol_exporter_datadogoauth_dropped_items_total Items that are lost.
# TYPE otelcol_exporter_datadogoauth_dropped_items_total counter
otelcol_exporter_datadogoauth_dropped_items_total{exporter="datadogoauth",reason="baseline",signal="metrics"} 3
otelcol_exporter_datadogoauth_dropped_items_total{exporter="datadogoauth",reason="rejected",signal="metrics"} 4
otelcol_exporter_datadogoauth_dropped_items_total{exporter="datadogoauth",reason="rejected",signal="logs"} 1e+06
otelcol_exporter_datadogoauth_parking_items{exporter="datadogoauth",signal="logs"} 5
otelcol_exporter_datadogoauth_dropped_items_more_total{signal="logs"} 9
`

func TestFiguresAddUpByLabels(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, text) }))
	defer server.Close()
	f, err := delivery.Scrape(t.Context(), server.Client(), server.URL)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		want       int
		instrument string
		labels     []string
	}{
		{1_000_007, "dropped_items", nil}, {7, "dropped_items", []string{`signal="metrics"`}},
		{4, "dropped_items", []string{`signal="metrics"`, `reason="rejected"`}}, {5, "parking_items", nil}, {0, "expired_items", nil},
	} {
		if got := f.Sum(c.instrument, c.labels...); got != c.want {
			t.Errorf("%s %v: %d, want %d", c.instrument, c.labels, got, c.want)
		}
	}
	server.Config.Handler = http.NotFoundHandler()
	if _, err := delivery.Scrape(t.Context(), server.Client(), server.URL); err == nil {
		t.Error("figures of a page that is not there")
	}
}
