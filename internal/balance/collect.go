package balance

import (
	"strings"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
)

// Collected are the books in what a reader of the OpenTelemetry SDK collected. Those of an exporter that has stopped lack what waits: its gauges are gone.
func Collected(all metricdata.ResourceMetrics) Books {
	b := Books{}
	for _, scope := range all.ScopeMetrics {
		for _, m := range scope.Metrics {
			instrument, ours := strings.CutPrefix(m.Name, Prefix)
			if !ours {
				continue
			}
			var points []metricdata.DataPoint[int64]
			switch data := m.Data.(type) {
			case metricdata.Sum[int64]:
				points = data.DataPoints
			case metricdata.Gauge[int64]:
				points = data.DataPoints
			}
			for _, p := range points {
				b.Add(instrument, func(name string) string { v, _ := p.Attributes.Value(attribute.Key(name)); return v.String() }, int(p.Value))
			}
		}
	}
	return b
}
