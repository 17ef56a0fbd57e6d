package hostmetadata_test

import (
	"encoding/json"
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/hostmetadata"
	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/intake"
)

const period = 30 * time.Minute

// world is a Hosts with a clock of its own.
type world struct {
	*hostmetadata.Hosts
	now time.Time
}

func newWorld(change func(*hostmetadata.Options)) *world {
	w := &world{now: time.Unix(1_700_000_000, 0)}
	opts := hostmetadata.Options{
		Period: period, MaxHostsPerTenant: 10, MaxHosts: 15, Flavor: "otelcol-test", Version: "1.2.3",
		Now: func() time.Time { return w.now },
	}
	if change != nil {
		change(&opts)
	}
	w.Hosts = hostmetadata.New(opts)
	return w
}

// resource has the attributes and offers itself.
func resource(t testing.TB, attrs map[string]any) pcommon.Map {
	t.Helper()
	m := pcommon.NewMap()
	if err := m.FromRaw(attrs); err != nil {
		t.Fatal(err)
	}
	m.PutBool("datadog.host.use_as_metadata", true)
	return m
}

// named is a resource on a host, with more attributes, key and value in turns.
func named(t testing.TB, host string, more ...string) pcommon.Map {
	t.Helper()
	m := resource(t, map[string]any{"host.name": host})
	for i := 0; i < len(more); i += 2 {
		m.PutStr(more[i], more[i+1])
	}
	return m
}

// reports are the objects that the resources lead to.
func (w *world) reports(t testing.TB, tenant string, resources ...pcommon.Map) []string {
	t.Helper()
	tx := w.Begin(tenant, "org-of-"+tenant)
	for _, r := range resources {
		tx.Add(r)
	}
	got := items(t, tx.Payload())
	tx.Commit()
	return got
}

func items(t testing.TB, p *intake.Payload) (all []string) {
	t.Helper()
	begin := uint32(0)
	for _, it := range p.Items {
		text := p.Body[begin:it.End]
		if !json.Valid(text) || it.Count != 1 {
			t.Fatalf("item of count %d: %s", it.Count, text)
		}
		all, begin = append(all, string(text)), it.End
	}
	if int(begin) != len(p.Body) {
		t.Fatalf("%d bytes behind the last item", len(p.Body)-int(begin))
	}
	return all
}
