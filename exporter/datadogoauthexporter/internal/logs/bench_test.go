package logs_test

import (
	"fmt"
	"testing"

	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/intake"
	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/logs"
)

const benchRecords = 100

// benchLogs is a batch of one resource with eight attributes; each record has five and a trace context.
func benchLogs() plog.ResourceLogs {
	rl := plog.NewResourceLogs()
	for key, value := range map[string]string{
		"service.name": "checkout", "service.version": "1.4.2", "deployment.environment.name": "prod", "host.name": "web-1",
		"telemetry.sdk.language": "go", "k8s.pod.name": "checkout-5d9", "k8s.namespace.name": "shop", "os.type": "linux",
	} {
		rl.Resource().Attributes().PutStr(key, value)
	}
	sl := rl.ScopeLogs().AppendEmpty()
	sl.Scope().SetName("net/http")
	for i := range benchRecords {
		lr := sl.LogRecords().AppendEmpty()
		lr.SetTimestamp(1_700_000_000_000_000_000)
		lr.SetSeverityNumber(plog.SeverityNumberInfo)
		lr.SetSeverityText("INFO")
		lr.SetTraceID([16]byte{1, 2, 3, 15: byte(i + 1)})
		lr.SetSpanID([8]byte{1, 7: byte(i + 1)})
		lr.Body().SetStr("GET /api/orders/" + fmt.Sprint(i) + " answered in time, nothing of note happened on the way")
		lr.Attributes().PutStr("http.request.method", "GET")
		lr.Attributes().PutStr("url.path", "/api/orders")
		lr.Attributes().PutInt("http.response.status_code", 200)
		lr.Attributes().PutDouble("duration_ms", 12.75)
		lr.Attributes().PutStr("user.id", "u-1029")
	}
	return rl
}

// nestedLogs is benchLogs with what takes the slower paths: flattening, replaced keys, attributes that are fields.
func nestedLogs() plog.ResourceLogs {
	rl := benchLogs()
	for _, lr := range rl.ScopeLogs().At(0).LogRecords().All() {
		user := lr.Attributes().PutEmptyMap("user")
		user.PutStr("id", "replaces user.id")
		user.PutEmptySlice("roles").AppendEmpty().SetEmptyMap().PutStr("name", "admin")
		lr.Attributes().PutStr("service.name", "the resource wins")
		lr.Attributes().PutStr("ddtags", "team:pay")
		lr.Attributes().PutStr("datadog.log.source", "nginx")
		lr.Attributes().PutStr("trace_id", "5b8aa5a2d2c872e8321cf37308d69df2")
	}
	return rl
}

func TestMapDoesNotAllocate(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	for name, rl := range map[string]plog.ResourceLogs{"plain": benchLogs(), "nested": nestedLogs()} {
		m := logs.New(logs.Options{})
		var out intake.Payload
		var drops intake.Drops
		m.Map(rl, &out, &drops)
		if n := testing.AllocsPerRun(50, func() {
			out.Body, out.Items = out.Body[:0], out.Items[:0]
			m.Map(rl, &out, &drops)
		}); n != 0 {
			t.Errorf("%s: %v allocations for %d records", name, n, benchRecords)
		}
	}
}

func BenchmarkMap(b *testing.B) {
	for _, bm := range []struct {
		name string
		rl   plog.ResourceLogs
	}{{"plain", benchLogs()}, {"nested", nestedLogs()}} {
		b.Run(bm.name, func(b *testing.B) {
			m := logs.New(logs.Options{})
			var out intake.Payload
			var drops intake.Drops
			m.Map(bm.rl, &out, &drops)
			b.SetBytes(int64(len(out.Body)))
			b.ReportAllocs()
			for b.Loop() {
				out.Body, out.Items = out.Body[:0], out.Items[:0]
				m.Map(bm.rl, &out, &drops)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*benchRecords), "ns/record")
			b.ReportMetric(float64(len(out.Body))/benchRecords, "B/record")
		})
	}
}
