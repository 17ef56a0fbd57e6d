package events_test

import (
	"fmt"
	"testing"

	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/events"
)

const benchRecords = 100

// benchLogs has events and service checks by turns, with the resource of the other signals' benchmarks.
func benchLogs() plog.ResourceLogs {
	rl := plog.NewResourceLogs()
	for key, value := range map[string]string{
		"service.name": "checkout", "service.version": "1.4.2", "deployment.environment.name": "prod", "host.name": "web-1",
		"telemetry.sdk.language": "go", "k8s.pod.name": "checkout-5d9", "k8s.namespace.name": "shop", "os.type": "linux",
	} {
		rl.Resource().Attributes().PutStr(key, value)
	}
	sl := rl.ScopeLogs().AppendEmpty()
	for i := range benchRecords {
		lr := sl.LogRecords().AppendEmpty()
		lr.SetTimestamp(1_700_000_000_000_000_000)
		lr.SetSeverityNumber(plog.SeverityNumberError)
		lr.Body().SetStr("order " + fmt.Sprint(i) + " was not paid: the card was declined, and the customer was told")
		lr.Attributes().PutInt("order", int64(i))
		if i%2 == 0 {
			lr.SetEventName("datadog.event")
			lr.Attributes().PutStr("datadog.event.title", "Payment failed")
			lr.Attributes().PutStr("datadog.event.aggregation_key", fmt.Sprint("order-of-a-key-that-is-longer-than-one-hundred-characters-and-so-is-cut-and-ends-with-a-hash-of-it-all-", i))
			lr.Attributes().PutEmptySlice("datadog.event.tags").AppendEmpty().SetStr("team:pay")
		} else {
			lr.SetEventName("datadog.service_check")
			lr.Attributes().PutStr("datadog.check.name", "shop.pay")
		}
	}
	return rl
}

// benchGauges is one gauge, of which each data point is a service check, or none.
func benchGauges(areChecks bool) pmetric.ResourceMetrics {
	rm := pmetric.NewResourceMetrics()
	benchLogs().Resource().CopyTo(rm.Resource())
	m := rm.ScopeMetrics().AppendEmpty().Metrics().AppendEmpty()
	m.SetName("shop.can_connect")
	points := m.SetEmptyGauge().DataPoints()
	for i := range benchRecords {
		p := points.AppendEmpty()
		p.SetTimestamp(1_700_000_000_000_000_000)
		p.SetIntValue(int64(i % 4))
		p.Attributes().PutStr("region", "eu")
		p.Attributes().PutInt("shard", int64(i))
		p.Attributes().PutStr("http.request.method", "GET")
		p.Attributes().PutStr("url.path", "/api/orders")
		if areChecks {
			p.Attributes().PutStr("datadog.type", "service_check")
		}
	}
	return rm
}

func TestMapDoesNotAllocate(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	m, rl, rm := newMapper(), benchLogs(), benchGauges(true)
	var out events.Outputs
	run := func() {
		reset(&out)
		if m.MapLogs(rl, &out)+m.MapGauges(rm, &out.Checks) != 2*benchRecords {
			t.Fatal("not all were taken")
		}
	}
	run()
	if n := testing.AllocsPerRun(50, run); n != 0 {
		t.Errorf("%v allocations for %d records", n, 2*benchRecords)
	}
}

func reset(out *events.Outputs) {
	for _, o := range []*events.Output{&out.Events, &out.Checks} {
		o.Body, o.Items = o.Body[:0], o.Items[:0]
	}
}

func BenchmarkMap(b *testing.B) {
	m, rl, checks, plain := newMapper(), benchLogs(), benchGauges(true), benchGauges(false)
	for name, f := range map[string]func(*events.Outputs){
		"records":           func(out *events.Outputs) { m.MapLogs(rl, out) },
		"gauges":            func(out *events.Outputs) { m.MapGauges(checks, &out.Checks) },
		"gauges, no checks": func(out *events.Outputs) { m.MapGauges(plain, &out.Checks) },
	} {
		b.Run(name, func(b *testing.B) {
			var out events.Outputs
			f(&out)
			b.SetBytes(int64(len(out.Events.Body) + len(out.Checks.Body)))
			b.ReportAllocs()
			for b.Loop() {
				reset(&out)
				f(&out)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*benchRecords), "ns/record")
		})
	}
}
