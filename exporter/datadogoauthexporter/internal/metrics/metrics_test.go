package metrics_test

import (
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/intake"
	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/metrics"
)

// processStart is after every time stamp of the tests that do not say otherwise: first points are baselines.
var processStart = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func testOptions() metrics.Options {
	o := metrics.DefaultOptions()
	o.Now = func() time.Time { return processStart }
	return o
}

// mapped is what one mapping came to.
type mapped struct {
	Series   []decodedSeries `json:"series,omitempty"`
	Sketches []decodedSketch `json:"sketches,omitempty"`
	Dropped  map[string]int  `json:"dropped,omitempty"`
}

// mapAndCommit maps every resource of md in a transaction of its own.
func mapAndCommit(t testing.TB, m *metrics.Mapper, tenant string, md pmetric.Metrics) mapped {
	t.Helper()
	tx := m.Begin(tenant)
	out := mapAll(t, tx, md)
	tx.Commit()
	return out
}

// mapAll maps every resource of md and checks that what came out is consistent: it decodes, items end where elements end, and
// each data point is counted once.
func mapAll(t testing.TB, tx *metrics.Tx, md pmetric.Metrics) mapped {
	t.Helper()
	var series, sketches intake.Payload
	var drops intake.Drops
	for _, rm := range md.ResourceMetrics().All() {
		tx.Map(rm, &series, &sketches, &drops)
	}
	var out mapped
	var err error
	if out.Series, err = decodeAll(series.Body, decodeSeries); err != nil {
		t.Fatalf("series: %v", err)
	}
	if out.Sketches, err = decodeAll(sketches.Body, decodeSketch); err != nil {
		t.Fatalf("sketches: %v", err)
	}
	checkItems(t, &series, len(out.Series))
	checkItems(t, &sketches, len(out.Sketches))
	points := series.Count() + sketches.Count()
	for r := range drops {
		if drops[r] != 0 {
			if out.Dropped == nil {
				out.Dropped = make(map[string]int)
			}
			out.Dropped[intake.Reason(r).String()] = drops[r]
		}
		points += drops[r]
	}
	if want := md.DataPointCount(); points != want {
		t.Fatalf("%d data points accounted for, want %d (dropped: %v)", points, want, out.Dropped)
	}
	return out
}

func checkItems(t testing.TB, p *intake.Payload, elements int) {
	t.Helper()
	if len(p.Items) != elements {
		t.Fatalf("%d items for %d elements", len(p.Items), elements)
	}
	begin := uint32(0)
	for i, item := range p.Items {
		fs, err := fields(p.Body[begin:item.End])
		if err != nil || len(fs) != 1 {
			t.Fatalf("item %d is not one element: %d, %v", i, len(fs), err)
		}
		begin = item.End
	}
	if int(begin) != len(p.Body) {
		t.Fatalf("items end at %d, the body at %d", begin, len(p.Body))
	}
}

func parse(t testing.TB, otlpJSON []byte) pmetric.Metrics {
	t.Helper()
	md, err := new(pmetric.JSONUnmarshaler).UnmarshalMetrics(otlpJSON)
	if err != nil {
		t.Fatal(err)
	}
	return md
}
