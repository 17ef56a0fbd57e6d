package datadogoauthexporter

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/datadogoauth/otelcol-datadogoauth/credential"
)

// refusals are the intakes that refuse a tenant's data at the moment although its key is good, in no order.
func (c *core) refusals() []credential.IntakeRefusal {
	d := c.dispatcher.Load()
	if d == nil {
		return nil
	}
	lanes := d.RefusedLanes()
	all := make([]credential.IntakeRefusal, len(lanes))
	for i, l := range lanes {
		all[i] = credential.IntakeRefusal{Tenant: l.Tenant, Intake: l.Family.String(), Since: l.Since}
	}
	return all
}

// observeRefusals reports how many tenants each intake refuses. An intake that refuses none is not reported.
func (t *telemetry) observeRefusals(list func() []credential.IntakeRefusal) error {
	return t.RegisterExporterDatadogoauthRefusedIntakesCallback(func(_ context.Context, o metric.Int64Observer) error {
		tenants := make(map[string]int64)
		for _, r := range list() {
			tenants[r.Intake]++
		}
		for name, n := range tenants {
			o.Observe(n, attributes(t.exporter, attribute.String("intake", name)))
		}
		return nil
	})
}
