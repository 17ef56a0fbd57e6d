package datadogoauthexporter

import (
	"context"
	"fmt"
	"testing"

	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/intake"
)

// benchConsume measures consume up to and including the queue, for a call of four resources of two tenants; the push takes the request and
// sends nothing.
func benchConsume[D, R any](b *testing.B, e *signalExporter[D, R], data D, clone func(D) D) {
	_, h := twoSites(b)
	if err := e.start(context.Background(), h); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { e.dispatcher.Load().Stop(context.Background()) })
	bytes := 0
	e.next.consume = func(ctx context.Context, _ D) error {
		r, err := converter[D](ctx, e.empty)
		if err == nil {
			bytes += r.(*intake.Request).BytesSize()
			e.dispatcher.Load().Withdraw(r.(*intake.Request)) // as if it were settled
		}
		return err
	}
	consume := func() {
		if err := e.consume(context.Background(), clone(data)); err != nil {
			b.Fatal(err)
		}
	}
	consume()
	b.SetBytes(int64(bytes))
	b.ReportAllocs()
	for b.Loop() {
		consume()
	}
}

func BenchmarkConsumeMetrics(b *testing.B) {
	set, _ := settings(b)
	cfg := createDefaultConfig().(*Config)
	cfg.Tenant.ResourceAttribute = true
	e, err := createMetrics(b.Context(), set, cfg)
	if err != nil {
		b.Fatal(err)
	}
	benchConsume(b, &e.(*metricsExporter).signalExporter, metricsOf("acme", "acme", "globex", "globex"), func(d pmetric.Metrics) pmetric.Metrics {
		c := pmetric.NewMetrics()
		d.CopyTo(c)
		return c
	})
}

func BenchmarkConsumeLogs(b *testing.B) {
	set, _ := settings(b)
	cfg := createDefaultConfig().(*Config)
	cfg.Tenant.ResourceAttribute = true
	e, err := createLogs(b.Context(), set, cfg)
	if err != nil {
		b.Fatal(err)
	}
	benchConsume(b, &e.(*logsExporter).signalExporter, logsOf("acme", "acme", "globex", "globex"), func(d plog.Logs) plog.Logs {
		c := plog.NewLogs()
		d.CopyTo(c)
		return c
	})
}

func BenchmarkConsumeTraces(b *testing.B) {
	set, _ := settings(b)
	cfg := createDefaultConfig().(*Config)
	cfg.Tenant.ResourceAttribute = true
	e, err := createTraces(b.Context(), set, cfg)
	if err != nil {
		b.Fatal(err)
	}
	benchConsume(b, &e.(*tracesExporter).signalExporter, tracesOf("acme", "acme", "globex", "globex"), func(d ptrace.Traces) ptrace.Traces {
		c := ptrace.NewTraces()
		d.CopyTo(c)
		return c
	})
}

// BenchmarkMapTraces measures the mapping of 800 spans in traces of 8, each with one database call, and what APM stats add to it.
func BenchmarkMapTraces(b *testing.B) {
	for _, stats := range []bool{false, true} {
		b.Run(fmt.Sprintf("stats=%t", stats), func(b *testing.B) {
			set, _ := settings(b)
			cfg := createDefaultConfig().(*Config)
			cfg.Traces.ComputeStats = stats
			created, err := createTraces(b.Context(), set, cfg)
			if err != nil {
				b.Fatal(err)
			}
			rs := callsOf("acme", 100, 8).ResourceSpans().At(0)
			var body intake.Payload
			add := func() {
				m := created.(*tracesExporter).signal.begin("acme", "org").(*tracesMapping)
				body.Body, body.Items = body.Body[:0], body.Items[:0]
				m.spans = body
				var drops intake.Drops
				m.add(rs, &drops)
				body = m.spans
				m.commit()
			}
			add()
			b.ReportAllocs()
			for b.Loop() {
				add()
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*800), "ns/span")
		})
	}
}

// BenchmarkPush measures the end of the chain: look-up, compression, TLS, answer, for one request of 5,000 series of about 100 bytes.
func BenchmarkPush(b *testing.B) {
	d, h := twoSites(b)
	set, _ := settings(b)
	created, err := createMetrics(b.Context(), set, d.config())
	e := run(b, created, err, h).(*metricsExporter)
	tenants := make([]string, 2500)
	for i := range tenants {
		tenants[i] = "acme"
	}
	m := e.signal.begin("acme", "")
	var drops intake.Drops
	data := metricsOf(tenants...)
	for _, r := range data.ResourceMetrics().All() {
		m.add(r, &drops)
	}
	org, err := e.org("acme")
	if err != nil {
		b.Fatal(err)
	}
	series := *m.payloads()[0].Payload
	m.rollback()
	push := func() {
		if err := e.push(context.Background(), intake.NewRequest("acme", org, intake.Series, series)); err != nil {
			b.Fatal(err)
		}
		<-d.got
	}
	push()
	b.SetBytes(int64(len(series.Body)))
	b.ReportAllocs()
	for b.Loop() {
		push()
	}
}
