package oracle

import (
	"fmt"
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

// logsGenerator draws loads of casesPerLoad records in one or two payloads. The cells are taken in turn, beginning with the first-th.
func logsGenerator(now time.Time, first int) *rapid.Generator[generatedLogs] {
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
					g.cells[caseID(left)] = anyRecord(t, lr, logCells[(first+left)%len(logCells)], now)
					lr.Attributes().PutStr(logID, caseID(left))
				}
			}
		}
		return g
	})
}

// logCell is one kind of record.
type logCell struct {
	body     pcommon.ValueType
	severity string
	traced   bool
	flags    uint32
}

func (c logCell) String() string {
	context := "no trace context"
	if c.traced {
		context = "trace context"
	}
	return fmt.Sprintf("body %s, %s, %s, flags %d", c.body, c.severity, context, c.flags)
}

// logCells are all of them: type of the body × severity × trace context × flags.
var logCells = func() (cells []logCell) {
	for body := pcommon.ValueTypeEmpty; body <= pcommon.ValueTypeBytes; body++ {
		for _, severity := range []string{"no severity", "severity number", "severity text", "severity text and number"} {
			for _, traced := range []bool{false, true} {
				for flags := range uint32(2) {
					cells = append(cells, logCell{body, severity, traced, flags})
				}
			}
		}
	}
	return cells
}()

// anyBody fills v with a value of a type.
func anyBody(t *rapid.T, v pcommon.Value, typ pcommon.ValueType) {
	switch typ {
	case pcommon.ValueTypeStr:
		v.SetStr(anyText(t))
	case pcommon.ValueTypeInt:
		v.SetInt(rapid.Int64().Draw(t, "int"))
	case pcommon.ValueTypeDouble:
		v.SetDouble(anyNumber(t))
	case pcommon.ValueTypeBool:
		v.SetBool(chance(t, 2))
	case pcommon.ValueTypeBytes:
		v.SetEmptyBytes().FromRaw(rapid.SliceOfN(rapid.Byte(), 0, 5).Draw(t, "bytes"))
	case pcommon.ValueTypeMap:
		m := v.SetEmptyMap()
		for range upTo(t, 3) {
			anyValue(t, m.PutEmpty(pick(t, "a", "b", "c.d", "E", "")), 2)
		}
	case pcommon.ValueTypeSlice:
		s := v.SetEmptySlice()
		for range upTo(t, 3) {
			anyValue(t, s.AppendEmpty(), 2)
		}
	}
}

// anyRecord fills lr and returns the name of its cell.
func anyRecord(t *rapid.T, lr plog.LogRecord, c logCell, now time.Time) string {
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
	anyBody(t, lr.Body(), c.body)
	switch c.severity {
	case "severity number":
		lr.SetSeverityNumber(plog.SeverityNumber(rapid.IntRange(-2, 30).Draw(t, "severity")))
	case "severity text":
		lr.SetSeverityText(pick(t, "Info", "ERROR", "warning", "E", "3", "x"))
	case "severity text and number":
		lr.SetSeverityNumber(plog.SeverityNumber(1 + upTo(t, 23)))
		lr.SetSeverityText(pick(t, "Info", "WARN"))
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
	if c.traced {
		lr.SetTraceID(pick(t, pcommon.TraceID{15: 1}, pcommon.TraceID{0: 0xab, 8: 0xff, 15: 0x10}))
		if chance(t, 2) {
			lr.SetSpanID(pick(t, pcommon.SpanID{7: 1}, pcommon.SpanID{0: 0xfe, 7: 3}))
		}
	}
	if chance(t, 4) {
		lr.SetEventName(pick(t, "browser.click", "x"))
	}
	lr.SetFlags(plog.LogRecordFlags(c.flags))
	return c.String()
}
