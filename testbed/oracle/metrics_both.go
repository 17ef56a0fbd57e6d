package oracle

import (
	"context"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/pdata/pmetric"
)

var metricsCodec = codec[pmetric.Metrics]{
	(&pmetric.JSONMarshaler{}).MarshalMetrics, (&pmetric.JSONUnmarshaler{}).UnmarshalMetrics,
}

// metricsBothWays sends metrics in one mode.
func (w *world) metricsBothWays(mode metricsMode, used exceptions) func(context.Context, []pmetric.Metrics) (outcome, error) {
	// Points are as old as the generator makes them; none is to expire on its way.
	ours := settings{"metrics": settings{"max_age": "0s"}}
	for key, v := range mode.ours {
		if key != "metrics" {
			ours[key] = v
			continue
		}
		for key, v := range v.(settings) {
			ours["metrics"].(settings)[key] = v
		}
	}
	return func(ctx context.Context, load []pmetric.Metrics) (outcome, error) {
		theirs, err := translateMetrics(ctx, mode, used, load)
		if err != nil {
			return outcome{}, err
		}
		s, err := export(ctx, w, createMetrics, consumeMetrics, ours, load)
		return outcome{metricsItems(s.Received), theirs, s.complaints}, err
	}
}

func createMetrics(f exporter.Factory) func(context.Context, exporter.Settings, component.Config) (exporter.Metrics, error) {
	return f.CreateMetrics
}

// consumeMetrics gives the exporter a copy, since it changes what it gets.
func consumeMetrics(e exporter.Metrics, ctx context.Context, d pmetric.Metrics) error {
	own := pmetric.NewMetrics()
	d.CopyTo(own)
	return e.ConsumeMetrics(ctx, own)
}
