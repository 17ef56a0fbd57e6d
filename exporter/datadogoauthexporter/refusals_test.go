package datadogoauthexporter

import (
	"context"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/metric/metricdata/metricdatatest"

	"github.com/datadogoauth/otelcol-datadogoauth/credential"
	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/metadata"
	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/metadatatest"
)

// board is a holder of grants that shows refusals, and knows that every key is good.
type board struct {
	grants
	mu   sync.Mutex // guards list
	list func() []credential.IntakeRefusal
}

// Validated implements credential.Refusals.
func (b *board) Validated(string, uint64) time.Time { return time.Now() }

// ShowRefusals implements credential.Refusals.
func (b *board) ShowRefusals(list func() []credential.IntakeRefusal) (remove func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.list = list
	return func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.list = nil
	}
}

func (b *board) shown() []credential.IntakeRefusal {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.list == nil {
		return nil
	}
	return b.list()
}

// pointAhead is a gauge so far ahead of the clock.
func pointAhead(tenant string, ahead time.Duration) pmetric.Metrics {
	md := pmetric.NewMetrics()
	rm := md.ResourceMetrics().AppendEmpty()
	rm.Resource().Attributes().PutStr("datadog.tenant", tenant)
	m := rm.ScopeMetrics().AppendEmpty().Metrics().AppendEmpty()
	m.SetName("a.gauge")
	p := m.SetEmptyGauge().DataPoints().AppendEmpty()
	p.SetIntValue(1)
	p.SetTimestamp(pcommon.NewTimestampFromTime(time.Now().Add(ahead)))
	return md
}

// TestARefusedIntakeIsCountedAndShown until the exporter stops.
func TestARefusedIntakeIsCountedAndShown(t *testing.T) {
	t.Parallel()
	d := newDatadog(t, map[string]string{"datadoghq.eu": "the-key"})
	b := &board{}
	b.KeepRefused()
	for _, tenant := range []string{"acme", "globex"} {
		b.Grant(tenant, "datadoghq.eu", "another-key", 1, false) // which the intake answers with 403
	}
	set, tel := settings(t)
	e, err := createMetrics(context.Background(), set, d.config())
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Start(context.Background(), &host{extensions: map[component.ID]component.Component{component.NewID(metadata.Type): b}}); err != nil {
		t.Fatal(err)
	}
	for _, tenant := range []string{"acme", "globex"} {
		if err := e.ConsumeMetrics(context.Background(), pointAhead(tenant, 0)); err != nil {
			t.Fatal(err)
		}
	}
	for deadline := time.Now().Add(10 * time.Second); len(b.shown()) < 2; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("shown is %v", b.shown())
		}
	}
	for _, r := range b.shown() {
		if r.Intake != "series" || time.Since(r.Since) > time.Minute {
			t.Errorf("shown is %+v", r)
		}
	}
	of := attribute.NewSet(attribute.String("exporter", set.ID.String()), attribute.String("intake", "series"))
	metadatatest.AssertEqualExporterDatadogoauthRefusedIntakes(t, tel, []metricdata.DataPoint[int64]{{Value: 2, Attributes: of}}, metricdatatest.IgnoreTimestamp())
	if err := e.Shutdown(context.Background()); err != nil {
		t.Fatal(err)
	}
	if b.list != nil {
		t.Error("an exporter that stopped is still asked")
	}
}

// TestAPointThatIsTooFarAheadIsCounted and not sent, by the default configuration; the limit is that of Datadog.
func TestAPointThatIsTooFarAheadIsCounted(t *testing.T) {
	t.Parallel()
	d := newDatadog(t, map[string]string{"datadoghq.eu": "the-key"})
	h := newHost()
	h.grants.Grant("acme", "datadoghq.eu", "the-key", 1, false)
	set, tel := settings(t)
	e, err := createMetrics(context.Background(), set, d.config())
	run(t, e, err, h)
	for _, ahead := range []time.Duration{11 * time.Minute, 9 * time.Minute} {
		if err := e.ConsumeMetrics(context.Background(), pointAhead("acme", ahead)); err != nil {
			t.Fatal(err)
		}
	}
	<-d.got
	if err := e.Shutdown(context.Background()); err != nil {
		t.Fatal(err)
	}
	if n := counted(t, tel, "dropped_items", "metrics", "future"); n != 1 {
		t.Errorf("%d points are counted", n)
	}
	if len(d.got) != 0 {
		t.Error("both were sent")
	}
}
