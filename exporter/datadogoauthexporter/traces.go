package datadogoauthexporter

import (
	"context"

	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/intake"
	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/traces"
)

type tracesExporter struct {
	signalExporter[ptrace.Traces, ptrace.ResourceSpans]
}

func newTracesExporter(c *core, next exporter.Traces) *tracesExporter {
	mapper := traces.New(traces.Options{FallbackHost: c.cfg.Hostname})
	return &tracesExporter{signalExporter[ptrace.Traces, ptrace.ResourceSpans]{
		core:  c,
		next:  chain[ptrace.Traces]{next, next.ConsumeTraces},
		empty: ptrace.NewTraces(),
		signal: signal[ptrace.Traces, ptrace.ResourceSpans]{
			resources:  func(d ptrace.Traces) resources[ptrace.ResourceSpans] { return d.ResourceSpans() },
			attributes: func(r ptrace.ResourceSpans) pcommon.Map { return r.Resource().Attributes() },
			count:      countSpans,
			begin: func(string) mapping[ptrace.ResourceSpans] {
				return &plainMapping[ptrace.ResourceSpans]{family: intake.Traces, mapInto: mapper.Map}
			},
			refused: func(err error, of []ptrace.ResourceSpans) error {
				d := ptrace.NewTraces()
				for _, r := range of {
					r.MoveTo(d.ResourceSpans().AppendEmpty())
				}
				return consumererror.NewTraces(err, d)
			},
		},
	}}
}

// ConsumeTraces implements exporter.Traces.
func (e *tracesExporter) ConsumeTraces(ctx context.Context, d ptrace.Traces) error {
	return e.consume(ctx, d)
}

func countSpans(r ptrace.ResourceSpans) int {
	n := 0
	for _, ss := range r.ScopeSpans().All() {
		n += ss.Spans().Len()
	}
	return n
}
