package e2e

import (
	"slices"
	"testing"

	"go.opentelemetry.io/otel/attribute"

	"github.com/datadogoauth/otelcol-datadogoauth/testbed/standin/history"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/standin/intake"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/world"
)

// offersHost sends all signals of a tenant, from a resource that offers its host, and waits until they have arrived.
func offersHost(t *testing.T, w *world.World, c world.Customer, host string) {
	t.Helper()
	sdk, err := world.NewClient(t.Context(), w.OTLP, c.Tenant, attribute.Bool("datadog.host.use_as_metadata", true),
		attribute.String("host.name", host), attribute.String("os.type", "linux"), attribute.String("datadog.host.tag.owner", c.Tenant))
	if err != nil {
		t.Fatal(err)
	}
	if err := sdk.Work(t.Context(), 10); err != nil {
		t.Fatal(err)
	}
	if err := sdk.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	sent := sdk.Sent()
	awaitCounts(t, w, c, intake.Counts{Logs: int(sent.Logs), Spans: int(sent.Spans)})
}

// TestEachCustomerGetsItsOwnHosts has two customers with a host each of its own, and one of the same name.
func TestEachCustomerGetsItsOwnHosts(t *testing.T) {
	t.Parallel()
	w := start(t, func(o *world.Options) {
		o.Tenants = threeCustomers[:2]
		o.Args = []string{"--set=exporters.datadogoauth.host_metadata.enabled=true", `--set=exporters.datadogoauth.host_metadata.tags=["team:pay"]`}
	})
	connectAll(t, w)
	hosts := func(c world.Customer) []string { return []string{"host-of-" + c.Tenant, "shared"} }
	for _, c := range w.Customers {
		for _, host := range hosts(c) {
			offersHost(t, w, c, host)
		}
		work(t, w, c.Tenant, 5) // does not offer its host
	}
	for _, c := range w.Customers {
		awaitCounts(t, w, c, intake.Counts{HostMetadata: 2})
	}
	if err := w.Collector.Stop(); err != nil { // nothing more is on its way
		t.Fatal(err)
	}
	for _, c := range w.Customers {
		var got []string
		for _, h := range w.Standin.Intake().Received(c.Org.ID).HostMetadata {
			got = append(got, h.Host)
			if tags := []string{"env:demo", "owner:" + c.Tenant, "team:pay"}; !slices.Equal(h.Tags, tags) || h.Platform["GOOS"] != "linux" ||
				h.Flavor != "otelcol-datadogoauth" || h.Reports != 1 {
				t.Errorf("%s: %+v", c.Tenant, h)
			}
		}
		if !slices.Equal(got, hosts(c)) {
			t.Errorf("%s has hosts %q, want %q", c.Tenant, got, hosts(c))
		}
	}
	if n := len(w.Standin.History().List(history.Filter{Path: "/intake"})); n != 4 {
		t.Errorf("%d reports were sent", n)
	}
}

func TestNoHostIsReportedByDefault(t *testing.T) {
	t.Parallel()
	w := start(t, func(o *world.Options) { o.Tenants = threeCustomers[:2] })
	connectAll(t, w)
	for _, c := range w.Customers {
		offersHost(t, w, c, "host-of-"+c.Tenant)
	}
	if err := w.Collector.Stop(); err != nil {
		t.Fatal(err)
	}
	if sent := w.Standin.History().List(history.Filter{Path: "/intake"}); len(sent) != 0 {
		t.Errorf("sent %+v", sent)
	}
}
