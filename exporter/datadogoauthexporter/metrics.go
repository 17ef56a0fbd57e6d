package datadogoauthexporter

import (
	"context"
	"errors"
	"fmt"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/datadogoauth/otelcol-datadogoauth/credential"
	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/hostmetadata"
	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/metrics"
)

type metricsExporter struct {
	signalExporter[pmetric.Metrics, pmetric.ResourceMetrics]
	state deltaState
}

func newMetricsExporter(c *core, next exporter.Metrics) (*metricsExporter, error) {
	m := c.cfg.Metrics
	mapper := metrics.New(metrics.Options{
		FallbackHost:             c.cfg.Hostname,
		DropResourceHost:         c.cfg.ResourceHost == DropResourceHost,
		HistogramMode:            m.Histograms.Mode,
		SendAggregations:         m.Histograms.SendAggregationMetrics,
		CumulativeMonotonic:      m.Sums.CumulativeMonotonicMode,
		InitialValue:             m.Sums.InitialCumulativeMonotonicValue,
		SummaryMode:              m.Summaries.Mode,
		Remapping:                m.Remapping,
		InferDeltaInterval:       m.InferIntervalForDelta,
		Units:                    m.Units,
		ScopeTags:                m.ScopeMetadataAsTags,
		ResourceAttributesAsTags: m.ResourceAttributesAsTags,
		Shared:                   m.Shared,
		WriterTag:                m.WriterTag,
		DeltaTTL:                 m.DeltaTTL,
		MaxSeriesPerTenant:       m.MaxSeriesPerTenant,
		MaxSeries:                m.MaxSeries,
	})
	checks := newGauges(c.cfg)
	if err := c.telemetry.observeMapper(mapper); err != nil {
		return nil, err
	}
	begin := func(tenant, _ string) mapping[pmetric.ResourceMetrics] {
		if c.cfg.Metrics.Intake == IntakeOTLP {
			return &otlpMetricsMapping{gauges: checks, tx: mapper.Begin(tenant)}
		}
		return &metricsMapping{gauges: checks, tx: mapper.Begin(tenant)}
	}
	probed := prober[pmetric.ResourceMetrics]{kinds: []credential.ProbeKind{credential.ProbeMetric, credential.ProbeDistribution}, marked: markedMetrics}
	if c.cfg.ServiceChecks.Enabled {
		probed.kinds = append(probed.kinds, credential.ProbeServiceCheck)
	}
	state := deltaState{mapper: mapper, exporter: c.set.ID, ttl: m.DeltaTTL, logger: c.set.Logger}
	return &metricsExporter{state: state, signalExporter: signalExporter[pmetric.Metrics, pmetric.ResourceMetrics]{
		core:   c,
		next:   chain[pmetric.Metrics]{next, next.ConsumeMetrics},
		empty:  pmetric.NewMetrics(),
		prober: probed,
		signal: signal[pmetric.Metrics, pmetric.ResourceMetrics]{
			resources:  func(d pmetric.Metrics) resources[pmetric.ResourceMetrics] { return d.ResourceMetrics() },
			attributes: func(r pmetric.ResourceMetrics) pcommon.Map { return r.Resource().Attributes() },
			count:      countDataPoints,
			host:       (*hostmetadata.Tx).AddMetrics,
			begin:      begin,
			refused: func(err error, of []pmetric.ResourceMetrics) error {
				d := pmetric.NewMetrics()
				for _, r := range of {
					r.MoveTo(d.ResourceMetrics().AppendEmpty())
				}
				return consumererror.NewMetrics(err, d)
			},
		},
	}}, nil
}

// Start implements component.Component.
func (e *metricsExporter) Start(ctx context.Context, host component.Host) error {
	e.state.open(ctx, e.openFile(ctx, host, fileDelta, fileDelta))
	return e.signalExporter.Start(ctx, host)
}

// Shutdown implements component.Component. The memory of cumulative series is saved when the last call has ended, which the queue refuses by then.
func (e *metricsExporter) Shutdown(ctx context.Context) error {
	return e.within(ctx, func(ctx context.Context) error {
		err := e.end(ctx)
		if waited := e.calls.wait(ctx); waited != nil {
			return errors.Join(err, fmt.Errorf("data is still being taken in: %w", waited))
		}
		e.state.close(context.WithoutCancel(ctx)) // it is no intake that it waits for
		return err
	})
}

// ConsumeMetrics implements exporter.Metrics.
func (e *metricsExporter) ConsumeMetrics(ctx context.Context, d pmetric.Metrics) error {
	return e.consume(ctx, d)
}

func countDataPoints(r pmetric.ResourceMetrics) int {
	n := 0
	for _, sm := range r.ScopeMetrics().All() {
		for _, m := range sm.Metrics().All() {
			n += metrics.DataPoints(m)
		}
	}
	return n
}
