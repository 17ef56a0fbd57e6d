package world

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlplog/otlploggrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetricgrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	otellog "go.opentelemetry.io/otel/log"
	"go.opentelemetry.io/otel/metric"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
)

// TenantHeader is the OTLP request header that names the tenant in the example configurations.
const TenantHeader = "x-datadog-tenant"

// Sent is what an SDK client handed over, counted on the client's side, where an export was answered with success.
type Sent struct {
	Points, Logs, Spans int64
	// Requests is the sum of all increments of the counter demo.requests, which is sent as delta; Bytes the last value of the
	// observable counter demo.bytes, which is cumulative.
	Requests, Bytes int64
}

// Client is a partner's service about one tenant: the OpenTelemetry Go SDK with its OTLP/gRPC exporters.
type Client struct {
	tenant  string
	metrics *sdkmetric.MeterProvider
	reader  *sdkmetric.ManualReader
	export  sdkmetric.Exporter
	logs    *sdklog.LoggerProvider
	traces  *sdktrace.TracerProvider

	points, records, spans, bytes atomic.Int64
	requests                      int64
}

// NewClient connects to an OTLP/gRPC receiver on a loopback address. Its resource has more attributes besides.
func NewClient(ctx context.Context, endpoint, tenant string, more ...attribute.KeyValue) (*Client, error) {
	return NewTLSClient(ctx, endpoint, tenant, nil, more...)
}

// NewTLSClient is NewClient for a receiver that wants TLS. Without a configuration there is none.
func NewTLSClient(ctx context.Context, endpoint, tenant string, config *tls.Config, more ...attribute.KeyValue) (*Client, error) {
	c := &Client{tenant: tenant}
	headers := map[string]string{TenantHeader: tenant}
	security := insecure.NewCredentials()
	if config != nil {
		security = credentials.NewTLS(config)
	}
	me, err1 := otlpmetricgrpc.New(ctx, otlpmetricgrpc.WithEndpoint(endpoint), otlpmetricgrpc.WithTLSCredentials(security), otlpmetricgrpc.WithHeaders(headers))
	le, err2 := otlploggrpc.New(ctx, otlploggrpc.WithEndpoint(endpoint), otlploggrpc.WithTLSCredentials(security), otlploggrpc.WithHeaders(headers))
	te, err3 := otlptracegrpc.New(ctx, otlptracegrpc.WithEndpoint(endpoint), otlptracegrpc.WithTLSCredentials(security), otlptracegrpc.WithHeaders(headers))
	if err := errors.Join(err1, err2, err3); err != nil {
		return nil, fmt.Errorf("OpenTelemetry SDK for %s: %w", tenant, err)
	}
	res := resource.NewSchemaless(append([]attribute.KeyValue{
		attribute.String("service.name", "shop-"+tenant),
		attribute.String("service.version", "1.2.3"),
		attribute.String("deployment.environment.name", "demo"),
		attribute.String("host.name", "host-"+tenant),
	}, more...)...)
	// This is the SDK's preference "lowmemory": what Datadog recommends (delta) but for observable counters, which are cumulative. With
	// delta the first point of every series counts; of a cumulative metric Datadog's rules send that of the first series alone.
	c.reader = sdkmetric.NewManualReader(sdkmetric.WithTemporalitySelector(func(kind sdkmetric.InstrumentKind) metricdata.Temporality {
		if kind == sdkmetric.InstrumentKindHistogram || kind == sdkmetric.InstrumentKindCounter {
			return metricdata.DeltaTemporality
		}
		return metricdata.CumulativeTemporality
	}))
	c.export = &countingMetrics{Exporter: me, n: &c.points}
	c.metrics = sdkmetric.NewMeterProvider(sdkmetric.WithResource(res), sdkmetric.WithReader(c.reader))
	_, err := c.metrics.Meter("demo").Int64ObservableCounter("demo.bytes", metric.WithUnit("By"),
		metric.WithInt64Callback(func(_ context.Context, o metric.Int64Observer) error {
			o.Observe(c.bytes.Load(), metric.WithAttributes(attribute.String("customer", tenant)))
			return nil
		}))
	if err != nil {
		return nil, err
	}
	c.logs = sdklog.NewLoggerProvider(sdklog.WithResource(res),
		sdklog.WithProcessor(sdklog.NewBatchProcessor(&countingLogs{Exporter: le, n: &c.records})))
	c.traces = sdktrace.NewTracerProvider(sdktrace.WithResource(res),
		sdktrace.WithBatcher(&countingSpans{SpanExporter: te, n: &c.spans}))
	return c, nil
}

// Work does n units of work: each is a server span with a database call below it, two log records in the span, an
// increment of one of 20 counters, some bytes, and an observation of a histogram.
func (c *Client) Work(ctx context.Context, n int) error {
	meter := c.metrics.Meter("demo")
	requests, err1 := meter.Int64Counter("demo.requests", metric.WithUnit("{request}"))
	duration, err2 := meter.Float64Histogram("demo.duration", metric.WithUnit("s"))
	queue, err3 := meter.Int64Gauge("demo.queue")
	if err := errors.Join(err1, err2, err3); err != nil {
		return err
	}
	logger := c.logs.Logger("demo")
	tracer := c.traces.Tracer("demo")
	tenant := attribute.String("customer", c.tenant)
	for i := range n {
		ctx, server := tracer.Start(ctx, "GET /orders/{id}", trace.WithSpanKind(trace.SpanKindServer), trace.WithAttributes(
			attribute.String("http.request.method", "GET"), attribute.String("http.route", "/orders/{id}"), attribute.Int("http.response.status_code", 200), tenant))
		_, query := tracer.Start(ctx, "SELECT orders", trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(
			attribute.String("db.system.name", "postgresql"), attribute.String("db.query.text", "SELECT * FROM orders WHERE id = 42"), tenant))
		if i%10 == 9 {
			query.SetStatus(codes.Error, "canceled by statement timeout")
		}
		query.End()
		for step := range 2 {
			var record otellog.Record
			record.SetTimestamp(time.Now())
			record.SetSeverity(otellog.SeverityInfo)
			record.SetBody(attribute.StringValue(fmt.Sprintf("order %d of %s, step %d", i, c.tenant, step)))
			record.AddAttributes(attribute.String("customer", c.tenant), attribute.Int("order", i))
			logger.Emit(ctx, record)
		}
		server.End()
		shelf := attribute.Int("shelf", i%20)
		requests.Add(ctx, int64(1+i%3), metric.WithAttributes(tenant, shelf))
		c.requests += int64(1 + i%3)
		c.bytes.Add(int64(100 + i))
		duration.Record(ctx, float64(i%7)/10, metric.WithAttributes(tenant))
		queue.Record(ctx, int64(i), metric.WithAttributes(tenant))
	}
	return c.Flush(ctx)
}

// Logger is the SDK's own, for what Work does not do.
func (c *Client) Logger() otellog.Logger { return c.logs.Logger("demo") }

// Meter is like Logger.
func (c *Client) Meter() metric.Meter { return c.metrics.Meter("demo") }

// Flush hands over what the SDK holds. Flush metrics at most once a second: Datadog keeps one point per series and second.
func (c *Client) Flush(ctx context.Context) error {
	var rm metricdata.ResourceMetrics
	err := c.reader.Collect(ctx, &rm)
	if err == nil {
		err = c.export.Export(ctx, &rm)
	}
	return errors.Join(err, c.logs.ForceFlush(ctx), c.traces.ForceFlush(ctx))
}

// Sent is what was handed over until now.
func (c *Client) Sent() Sent {
	return Sent{Points: c.points.Load(), Logs: c.records.Load(), Spans: c.spans.Load(), Requests: c.requests, Bytes: c.bytes.Load()}
}

// Close stops the SDK. It exports no metrics: what was not flushed is not sent.
func (c *Client) Close(ctx context.Context) error {
	return errors.Join(c.metrics.Shutdown(ctx), c.export.Shutdown(ctx), c.logs.Shutdown(ctx), c.traces.Shutdown(ctx))
}

type countingMetrics struct {
	sdkmetric.Exporter
	n *atomic.Int64
}

func (e *countingMetrics) Export(ctx context.Context, rm *metricdata.ResourceMetrics) error {
	err := e.Exporter.Export(ctx, rm)
	if err != nil {
		return err
	}
	for _, sm := range rm.ScopeMetrics {
		for _, m := range sm.Metrics {
			switch data := m.Data.(type) {
			case metricdata.Sum[int64]:
				e.n.Add(int64(len(data.DataPoints)))
			case metricdata.Gauge[int64]:
				e.n.Add(int64(len(data.DataPoints)))
			case metricdata.Histogram[float64]:
				e.n.Add(int64(len(data.DataPoints)))
			default:
				return fmt.Errorf("the client does not count %T", data)
			}
		}
	}
	return nil
}

type countingLogs struct {
	sdklog.Exporter
	n *atomic.Int64
}

func (e *countingLogs) Export(ctx context.Context, records []sdklog.Record) error {
	if err := e.Exporter.Export(ctx, records); err != nil {
		return err
	}
	e.n.Add(int64(len(records)))
	return nil
}

type countingSpans struct {
	sdktrace.SpanExporter
	n *atomic.Int64
}

func (e *countingSpans) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	if err := e.SpanExporter.ExportSpans(ctx, spans); err != nil {
		return err
	}
	e.n.Add(int64(len(spans)))
	return nil
}
