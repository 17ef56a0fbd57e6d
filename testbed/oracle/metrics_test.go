package oracle

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
)

func TestMetrics(t *testing.T) {
	t.Parallel()
	w, used := newWorld(t), newExceptions(noFallbackHost, noHeartbeats, firstValuesSinceTheExporter, malformedHistogramCostsItselfOnly)
	r := newReport("metrics")
	defer r.print(t, used)
	used = used.counting(sketchesAreFinite, extremaAreFinite, countsAreAddedUp)
	golden, err := goldenMetrics(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	handWritten, err := sampleMetrics(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	for _, mode := range metricsModes {
		for _, cell := range metricCells {
			r.expect(cell.String() + ", mode " + mode.name)
		}
		if !corpus() {
			continue
		}
		both := w.metricsBothWays(mode, used)
		for _, name := range slices.Sorted(maps.Keys(golden)) {
			run(t, r, metricsCodec, load[pmetric.Metrics]{name: name + " in mode " + mode.name, payloads: []pmetric.Metrics{golden[name]}, cell: "golden input", both: both})
		}
		for _, name := range slices.Sorted(maps.Keys(handWritten)) {
			run(t, r, metricsCodec, load[pmetric.Metrics]{name: name + " in mode " + mode.name, payloads: []pmetric.Metrics{handWritten[name]}, cell: "sample", both: both})
		}
	}
	for i := range metricLoads() {
		// Times are relative to each load: a series that begins in the future is younger than our exporter, which is made for the load, as
		// well as than Datadog's translator, which counts from the start of the process.
		mode := metricsModes[i%len(metricsModes)]
		g := metricsGenerator(time.Now(), mode.remaps, i/len(metricsModes)*casesPerLoad).Example(seed()*1_000_000 + i)
		for id, cell := range g.cells {
			g.cells[id] = cell + ", mode " + mode.name
		}
		run(t, r, metricsCodec, load[pmetric.Metrics]{
			name:     fmt.Sprintf("generated load %d in mode %s", i, mode.name),
			payloads: g.payloads, cells: g.cells, cell: "generated, mode " + mode.name, both: w.metricsBothWays(mode, used),
		})
	}
}

// metricLoads is loads, but for a long run enough to fill every cell of every mode.
func metricLoads() int {
	n := loads()
	if isLong() {
		perMode := (perCell*len(metricCells) + casesPerLoad - 1) / casesPerLoad
		n = max(n, (perMode+1)*len(metricsModes))
	}
	return n
}

// Datadog's translator gives up on a payload at a malformed histogram. What comes after it must be as if it came alone.
func TestMalformedHistogramCostsItselfOnly(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	both := w.metricsBothWays(metricsModes[0], newExceptions())
	whole, alone := pmetric.NewMetrics(), pmetric.NewMetrics()
	bad := whole.ResourceMetrics().AppendEmpty().ScopeMetrics().AppendEmpty().Metrics().AppendEmpty()
	bad.SetName("bad.histogram")
	bad.SetEmptyHistogram().SetAggregationTemporality(pmetric.AggregationTemporalityDelta)
	dp := bad.Histogram().DataPoints().AppendEmpty()
	dp.SetCount(3)
	dp.BucketCounts().FromRaw([]uint64{1, 2})
	for _, d := range []pmetric.Metrics{whole, alone} {
		m := d.ResourceMetrics().AppendEmpty().ScopeMetrics().AppendEmpty().Metrics().AppendEmpty()
		m.SetName("good.gauge")
		p := m.SetEmptyGauge().DataPoints().AppendEmpty()
		p.SetTimestamp(pcommon.NewTimestampFromTime(time.Now()))
		p.SetIntValue(7)
	}
	ours, err := both(t.Context(), []pmetric.Metrics{whole})
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := both(t.Context(), []pmetric.Metrics{alone})
	if err != nil {
		t.Fatal(err)
	}
	if len(ours.theirs) != 0 || len(theirs.theirs) != 1 {
		t.Errorf("Datadog's translator made %d and %d items; the exception is about 0 and 1", len(ours.theirs), len(theirs.theirs))
	}
	for _, d := range (outcome{ours.ours, theirs.theirs, ours.complaints}).differences() {
		t.Errorf("%+v", d)
	}
}
