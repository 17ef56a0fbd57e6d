package traces_test

import (
	"encoding/binary"
	"strings"
	"testing"

	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/intake"
	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/traces"
)

func TestNothingIsAppendedToAFullPayload(t *testing.T) {
	t.Parallel()
	const limit, spans = 500_000, 20_000
	for form, mapTo := range map[string]func(ptrace.ResourceSpans, *intake.Payload, *intake.Drops){
		"agent": func(rs ptrace.ResourceSpans, p *intake.Payload, d *intake.Drops) {
			traces.New(traces.Options{}).Map(rs, p, d, nil)
		},
		"public": func(rs ptrace.ResourceSpans, p *intake.Payload, d *intake.Drops) {
			traces.New(traces.Options{Public: true}).Map(rs, p, d, nil)
		},
		"OTLP": traces.NewOTLP(traces.Options{}).Map,
	} {
		for _, perTrace := range []int{1, 100, spans} {
			rs := ptrace.NewResourceSpans()
			rs.Resource().Attributes().PutStr("k", strings.Repeat("x", 20_000))
			all := rs.ScopeSpans().AppendEmpty().Spans()
			for i := range spans {
				s := all.AppendEmpty()
				var trace [16]byte
				var id [8]byte
				binary.BigEndian.PutUint64(trace[8:], uint64(1+i/perTrace))
				binary.BigEndian.PutUint64(id[:], uint64(1+i))
				s.SetTraceID(trace)
				s.SetSpanID(id)
			}
			out := intake.Payload{Limit: limit}
			var drops intake.Drops
			mapTo(rs, &out, &drops)
			if n := len(out.Body); n < limit*9/10 || n > limit+300_000 {
				t.Errorf("%s, %d spans a trace: the payload has %d bytes, want about %d", form, perTrace, n, limit)
			}
			if out.Count() == 0 || drops != (intake.Drops{intake.ReasonTooLarge: spans - out.Count()}) {
				t.Errorf("%s, %d spans a trace: %d spans sent, dropped are %v", form, perTrace, out.Count(), drops)
			}
		}
	}
}
