package metrics_test

import (
	"os"
	"path/filepath"
	"testing"

	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/metrics"
)

// FuzzMap maps any OTLP request that decodes, twice in transactions of which the first is rolled back. It must not panic,
// what comes out must decode and account for each data point once (mapAll checks that), and both times the same.
func FuzzMap(f *testing.F) {
	inputs, err := filepath.Glob("testdata/golden/*.otlp.json")
	if err != nil {
		f.Fatal(err)
	}
	for i, input := range inputs {
		b, err := os.ReadFile(input)
		if err != nil {
			f.Fatal(err)
		}
		md, err := new(pmetric.JSONUnmarshaler).UnmarshalMetrics(b)
		if err != nil {
			f.Fatal(err)
		}
		if b, err = new(pmetric.ProtoMarshaler).MarshalMetrics(md); err != nil {
			f.Fatal(err)
		}
		f.Add(b, byte(i))
	}
	f.Fuzz(func(t *testing.T, request []byte, options byte) {
		md, err := new(pmetric.ProtoUnmarshaler).UnmarshalMetrics(request)
		if err != nil {
			return
		}
		o := testOptions()
		o.HistogramMode = []metrics.HistogramMode{
			metrics.HistogramDistributions, metrics.HistogramCounters, metrics.HistogramNoBuckets, metrics.HistogramDistributions,
		}[options&3]
		o.SendAggregations = options&4 != 0
		o.ResourceAttributesAsTags = options&8 != 0
		if options&16 != 0 {
			o.InitialValue = metrics.InitialKeep
		}
		if options&32 != 0 {
			o.MaxSeriesPerTenant = 3
		}
		if options&64 != 0 {
			o.Remapping, o.InferDeltaInterval = metrics.RemapAll, true
		}
		m := metrics.New(o)
		tx := m.Begin("t")
		first := mapAll(t, tx, md)
		tx.Rollback()
		if n := m.Stats().Series; n != 0 {
			t.Errorf("%d series are remembered after a rollback", n)
		}
		if options&32 != 0 {
			return // which series is evicted is chance
		}
		second := mapAndCommit(t, m, "t", md)
		if len(first.Series) != len(second.Series) || len(first.Sketches) != len(second.Sketches) {
			t.Errorf("%d series and %d sketches, after a rollback %d and %d",
				len(first.Series), len(first.Sketches), len(second.Series), len(second.Sketches))
		}
	})
}
