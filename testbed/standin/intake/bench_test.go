package intake_test

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/DataDog/agent-payload/v5/gogen"
	pb "github.com/DataDog/datadog-agent/pkg/proto/pbgo/trace"

	"github.com/datadogoauth/otelcol-datadogoauth/testbed/standin/intake"
)

// BenchmarkTake is what one item costs the stand-in, so that its share in a load test on one machine is known.
func BenchmarkTake(b *testing.B) {
	const items = 500
	series := &gogen.MetricPayload{}
	var logs []string
	traces := agentPayload()
	spans := &traces.TracerPayloads[0].Chunks[0].Spans
	for i := range items {
		series.Series = append(series.Series, gauge(fmt.Sprintf("metric.%d", i), now0, 1))
		logs = append(logs, fmt.Sprintf(`{"message":"{\"@timestamp\":\"2027-01-15T07:59:58.123Z\",\"message\":\"log %d\",\"status\":\"Info\"}","service":"shop","hostname":"web-1","ddtags":"env:prod","timestamp":%d}`, i, now0*1000))
		*spans = append(*spans, &pb.Span{Service: "shop", Name: "a", Resource: "b", TraceID: 255, SpanID: uint64(i) + 10, Start: now0 * 1e9, Meta: map[string]string{"k": "v"}})
	}
	for _, c := range []struct {
		name, purpose, path, contentType string
		body                             []byte
		zstd                             bool
	}{
		{"series", "api", "/api/v2/series", typeProto, marshal(series), true},
		{"logs", "logs", "/api/v2/logs", typeJSON, []byte("[" + strings.Join(logs, ",") + "]"), true},
		{"traces", "traces", "/api/v0.2/traces", typeProto, protoBytes(traces), false},
	} {
		b.Run(c.name, func(b *testing.B) {
			h := newHarness(b, intake.WithCaps(intake.Caps{Points: 50_000, Logs: 50_000, Spans: 50_000}))
			encoding, body := "gzip", gzipped(c.body)
			if c.zstd {
				encoding, body = "zstd", zstded(c.body)
			}
			b.ReportAllocs()
			for b.Loop() {
				r := httptest.NewRequest(http.MethodPost, c.path, bytes.NewReader(body))
				r = r.WithContext(intake.WithTarget(r.Context(), intake.Target{Site: siteEU, Purpose: c.purpose}))
				r.Header.Set("DD-API-KEY", keyEU)
				r.Header.Set("Content-Type", c.contentType)
				r.Header.Set("Content-Encoding", encoding)
				w := httptest.NewRecorder()
				h.ServeHTTP(w, r)
				if w.Code != http.StatusAccepted {
					b.Fatal(w.Code, w.Body)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/items, "ns/item")
		})
	}
}
