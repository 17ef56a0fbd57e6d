package load

import (
	"fmt"
	"strings"
	"time"

	coltrace "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
)

// traces are requests to an HTTP service that asks a database several times. Every span is of a kind that APM stats are computed of.
func (b *builder) traces(m TracesMix, items, n int) *coltrace.ExportTraceServiceRequest {
	ss := &tracepb.ScopeSpans{Scope: scope("go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp")}
	for range items / m.SpansPerTrace {
		trace, root := b.id(16), b.id(8)
		took := time.Duration(5+b.rand.IntN(400)) * time.Millisecond
		method, route, status := pick(b, methods), pick(b, routes), pick(b, statuses)
		ss.Spans = append(ss.Spans, &tracepb.Span{
			TraceId: trace, SpanId: root, Name: method + " " + route, Kind: tracepb.Span_SPAN_KIND_SERVER, Flags: 1,
			StartTimeUnixNano: b.moment(took), EndTimeUnixNano: b.moment(0), Status: statusOf(status),
			Attributes: []*commonpb.KeyValue{
				text("http.request.method", method), text("http.route", route), integer("http.response.status_code", status),
				text("url.path", strings.Replace(route, "{id}", fmt.Sprint(b.rand.IntN(100_000)), 1)), text("url.scheme", "https"),
				text("server.address", "shop.example.com"), text("user_agent.original", "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36"),
			},
		})
		step := took / time.Duration(m.SpansPerTrace)
		for i := 1; i < m.SpansPerTrace; i++ {
			s := &tracepb.Span{
				TraceId: trace, SpanId: b.id(8), ParentSpanId: root, Flags: 1,
				StartTimeUnixNano: b.moment(took - time.Duration(i-1)*step), EndTimeUnixNano: b.moment(took - time.Duration(i)*step),
			}
			if i > m.SQLSpansPerTrace {
				s.Name, s.Kind = "publish orders", tracepb.Span_SPAN_KIND_PRODUCER
				s.Attributes = []*commonpb.KeyValue{text("messaging.system", "kafka"), text("messaging.destination.name", "orders")}
			} else {
				b.query(m, s)
			}
			ss.Spans = append(ss.Spans, s)
		}
	}
	return &coltrace.ExportTraceServiceRequest{ResourceSpans: []*tracepb.ResourceSpans{{Resource: b.resource(n), ScopeSpans: []*tracepb.ScopeSpans{ss}}}}
}

func statusOf(http int64) *tracepb.Status {
	if http >= 500 {
		return &tracepb.Status{Code: tracepb.Status_STATUS_CODE_ERROR}
	}
	return &tracepb.Status{}
}

// query makes s a database call.
func (b *builder) query(m TracesMix, s *tracepb.Span) {
	statement := b.rand.IntN(m.Statements)
	table, literal := fmt.Sprintf("shop_%s_%d", services[statement%len(services)], statement), "$1"
	if statement%100 < m.ChangingLiterals {
		literal = "'" + b.digits() + "'"
	}
	operation, sql := "SELECT", ""
	switch statement % 3 {
	case 0:
		sql = fmt.Sprintf("SELECT id, name, price, updated_at FROM %s WHERE id = %s AND deleted_at IS NULL ORDER BY updated_at DESC LIMIT 20", table, literal)
	case 1:
		operation = "UPDATE"
		sql = fmt.Sprintf("UPDATE %s SET stock = stock - 1, updated_at = now() WHERE id = %s", table, literal)
	default:
		sql = fmt.Sprintf("SELECT o.id, count(*) FROM %s o JOIN items i ON i.order_id = o.id WHERE o.customer_id = %s AND o.state IN ('open', 'paid') GROUP BY o.id",
			table, literal)
	}
	s.Name, s.Kind = operation+" "+table, tracepb.Span_SPAN_KIND_CLIENT
	s.Attributes = []*commonpb.KeyValue{
		text("db.system.name", "postgresql"), text("db.namespace", "shop"), text("db.operation.name", operation), text("db.query.text", sql),
		text("server.address", "pg-main.shop.internal"), integer("server.port", 5432),
	}
}
