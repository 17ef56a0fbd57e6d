package datadogoauthexporter

import (
	"context"
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
)

// countsOf is a call with one point of a delta sum of acme for each value. They have series and second in common.
func countsOf(at time.Time, values ...int64) pmetric.Metrics {
	d := pmetric.NewMetrics()
	for _, v := range values {
		rm := d.ResourceMetrics().AppendEmpty()
		mark(rm.Resource().Attributes(), "acme")
		m := rm.ScopeMetrics().AppendEmpty().Metrics().AppendEmpty()
		m.SetName("requests")
		m.SetEmptySum().SetAggregationTemporality(pmetric.AggregationTemporalityDelta)
		p := m.Sum().DataPoints().AppendEmpty()
		p.SetTimestamp(pcommon.NewTimestampFromTime(at))
		p.SetIntValue(v)
	}
	return d
}

// A count that is added to another, moved or repeated is delivered like any other, and shows in a figure of its own.
func TestCollisionsAreCountedAndBalanced(t *testing.T) {
	t.Parallel()
	d, h := twoSites(t)
	set, tel := settings(t)
	e, err := createMetrics(context.Background(), set, d.config())
	e = run(t, e, err, h)
	at, sum := time.Now().Add(-time.Minute), 0.0
	for _, call := range []pmetric.Metrics{countsOf(at, 3, 4), countsOf(at, 5), countsOf(at, 5)} {
		if err := e.ConsumeMetrics(context.Background(), call); err != nil {
			t.Fatal(err)
		}
		for _, r := range d.await(t, 1) {
			sum += seriesSum(t, r.body)
		}
	}
	if sum != 3+4+5+5 {
		t.Errorf("%v were sent", sum)
	}
	m, err := tel.GetMetric("otelcol_exporter_datadogoauth_count_collisions")
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]int64{"added": 1, "moved": 1, "repeated": 1, "lost": 0}
	for _, p := range m.Data.(metricdata.Sum[int64]).DataPoints {
		place, _ := p.Attributes.Value("place")
		if n, known := want[place.AsString()]; !known || p.Value != n {
			t.Errorf("%s: %d, want %d", place.AsString(), p.Value, n)
		}
		delete(want, place.AsString())
	}
	if len(want) > 0 {
		t.Errorf("no figures for %v", want)
	}
	if err := e.Shutdown(context.Background()); err != nil {
		t.Fatal(err)
	}
	figures(t, tel, "accepted 4 delivered 4")
}
