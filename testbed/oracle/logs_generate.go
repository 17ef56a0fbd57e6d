package oracle

import (
	"math"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"pgregory.net/rapid"
)

// logKeys are attributes of records that mean something (spec/logs.md §2.3).
var logKeys = []string{
	"msg", "message", "log", "Message", "status", "severity", "level", "LEVEL", "syslog.severity", "otel.library.name", "otel.library.version", "otel.scope.name",
	"traceid", "trace_id", "contextmap.traceid", "oteltraceid", "TraceId", "spanid", "span_id", "contextmap.spanid", "otelspanid", "ddtags", "DDTags", "hostname", "service", "ddsource",
	"host.name", "service.name", "host", "datadog.log.source", "m", "m.a", "m.a.b", "http.status_code", "exception.stacktrace", "dd.trace_id", "otel.trace_id", "otel.timestamp",
	"otel.severity_number", "otel.event_name", "otel.hostname", "error.message", "deployment.environment",
}

type generatedLogs struct {
	payloads []plog.Logs
	cells    map[string]string
}

// logsGenerator draws loads of casesPerLoad records in one or two payloads.
func logsGenerator(now time.Time) *rapid.Generator[generatedLogs] {
	return rapid.Custom(func(t *rapid.T) generatedLogs {
		g := generatedLogs{cells: make(map[string]string)}
		left := casesPerLoad
		for range 1 + upTo(t, 1) {
			g.payloads = append(g.payloads, plog.NewLogs())
		}
		for left > 0 {
			rl := pick(t, g.payloads...).ResourceLogs().AppendEmpty()
			anyResource(t, rl.Resource().Attributes())
			for range 1 + upTo(t, 1) {
				sl := rl.ScopeLogs().AppendEmpty()
				anyScope(t, sl.Scope())
				for range min(left, 1+upTo(t, 9)) {
					left--
					lr := sl.LogRecords().AppendEmpty()
					g.cells[caseID(left)] = anyRecord(t, lr, now)
					lr.Attributes().PutStr(logID, caseID(left))
				}
			}
		}
		return g
	})
}

// anyRecord fills lr and returns its cell.
func anyRecord(t *rapid.T, lr plog.LogRecord, now time.Time) (cell string) {
	anyAttributes(t, lr.Attributes(), 6, logKeys...)
	if chance(t, 3) {
		lr.Attributes().PutStr(pick(t, "trace_id", "oteltraceid", "TraceID"), pick(t, "0123456789abcdef0123456789ABCDEF", "00000000000000000000000000000000", "xyz", "0123456789abcdef0123456789abcdeg"))
		lr.Attributes().PutStr(pick(t, "span_id", "otelspanid"), pick(t, "0123456789ABCDEF", "0123", "0123456789abcdeg"))
	}
	if chance(t, 15) {
		v := lr.Attributes().PutEmpty(pick(t, "nan", "m"))
		if chance(t, 2) {
			v = v.SetEmptySlice().AppendEmpty().SetEmptyMap().PutEmpty("x")
		}
		v.SetDouble(pick(t, math.NaN(), math.Inf(1), math.Inf(-1)))
	}
	if chance(t, 10) {
		deep := lr.Attributes().PutEmpty("deep")
		for range 1 + upTo(t, 12) {
			if chance(t, 4) {
				deep = deep.SetEmptySlice().AppendEmpty()
				continue
			}
			m := deep.SetEmptyMap()
			m.PutInt("n", 1)
			deep = m.PutEmpty(pick(t, "k", "", "k.l"))
		}
		anyValue(t, deep, 1)
	}
	anyValue(t, lr.Body(), 3)
	cell = "body " + lr.Body().Type().String()
	switch upTo(t, 3) {
	case 0:
		cell += ", no severity"
	case 1:
		lr.SetSeverityNumber(plog.SeverityNumber(rapid.IntRange(-2, 30).Draw(t, "severity")))
		cell += ", severity number"
	case 2:
		lr.SetSeverityText(pick(t, "Info", "ERROR", "warning", "E", "3", "x"))
		cell += ", severity text"
	case 3:
		lr.SetSeverityNumber(plog.SeverityNumber(1 + upTo(t, 23)))
		lr.SetSeverityText(pick(t, "Info", "WARN"))
		cell += ", severity text and number"
	}
	at := pcommon.NewTimestampFromTime(now.Add(-time.Duration(rapid.IntRange(0, 60_000_000_000).Draw(t, "ago"))))
	switch upTo(t, 4) {
	case 0:
	case 1:
		lr.SetObservedTimestamp(at)
	case 2:
		lr.SetObservedTimestamp(at)
		lr.SetTimestamp(at - 1_000_000_000)
	default:
		lr.SetTimestamp(at)
	}
	if chance(t, 2) {
		cell += ", trace context"
		lr.SetTraceID(pick(t, pcommon.TraceID{15: 1}, pcommon.TraceID{0: 0xab, 8: 0xff, 15: 0x10}))
		if chance(t, 2) {
			lr.SetSpanID(pick(t, pcommon.SpanID{7: 1}, pcommon.SpanID{0: 0xfe, 7: 3}))
		}
	}
	if chance(t, 4) {
		lr.SetEventName(pick(t, "browser.click", "x"))
	}
	lr.SetFlags(plog.LogRecordFlags(upTo(t, 1)))
	return cell
}
