package datadogoauthexporter

import (
	"context"

	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/metrics"
)

type metricsExporter struct {
	signalExporter[pmetric.Metrics, pmetric.ResourceMetrics]
}

func newMetricsExporter(c *core, next exporter.Metrics) *metricsExporter {
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
		DeltaTTL:                 m.DeltaTTL,
		MaxSeriesPerTenant:       m.MaxSeriesPerTenant,
		MaxSeries:                m.MaxSeries,
	})
	checks := newGauges(c.cfg)
	return &metricsExporter{signalExporter[pmetric.Metrics, pmetric.ResourceMetrics]{
		core:  c,
		next:  chain[pmetric.Metrics]{next, next.ConsumeMetrics},
		empty: pmetric.NewMetrics(),
		signal: signal[pmetric.Metrics, pmetric.ResourceMetrics]{
			resources:  func(d pmetric.Metrics) resources[pmetric.ResourceMetrics] { return d.ResourceMetrics() },
			attributes: func(r pmetric.ResourceMetrics) pcommon.Map { return r.Resource().Attributes() },
			count:      countDataPoints,
			begin: func(tenant, _ string) mapping[pmetric.ResourceMetrics] {
				return &metricsMapping{gauges: checks, tx: mapper.Begin(tenant)}
			},
			refused: func(err error, of []pmetric.ResourceMetrics) error {
				d := pmetric.NewMetrics()
				for _, r := range of {
					r.MoveTo(d.ResourceMetrics().AppendEmpty())
				}
				return consumererror.NewMetrics(err, d)
			},
		},
	}}
}

// ConsumeMetrics implements exporter.Metrics.
func (e *metricsExporter) ConsumeMetrics(ctx context.Context, d pmetric.Metrics) error {
	return e.consume(ctx, d)
}

func countDataPoints(r pmetric.ResourceMetrics) int {
	n := 0
	for _, sm := range r.ScopeMetrics().All() {
		for _, m := range sm.Metrics().All() {
			switch m.Type() {
			case pmetric.MetricTypeGauge:
				n += m.Gauge().DataPoints().Len()
			case pmetric.MetricTypeSum:
				n += m.Sum().DataPoints().Len()
			case pmetric.MetricTypeHistogram:
				n += m.Histogram().DataPoints().Len()
			case pmetric.MetricTypeExponentialHistogram:
				n += m.ExponentialHistogram().DataPoints().Len()
			case pmetric.MetricTypeSummary:
				n += m.Summary().DataPoints().Len()
			}
		}
	}
	return n
}
