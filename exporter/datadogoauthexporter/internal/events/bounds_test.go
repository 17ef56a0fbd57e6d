package events_test

import (
	"strings"
	"testing"

	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/events"
	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/intake"
)

func TestNothingIsAppendedToAFullPayload(t *testing.T) {
	t.Parallel()
	const limit, records = 50_000, 1_000
	m := events.New(events.Options{Events: true, Checks: true, FallbackHost: "h"})
	rl := plog.NewResourceLogs()
	rm := pmetric.NewResourceMetrics()
	metric := rm.ScopeMetrics().AppendEmpty().Metrics().AppendEmpty()
	metric.SetName("check")
	points := metric.SetEmptyGauge().DataPoints()
	logs := rl.ScopeLogs().AppendEmpty().LogRecords()
	for range records {
		event, check, point := logs.AppendEmpty(), logs.AppendEmpty(), points.AppendEmpty()
		event.Attributes().PutStr("datadog.type", "event")
		event.Body().SetStr(strings.Repeat("x", 4_000))
		check.Attributes().PutStr("datadog.type", "service_check")
		check.Attributes().PutStr("datadog.check.name", "check")
		check.Attributes().PutInt("datadog.check.status", 2)
		check.Body().SetStr(strings.Repeat("x", 400))
		point.Attributes().PutStr("datadog.type", "service_check")
		point.Attributes().PutStr("datadog.check.message", strings.Repeat("x", 400))
		point.SetIntValue(2)
	}
	var out events.Outputs
	var gauges events.Output
	out.Events.Limit, out.Checks.Limit, gauges.Limit = limit, limit, limit
	m.MapLogs(rl, &out)
	m.MapGauges(rm, &gauges)
	for kind, o := range map[string]*events.Output{"events": &out.Events, "checks": &out.Checks, "gauges": &gauges} {
		if n := len(o.Body); n < limit || n > limit+5_000 {
			t.Errorf("%s: the payload has %d bytes, want about %d", kind, n, limit)
		}
		if o.Records != records || o.Drops != (intake.Drops{intake.ReasonTooLarge: records - o.Count()}) {
			t.Errorf("%s: %d records, %d sent, dropped are %v", kind, o.Records, o.Count(), o.Drops)
		}
	}
}
