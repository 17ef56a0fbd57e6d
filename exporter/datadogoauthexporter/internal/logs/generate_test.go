package logs_test

import (
	"math"
	"math/rand/v2"
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
)

// The keys and texts that the rules know, and some that they do not.
var (
	someKeys = strings.Fields(`msg message Message log status severity level syslog.severity otel.library.name Otel.Library.Version
		otel.scope.name otel.scope.version traceid trace_id contextmap.TraceID oteltraceid spanid span_id contextmap.spanid otelspanid
		ddtags DDTags hostname service ddsource datadog.log.source dd.trace_id otel.trace_id dd.span_id otel.span_id @timestamp
		otel.timestamp otel.severity_text otel.severity_number otel.event_name host host.name service.name deployment.environment
		a a.b a.b.c b user.id http.method otel.hostname otel.service timestamp é Mİsg`)
	someTexts = []string{
		"", "text", "web-1", "a:b,c:d", "0102030405060708090A0b0c0d0e0f10", "0102030405060708", "00000000000000000000000000000000",
		"zz02030405060708", "quote \" and \\ and \n\t\x00\x7f", "not \xff\xc0 UTF-8", "<html>&\u2028", "日本", "error",
	}
)

// generator makes records that meet the rules, their exceptions and one another far more often than real ones do.
type generator struct{ *rand.Rand }

func (g generator) resourceLogs() plog.ResourceLogs {
	rl := plog.NewResourceLogs()
	g.attributes(rl.Resource().Attributes(), 6, 3)
	for range 1 + g.IntN(2) {
		sl := rl.ScopeLogs().AppendEmpty()
		sl.Scope().SetName(g.either("", "lib"))
		sl.Scope().SetVersion(g.either("", "1.2"))
		if g.IntN(4) == 0 {
			g.attributes(sl.Scope().Attributes(), 3, 2)
		}
		for range 1 + g.IntN(3) {
			g.record(sl.LogRecords().AppendEmpty())
		}
	}
	return rl
}

func (g generator) record(lr plog.LogRecord) {
	g.attributes(lr.Attributes(), 10, 4)
	if g.IntN(2) == 0 {
		lr.SetTimestamp(pcommon.Timestamp(g.timestamp()))
	}
	if g.IntN(2) == 0 {
		lr.SetObservedTimestamp(pcommon.Timestamp(g.timestamp()))
	}
	if g.IntN(2) == 0 {
		lr.SetTraceID([16]byte{1, 2, 3, byte(g.Uint32()), 15: byte(g.Uint32())})
	}
	if g.IntN(2) == 0 {
		lr.SetSpanID([8]byte{byte(g.Uint32()), 7: byte(g.Uint32())})
	}
	if g.IntN(2) == 0 {
		lr.SetSeverityNumber(plog.SeverityNumber(g.IntN(30) - 3))
	}
	lr.SetSeverityText(g.either("", "Info"))
	lr.SetEventName(g.either("", "order.paid"))
	g.value(lr.Body(), 3)
}

func (g generator) timestamp() uint64 {
	if g.IntN(20) == 0 {
		return g.Uint64()
	}
	return 1_700_000_000_000_000_000 + g.Uint64N(3_000_000_000)
}

func (g generator) either(a, b string) string {
	if g.IntN(2) == 0 {
		return a
	}
	return b
}

func (g generator) attributes(m pcommon.Map, most, depth int) {
	for range g.IntN(most + 1) {
		key := someKeys[g.IntN(len(someKeys))]
		if g.IntN(50) == 0 {
			key = g.either("", "bad \xff key")
		}
		if _, taken := m.Get(key); taken {
			continue
		}
		g.value(m.PutEmpty(key), depth)
	}
}

func (g generator) value(v pcommon.Value, depth int) {
	n := 14
	if depth > 0 {
		n = 18
	}
	switch k := g.IntN(n); {
	case k < 8:
		v.SetStr(someTexts[g.IntN(len(someTexts))])
	case k == 8:
		v.SetInt(int64(g.Uint64()))
	case k == 9:
		v.SetInt(int64(g.IntN(100)))
	case k == 10:
		v.SetDouble(g.double())
	case k == 11:
		v.SetBool(g.IntN(2) == 0)
	case k == 12:
		v.SetEmptyBytes().FromRaw([]byte("\x00\xff bytes")[:g.IntN(8)])
	case k == 13:
		// empty
	case k < 16:
		s := v.SetEmptySlice()
		for range g.IntN(4) {
			g.value(s.AppendEmpty(), depth-1)
		}
	case g.IntN(20) == 0:
		for range g.IntN(14) {
			v = v.SetEmptyMap().PutEmpty("n")
			if g.IntN(5) == 0 {
				v = v.SetEmptySlice().AppendEmpty()
			}
		}
		v.SetInt(1)
	default:
		g.attributes(v.SetEmptyMap(), 4, depth-1)
	}
}

func (g generator) double() float64 {
	switch g.IntN(8) {
	case 0:
		return math.NaN()
	case 1:
		return math.Inf(1)
	case 2:
		return math.Float64frombits(g.Uint64N(0x7ff0000000000000))
	}
	return float64(g.IntN(1000)) / 8
}
