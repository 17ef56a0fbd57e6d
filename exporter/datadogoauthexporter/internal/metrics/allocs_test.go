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
	for name, l := range map[string]*load{
		"gauge":                gaugeLoad(),
		"cumulative sum":       sums,
		"delta histogram":      histogramLoad(pmetric.AggregationTemporalityDelta),
		"cumulative histogram": histogramLoad(pmetric.AggregationTemporalityCumulative),
		"exponential":          exponentialLoad(),
		"summary":              summaryLoad(),
	} {
		t.Run(name, func(t *testing.T) {
			r := run{m: metrics.New(testOptions())}
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
