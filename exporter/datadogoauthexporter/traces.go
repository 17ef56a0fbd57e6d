package datadogoauthexporter

import (
	"context"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/datadogoauth/otelcol-datadogoauth/credential"
	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/apmstats"
	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/intake"
	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/traces"
)

type tracesExporter struct {
	signalExporter[ptrace.Traces, ptrace.ResourceSpans]
	stats *statsFlow // nil when no stats are computed
}

func newTracesExporter(c *core, next exporter.Traces) (exporter.Traces, error) {
	ignored, err := c.cfg.Traces.ignored()
	if err != nil {
		return nil, err
	}
	e := &tracesExporter{}
	options := traces.Options{
		FallbackHost: c.cfg.Hostname, DropResourceHost: c.cfg.ResourceHost == DropResourceHost,
		KeepQueryStrings: !c.cfg.Traces.Obfuscation.HTTP.RemoveQueryString,
		IgnoreResources:  ignored, SpanNameRemappings: c.cfg.Traces.SpanNameRemappings,
		SpanNameAsResourceName: c.cfg.Traces.SpanNameAsResourceName, TopLevelBySpanKind: c.cfg.Traces.ComputeTopLevelBySpanKind,
	}
	form := c.cfg.Traces.Intake
	if t := &c.cfg.Traces; t.ComputeStats && form != IntakeOTLP {
		e.stats = newStatsFlow(c, e.enqueue)
		if t.PeerTagsAggregation {
			options.PeerTags = apmstats.PeerTagKeys(t.PeerTags)
		}
	}
	family := intake.Traces
	if form == IntakePublic {
		family, options.Public = intake.PublicSpans, true
	}
	mapper := traces.New(options)
	begin := func(tenant, org string) mapping[ptrace.ResourceSpans] {
		return &tracesMapping{mapper: mapper, family: family, stats: e.stats.begin(tenant, org)}
	}
	probed := prober[ptrace.ResourceSpans]{kinds: []credential.ProbeKind{credential.ProbeSpan}, marked: markedSpans}
	if c.cfg.Traces.ComputeStats {
		probed.kinds = append(probed.kinds, credential.ProbeStats)
	}
	probed.begin = func(kind credential.ProbeKind, tenant, org string) mapping[ptrace.ResourceSpans] {
		if kind == credential.ProbeStats {
			return newStatsProbe(c, mapper, tenant, org)
		}
		return &tracesMapping{mapper: mapper, family: family} // no stats are made of it
	}
	if form == IntakeOTLP {
		mapInto := traces.NewOTLP(options).Map
		begin = func(string, string) mapping[ptrace.ResourceSpans] {
			return &otlpSpans{mapInto: mapInto, withStats: c.cfg.Traces.ComputeStats}
		}
		probed.begin = nil
	}
	e.signalExporter = signalExporter[ptrace.Traces, ptrace.ResourceSpans]{
		core:   c,
		next:   chain[ptrace.Traces]{next, next.ConsumeTraces},
		empty:  ptrace.NewTraces(),
		prober: probed,
		signal: signal[ptrace.Traces, ptrace.ResourceSpans]{
			resources:  func(d ptrace.Traces) resources[ptrace.ResourceSpans] { return d.ResourceSpans() },
			attributes: func(r ptrace.ResourceSpans) pcommon.Map { return r.Resource().Attributes() },
			count:      countSpans,
			begin:      begin,
			refused: func(err error, of []ptrace.ResourceSpans) error {
				d := ptrace.NewTraces()
				for _, r := range of {
					r.MoveTo(d.ResourceSpans().AppendEmpty())
				}
				return consumererror.NewTraces(err, d)
			},
		},
	}
	return e, nil
}

// Start implements component.Component.
func (e *tracesExporter) Start(ctx context.Context, host component.Host) error {
	if err := e.signalExporter.Start(ctx, host); err != nil {
		return err
	}
	e.stats.start()
	return nil
}

// Shutdown implements component.Component. It may come without Start, and twice. The stats of all spans are in the queue before that is shut down.
func (e *tracesExporter) Shutdown(ctx context.Context) error {
	return e.within(ctx, func(ctx context.Context) error {
		e.stats.stop(ctx)
		return e.end(ctx)
	})
}

// ConsumeTraces implements exporter.Traces.
func (e *tracesExporter) ConsumeTraces(ctx context.Context, d ptrace.Traces) error {
	return e.consume(ctx, d)
}

// tracesMapping maps spans and stages what their stats need. stats is nil when none are computed.
type tracesMapping struct {
	mapper *traces.Mapper
	family intake.Family
	stats  *apmstats.Tx
	spans  intake.Payload
}

func (m *tracesMapping) add(r ptrace.ResourceSpans, drops *intake.Drops) {
	if m.stats == nil {
		m.mapper.Map(r, &m.spans, drops, nil)
		return
	}
	m.mapper.Map(r, &m.spans, drops, statsOf{m.stats})
}

func (m *tracesMapping) payloads() []payload { return []payload{{m.family, &m.spans}} }

func (m *tracesMapping) commit() {
	if m.stats != nil {
		m.stats.Commit()
	}
}

func (m *tracesMapping) rollback() {
	if m.stats != nil {
		m.stats.Rollback()
	}
}

// otlpSpans is a mapping without memory. withStats says that Datadog is asked for stats, but not for those of resources whose sender computed them.
type otlpSpans struct {
	mapInto      func(ptrace.ResourceSpans, *intake.Payload, *intake.Drops)
	withStats    bool
	spans, alone intake.Payload // alone without stats
}

func (m *otlpSpans) add(r ptrace.ResourceSpans, drops *intake.Drops) {
	if m.withStats && traces.StatsAreComputed(r.Resource().Attributes()) {
		m.mapInto(r, &m.alone, drops)
		return
	}
	m.mapInto(r, &m.spans, drops)
}

func (m *otlpSpans) payloads() []payload {
	return []payload{{intake.OTLPTraces, &m.spans}, {intake.OTLPTracesOnly, &m.alone}}
}
func (m *otlpSpans) commit()   {}
func (m *otlpSpans) rollback() {}

// statsOf tells a transaction of stats what a mapping tells of spans. The types on both sides are the same, field by field.
type statsOf struct{ tx *apmstats.Tx }

func (s statsOf) Chunk(c *traces.StatsChunk) { s.tx.Chunk((*apmstats.Chunk)(c)) }
func (s statsOf) Span(p *traces.StatsSpan)   { s.tx.Span((*apmstats.Span)(p)) }

func countSpans(r ptrace.ResourceSpans) int {
	n := 0
	for _, ss := range r.ScopeSpans().All() {
		n += ss.Spans().Len()
	}
	return n
}
