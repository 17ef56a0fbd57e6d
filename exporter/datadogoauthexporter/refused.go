package datadogoauthexporter

import (
	"context"
	"errors"

	"go.opentelemetry.io/collector/exporter/exporterhelper"
	"go.opentelemetry.io/otel/attribute"

	"github.com/datadogoauth/otelcol-datadogoauth/credential"
	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/tenancy"
)

// refusals are why items are given back to their sender, who may send them again. What is none of the errors is "other".
var refusals = [...]struct {
	err    error
	reason string
}{
	{errInPart, "storage"},
	{tenancy.ErrQueueShare, "queue_share"},
	{tenancy.ErrTooFast, "too_fast"},
	{tenancy.ErrFull, "queue_full"},
	{exporterhelper.ErrQueueIsFull, "queue_full"},
	{credential.ErrNotReady, "not_ready"},
	{errStorage, "storage"},
	{nil, "other"},
}

// givenBack counts items of the signal that their sender gets back with a retryable error. They are in no books: whoever sends them again has them
// counted as accepted then.
func (t *telemetry) givenBack(items int, err error) {
	for i, r := range &refusals {
		if r.err == nil || errors.Is(err, r.err) {
			t.ExporterDatadogoauthRefusedItems.Add(context.Background(), int64(items), t.refusals[i])
			return
		}
	}
}

// ofTheTenant says that the queue refused something for its tenant's sake and takes that of others.
func ofTheTenant(err error) bool {
	return errors.Is(err, tenancy.ErrQueueShare) || errors.Is(err, tenancy.ErrTooFast)
}

func (t *telemetry) prepareRefusals(signal string) {
	for i, r := range &refusals {
		t.refusals[i] = attributes(t.exporter, attribute.String("signal", signal), attribute.String("reason", r.reason))
	}
}
