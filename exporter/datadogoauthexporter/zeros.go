package datadogoauthexporter

import (
	"context"

	"go.opentelemetry.io/otel/attribute"

	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/intake"
)

// zeros shows every counter at 0 from the start, with all its attributes: what rises from nothing rises from no value that anybody saw, and Prometheus
// takes it for no increase.
func (t *telemetry) zeros() {
	ctx := context.Background()
	all := []books{t.main}
	for _, b := range t.others {
		all = append(all, *b)
	}
	for _, b := range all {
		t.ExporterDatadogoauthAcceptedItems.Add(ctx, 0, b.items)
		t.ExporterDatadogoauthRestoredItems.Add(ctx, 0, b.items)
		t.ExporterDatadogoauthDeliveredItems.Add(ctx, 0, b.items)
		t.ExporterDatadogoauthExpiredItems.Add(ctx, 0, b.items)
		for _, why := range b.parked {
			t.ExporterDatadogoauthParkedItems.Add(ctx, 0, why)
		}
		t.ExporterDatadogoauthRedrivenItems.Add(ctx, 0, b.items)
		for _, reason := range b.reasons {
			t.ExporterDatadogoauthDroppedItems.Add(ctx, 0, reason)
		}
	}
	for _, refusal := range t.refusals {
		t.ExporterDatadogoauthRefusedItems.Add(ctx, 0, refusal)
	}
	for f := range intake.Family(intake.NumFamilies) {
		if f.Known() && f != intake.Incidents { // those go to no intake
			t.ExporterDatadogoauthComplaints.Add(ctx, 0, attributes(t.exporter, attribute.String("intake", f.String())))
		}
	}
	of := attributes(t.exporter)
	t.ExporterDatadogoauthStatsLate.Add(ctx, 0, of)
	t.ExporterDatadogoauthStatsOverflow.Add(ctx, 0, of)
	t.ExporterDatadogoauthIncidentOmissions.Add(ctx, 0, of)
}
