package load

import (
	"fmt"
	"time"

	collogs "go.opentelemetry.io/proto/otlp/collector/logs/v1"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	logspb "go.opentelemetry.io/proto/otlp/logs/v1"
)

var loggers = []string{"com.shop.cart.CartService", "com.shop.orders.OrderRepository", "com.shop.payment.Gateway", "com.shop.web.AccessLog"}

// logs are of an application that writes what it does, five attributes each, inside spans.
func (b *builder) logs(items, n int) *collogs.ExportLogsServiceRequest {
	sl := &logspb.ScopeLogs{Scope: scope("com.shop.logging"), LogRecords: make([]*logspb.LogRecord, items)}
	for i := range sl.LogRecords {
		at := b.moment(time.Duration(items-i) * time.Microsecond)
		severity, word := logspb.SeverityNumber_SEVERITY_NUMBER_INFO, "INFO"
		if b.rand.IntN(20) == 0 {
			severity, word = logspb.SeverityNumber_SEVERITY_NUMBER_ERROR, "ERROR"
		}
		user := fmt.Sprintf("u-%08x", b.rand.Uint32())
		body := fmt.Sprintf("%s %s for user %s took %d ms, %d rows from %s, cache %s", pick(b, methods), pick(b, routes), user, b.rand.IntN(2000),
			b.rand.IntN(500), pick(b, services), pick(b, []string{"hit", "miss", "stale"}))
		sl.LogRecords[i] = &logspb.LogRecord{
			TimeUnixNano: at, ObservedTimeUnixNano: at, SeverityNumber: severity, SeverityText: word,
			Body: &commonpb.AnyValue{Value: &commonpb.AnyValue_StringValue{StringValue: body}},
			Attributes: []*commonpb.KeyValue{
				text("logger.name", pick(b, loggers)), text("thread.name", fmt.Sprintf("http-nio-8080-exec-%d", b.rand.IntN(64))),
				text("user.id", user), text("url.path", pick(b, routes)), integer("http.response.status_code", pick(b, statuses)),
			},
			TraceId: b.id(16), SpanId: b.id(8), Flags: 1,
		}
	}
	return &collogs.ExportLogsServiceRequest{ResourceLogs: []*logspb.ResourceLogs{{Resource: b.resource(n), ScopeLogs: []*logspb.ScopeLogs{sl}}}}
}
