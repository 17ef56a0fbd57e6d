package datadogoauthexporter

import (
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/tenancy"
)

// mark names the tenant, and puts its mark on the data in a way that reaches the wire.
func mark(attrs pcommon.Map, tenant string) {
	attrs.PutStr(tenancy.Attribute, tenant)
	attrs.PutStr("service.name", "service-of-"+tenant)
}

// logsOf has one record per tenant.
func logsOf(tenants ...string) plog.Logs {
	d := plog.NewLogs()
	for _, tenant := range tenants {
		rl := d.ResourceLogs().AppendEmpty()
		mark(rl.Resource().Attributes(), tenant)
		lr := rl.ScopeLogs().AppendEmpty().LogRecords().AppendEmpty()
		lr.Body().SetStr("hello from " + tenant)
		lr.SetTimestamp(pcommon.NewTimestampFromTime(time.Now()))
	}
	return d
}

// metricsOf has a gauge and a delta histogram per tenant.
func metricsOf(tenants ...string) pmetric.Metrics {
	d := pmetric.NewMetrics()
	for _, tenant := range tenants {
		rm := d.ResourceMetrics().AppendEmpty()
		mark(rm.Resource().Attributes(), tenant)
		ms := rm.ScopeMetrics().AppendEmpty().Metrics()
		now := pcommon.NewTimestampFromTime(time.Now())
		gauge := ms.AppendEmpty()
		gauge.SetName("load")
		dp := gauge.SetEmptyGauge().DataPoints().AppendEmpty()
		dp.SetDoubleValue(1.5)
		dp.SetTimestamp(now)
		histogram := ms.AppendEmpty()
		histogram.SetName("latency")
		h := histogram.SetEmptyHistogram()
		h.SetAggregationTemporality(pmetric.AggregationTemporalityDelta)
		hp := h.DataPoints().AppendEmpty()
		hp.SetTimestamp(now)
		hp.SetCount(3)
		hp.SetSum(6)
		hp.ExplicitBounds().FromRaw([]float64{1, 2})
		hp.BucketCounts().FromRaw([]uint64{1, 1, 1})
	}
	return d
}

// tracesOf has one span per tenant.
func tracesOf(tenants ...string) ptrace.Traces {
	d := ptrace.NewTraces()
	for i, tenant := range tenants {
		rs := d.ResourceSpans().AppendEmpty()
		mark(rs.Resource().Attributes(), tenant)
		span := rs.ScopeSpans().AppendEmpty().Spans().AppendEmpty()
		span.SetName("work of " + tenant)
		span.SetTraceID(pcommon.TraceID{15: byte(i + 1)})
		span.SetSpanID(pcommon.SpanID{7: byte(i + 1)})
		span.SetStartTimestamp(pcommon.NewTimestampFromTime(time.Now().Add(-time.Second)))
		span.SetEndTimestamp(pcommon.NewTimestampFromTime(time.Now()))
	}
	return d
}

// callsOf has traces of a tenant whose spans are HTTP requests, each with a database call in it.
func callsOf(tenant string, chunks, spansEach int) ptrace.Traces {
	d := ptrace.NewTraces()
	rs := d.ResourceSpans().AppendEmpty()
	mark(rs.Resource().Attributes(), tenant)
	rs.Resource().Attributes().PutStr("deployment.environment.name", "prod")
	rs.Resource().Attributes().PutStr("host.name", "web-1")
	spans := rs.ScopeSpans().AppendEmpty().Spans()
	now := time.Now()
	for c := range chunks {
		for i := range spansEach {
			s := spans.AppendEmpty()
			s.SetName("GET /cart/{id}")
			s.SetTraceID(pcommon.TraceID{0: 1, 14: byte((c + 1) >> 8), 15: byte(c + 1)})
			s.SetSpanID(pcommon.SpanID{7: byte(i + 1)})
			s.SetParentSpanID(pcommon.SpanID{7: byte(i)})
			s.SetStartTimestamp(pcommon.NewTimestampFromTime(now.Add(-time.Duration(i+c) * time.Millisecond)))
			s.SetEndTimestamp(pcommon.NewTimestampFromTime(now))
			a := s.Attributes()
			if i == 1 {
				s.SetKind(ptrace.SpanKindClient)
				a.PutStr("db.system", "postgresql")
				a.PutStr("resource.name", "orders")
				a.PutStr("span.type", "db")
				a.PutStr("db.namespace", "orders")
				a.PutStr("server.address", "db-1")
				continue
			}
			s.SetKind(ptrace.SpanKindServer)
			a.PutStr("http.request.method", "GET")
			a.PutStr("http.route", "/cart/{id}")
			a.PutStr("url.full", "https://shop.example.com/cart/42?full=1")
			a.PutInt("http.response.status_code", 200)
			a.PutStr("user_agent.original", "Mozilla/5.0")
		}
	}
	return d
}

// requestsOf has one cumulative counter of a tenant at a time.
func requestsOf(at time.Time, value int64, tenants ...string) pmetric.Metrics {
	d := pmetric.NewMetrics()
	for _, tenant := range tenants {
		rm := d.ResourceMetrics().AppendEmpty()
		mark(rm.Resource().Attributes(), tenant)
		m := rm.ScopeMetrics().AppendEmpty().Metrics().AppendEmpty()
		m.SetName("requests")
		s := m.SetEmptySum()
		s.SetIsMonotonic(true)
		s.SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
		dp := s.DataPoints().AppendEmpty()
		dp.SetIntValue(value)
		dp.SetTimestamp(pcommon.NewTimestampFromTime(at))
	}
	return d
}
