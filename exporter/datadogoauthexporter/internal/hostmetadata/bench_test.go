package hostmetadata_test

import (
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/hostmetadata"
)

// seenBefore is a host with metrics that was reported, and says the same again.
func seenBefore(t testing.TB) (*hostmetadata.Tx, pmetric.ResourceMetrics) {
	w := newWorld(nil)
	r := pmetric.NewResourceMetrics()
	resource(t, map[string]any{
		"host.name": "web-1", "host.id": "1", "os.type": "linux", "host.arch": "amd64", "deployment.environment.name": "prod", "cloud.region": "eu",
		"host.ip": []any{"10.0.0.1", "fe80::1"}, "datadog.host.tag.rack": "7", "service.name": "checkout",
	}).CopyTo(r.Resource().Attributes())
	m := r.ScopeMetrics().AppendEmpty().Metrics().AppendEmpty()
	m.SetName("system.cpu.logical.count")
	m.SetEmptySum().DataPoints().AppendEmpty().SetIntValue(8)
	tx := w.Begin("acme", "org")
	tx.AddMetrics(r)
	tx.Payload()
	tx.Commit()
	w.now = w.now.Add(10 * time.Minute)
	return w.Begin("acme", "org"), r
}

func TestAHostThatIsKnownDoesNotAllocate(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	tx, r := seenBefore(t)
	for name, add := range map[string]func(){
		"with metrics":               func() { tx.AddMetrics(r) },
		"without":                    func() { tx.Add(r.Resource().Attributes()) }, // in turns with the other
		"that does not offer itself": func() { tx.Add(noOffer) },
	} {
		if n := testing.AllocsPerRun(100, add); n != 0 {
			t.Errorf("%v allocations for a resource %s", n, name)
		}
	}
	if len(tx.Payload().Items) != 0 {
		t.Error("reported again")
	}
}

var noOffer = func() pcommon.Map {
	m := pcommon.NewMap()
	m.PutStr("host.name", "web-1")
	return m
}()

func BenchmarkAHostThatIsKnown(b *testing.B) {
	tx, r := seenBefore(b)
	b.ReportAllocs()
	for b.Loop() {
		tx.AddMetrics(r)
	}
}
