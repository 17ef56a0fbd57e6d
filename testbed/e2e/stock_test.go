package e2e

import (
	"context"
	"testing"
	"time"

	"github.com/datadogoauth/otelcol-datadogoauth/testbed/standin/faults"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/standin/history"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/standin/intake"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/world"
)

// withStock runs the collector with the stock otlp_http exporter for acme, who lives on US1, and an endpoint.
func withStock(t *testing.T, endpoint string) *world.World {
	t.Helper()
	w := start(t, func(o *world.Options) {
		o.Tenants = threeCustomers[:1]
		o.Args = []string{"--config", "testdata/stock.yaml"}
		o.Env = []string{"STOCK_ENDPOINT=" + endpoint}
	})
	connectAll(t, w)
	return w
}

func TestStockExporterSendsToItsTenantsOwnSite(t *testing.T) {
	t.Parallel()
	w := withStock(t, "https://otlp.datadoghq.com")
	sent := work(t, w, "acme", 10)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if err := w.Standin.Intake().AwaitCounts(ctx, w.Customers[0].Org.ID, intake.Counts{OTLPLogs: int(sent.Logs), OTLPSpans: int(sent.Spans)}); err != nil {
		t.Error(err)
	}
}

func TestStockExporterWithAnotherSitesEndpointSendsNoSecret(t *testing.T) {
	t.Parallel()
	w := withStock(t, "https://otlp.datadoghq.eu")
	before := len(w.Standin.History().List(history.Filter{}))
	work(t, w, "acme", 10)
	awaitLog(t, w, "it is no host of datadoghq.com")
	for _, e := range w.Standin.History().List(history.Filter{})[before:] {
		if e.Site == "datadoghq.eu" || e.Purpose == "" {
			t.Errorf("a request reached %s with auth %s", e.Host, e.Auth)
		}
	}
}

func TestStockExporterFollowsNoRedirect(t *testing.T) {
	t.Parallel()
	w := withStock(t, "https://otlp.datadoghq.com")
	if _, err := w.Standin.Faults().Add(faults.Fault{Purpose: "otlp", Status: 307, Headers: map[string]string{"Location": "https://otlp.datadoghq.eu/v1/logs"}}); err != nil {
		t.Fatal(err)
	}
	work(t, w, "acme", 10)
	awaitLog(t, w, "redirect")
	for _, e := range w.Standin.History().List(history.Filter{}) {
		if e.Site == "datadoghq.eu" || e.Purpose == "" {
			t.Errorf("the redirect was followed to %s with auth %s", e.Host, e.Auth)
		}
	}
}
