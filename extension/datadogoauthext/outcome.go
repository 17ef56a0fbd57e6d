package datadogoauthext

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/grant"
)

func byOutcome(outcome string) metric.MeasurementOption {
	return metric.WithAttributes(attribute.String("outcome", outcome))
}

func byState(state grant.State) metric.MeasurementOption {
	return metric.WithAttributes(attribute.String("state", string(state)))
}

// zeros shows at 0, from the start, the outcomes that somebody has to know of at once (deploy/alerts.yaml): what rises from nothing rises from no value
// that anybody saw, and Prometheus takes it for no increase.
func (e *datadogOAuth) zeros(ctx context.Context) {
	for counter, outcomes := range map[metric.Int64Counter][]string{
		e.telemetry.DatadogoauthRefreshes:   {"refreshed", "failed", "unanswered", "store_failed", "client_rejected", "client_disabled"},
		e.telemetry.DatadogoauthFlows:       {grant.OutcomeStoreFailed, grant.OutcomeClientRejected},
		e.telemetry.DatadogoauthMints:       {"refused", "forbidden", "exists", "unknown", "other_org"},
		e.telemetry.DatadogoauthRevocations: {grant.RevokedGivenUp, grant.RevokedKeyRemaining},
	} {
		for _, outcome := range outcomes {
			counter.Add(ctx, 0, byOutcome(outcome))
		}
	}
}
