//go:build !race

package metrics_test

import (
	"testing"

	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/metrics"
)

// TestMappingDoesNotAllocate maps 1,000 points a run: one allocation per point, metric or scope would show.
func TestMappingDoesNotAllocate(t *testing.T) {
	sums := sumLoad()
	sums.values = nil // pdata allocates for a new number
	remapped := gaugeLoad()
	for _, m := range remapped.md.ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics().All() {
		m.SetName("kafka.request.time.avg")
		for _, p := range m.Gauge().DataPoints().All() {
			p.Attributes().PutStr("type", "produce")
		}
	}
	for name, l := range map[string]*load{
		"remapped":             remapped,
		"gauge":                gaugeLoad(),
		"cumulative sum":       sums,
		"delta sum":            deltaLoad(),
		"delta histogram":      histogramLoad(pmetric.AggregationTemporalityDelta),
		"cumulative histogram": histogramLoad(pmetric.AggregationTemporalityCumulative),
		"exponential":          exponentialLoad(),
		"summary":              summaryLoad(),
	} {
		t.Run(name, func(t *testing.T) {
			o := testOptions()
			if l == remapped {
				o.Remapping = metrics.RemapAll
			}
			r := run{m: metrics.New(o)}
			for range 3 {
				l.advance()
				r.request(l)
			}
			allocs := testing.AllocsPerRun(20, func() {
				l.advance()
				r.request(l)
			})
			// A garbage collection in between may empty the pool of transactions.
			if allocs > 5 {
				t.Errorf("%v allocations per %d points", allocs, loadPoints)
			}
		})
	}
}

func TestMappingToOTLPDoesNotAllocate(t *testing.T) {
	sums := sumLoad()
	sums.values = nil // pdata allocates for a new number
	cumulative, n := exponentialLoad(), 0
	cumulative.md.ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics().RemoveIf(func(pmetric.Metric) bool {
		n++ // all of them have more buckets than the memory for a rollback that is kept
		return n%2 == 0
	})
	for _, m := range cumulative.md.ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics().All() {
		m.ExponentialHistogram().SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
	}
	for name, l := range map[string]*load{
		"gauge":                  gaugeLoad(),
		"cumulative sum":         sums,
		"delta histogram":        histogramLoad(pmetric.AggregationTemporalityDelta),
		"cumulative histogram":   histogramLoad(pmetric.AggregationTemporalityCumulative),
		"exponential":            exponentialLoad(),
		"cumulative exponential": cumulative,
		"summary":                summaryLoad(),
	} {
		t.Run(name, func(t *testing.T) {
			o := testOptions()
			o.SendAggregations = true // else points without growth are not sent
			r := run{m: metrics.New(o), otlp: true}
			for range 3 {
				l.advance()
				r.request(l)
			}
			allocs := testing.AllocsPerRun(20, func() {
				l.advance()
				r.request(l)
			})
			// A garbage collection in between may empty the pool of transactions.
			if allocs > 5 {
				t.Errorf("%v allocations per %d points", allocs, loadPoints)
			}
		})
	}
}
