package traces_test

import (
	"testing"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/traces"
)

// TestAFailedTraceOfPriorityZeroFollowsItsRate has the trace id 1, which is at 0.0602 of the way to all ids.
func TestAFailedTraceOfPriorityZeroFollowsItsRate(t *testing.T) {
	t.Parallel()
	for rate, kept := range map[float64]bool{0: false, 0.06: false, 0.0603: true, 0.999: true, 1: true, 1.5: true, -0.9: true, -0.25: true, -2.25: true} {
		td := ptrace.NewTraces()
		s := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans().AppendEmpty()
		s.SetTraceID(pcommon.TraceID{15: 1})
		s.SetSpanID(pcommon.SpanID{7: 1})
		s.Status().SetCode(ptrace.StatusCodeError)
		s.Attributes().PutInt("sampling.priority", 0)
		s.Attributes().PutDouble("_sample_rate", rate)
		got := mapTraces(t, traces.New(traces.Options{}), td)
		if sent := len(got.Items) == 1; sent != kept || got.Drops["sampled"] == 1 == kept {
			t.Errorf("rate %v: sent %v, drops %v", rate, sent, got.Drops)
		}
	}
}
