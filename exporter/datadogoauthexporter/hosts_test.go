package datadogoauthexporter

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
)

// TestWhoseHostDataHas sends data of a resource that names a host, in everything that it can become, under each setting.
func TestWhoseHostDataHas(t *testing.T) {
	t.Parallel()
	const named, setting = "named-by-the-resource", "named-by-the-setting"
	for name, c := range map[string]struct {
		resourceHost ResourceHost
		hostname     string
		want, not    string
	}{
		"kept":                     {KeepResourceHost, "", named, setting},
		"kept, before the setting": {KeepResourceHost, setting, named, setting},
		"dropped":                  {DropResourceHost, "", "", named},
		"dropped for the setting":  {DropResourceHost, setting, setting, named},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d, h := twoSites(t)
			cfg := d.config()
			cfg.ResourceHost, cfg.Hostname = c.resourceHost, c.hostname
			set, _ := settings(t)
			ctx := context.Background()
			m, err := createMetrics(ctx, set, cfg)
			m = run(t, m, err, h)
			l, err := createLogs(ctx, set, cfg)
			l = run(t, l, err, h)
			tr, err := createTraces(ctx, set, cfg)
			tr = run(t, tr, err, h)
			metrics, logs, traces := metricsOf("acme"), logsOf("acme"), tracesOf("acme")
			metrics.ResourceMetrics().At(0).Resource().Attributes().PutStr("datadog.host.name", named)
			// Its other attributes are part of a log and of a span; what names the host there is the field.
			logs.ResourceLogs().At(0).Resource().Attributes().PutStr("datadog.host.name", named)
			traces.ResourceSpans().At(0).Resource().Attributes().PutStr("datadog.host.name", named)
			event := logs.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().AppendEmpty()
			event.SetEventName("datadog.event")
			event.Body().SetStr("deployed")
			check := metrics.ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics().AppendEmpty()
			check.SetName("can_connect")
			point := check.SetEmptyGauge().DataPoints().AppendEmpty()
			point.SetIntValue(2)
			point.SetTimestamp(pcommon.NewTimestampFromTime(time.Now()))
			point.Attributes().PutStr("datadog.type", "service_check")
			if err := errors.Join(m.ConsumeMetrics(ctx, metrics), l.ConsumeLogs(ctx, logs), tr.ConsumeTraces(ctx, traces)); err != nil {
				t.Fatal(err)
			}
			arrive := 6
			if c.want == "" {
				arrive-- // a service check without a host is none
			}
			for _, r := range d.await(t, arrive) {
				switch r.path {
				case "/api/v2/logs":
					r.body = strings.ReplaceAll(r.body, `"datadog.host.name":"`+named+`"`, "")
				case "/api/v0.2/traces":
					// The attribute is in the meta of the span: key and value stand one after the other.
					r.body = strings.ReplaceAll(r.body, "datadog.host.name\x12\x15"+named, "")
					if c.hostname != "" && c.resourceHost == KeepResourceHost {
						r.body = strings.Replace(r.body, setting, "", 1) // AgentPayload.hostName is the exporter's own
					}
				}
				if !strings.Contains(r.body, c.want) || strings.Contains(r.body, c.not) {
					t.Errorf("%s got %q", r.path, r.body)
				}
			}
		})
	}
}
