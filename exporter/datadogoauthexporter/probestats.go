package datadogoauthexporter

import (
	"time"

	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/apmstats"
	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/intake"
	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/traces"
)

// probeBucket is the length of the bucket that marked stats are in, whatever traces::bucket_interval says: one of an hour would begin long before
// the check, and a bucket is dated by its beginning.
const probeBucket = 10 * time.Second

// statsProbe makes APM stats of a marked span and sends no span. Its concentrator is its own, so that the stats of real spans are as they would
// be without it.
type statsProbe struct {
	mapper      *traces.Mapper
	all         *apmstats.Concentrators
	tenant, org string
	spans       int // that the stats are of
	stats       intake.Payload
}

func newStatsProbe(c *core, mapper *traces.Mapper, tenant, org string) *statsProbe {
	options := statsOptions(c)
	options.BucketInterval, options.Observer = int64(probeBucket), nil
	return &statsProbe{mapper: mapper, all: apmstats.New(options), tenant: tenant, org: org}
}

func (m *statsProbe) add(r ptrace.ResourceSpans, drops *intake.Drops) {
	var spans intake.Payload
	tx := m.all.Begin(m.tenant, m.org)
	m.mapper.Map(r, &spans, drops, statsOf{tx})
	tx.Commit()
	m.spans = spans.Count()
	m.all.Flush(true, func(_, _ string, p intake.Payload) bool {
		m.stats = p
		return true
	})
}

func (m *statsProbe) payloads() []payload { return []payload{{intake.Stats, &m.stats}} }

// diverted implements diverter: no span is left of what was added.
func (m *statsProbe) diverted(count func(intake.Family, int, *intake.Drops)) (gone int) {
	count(intake.Stats, m.stats.Count(), &intake.Drops{})
	return m.spans
}

func (m *statsProbe) commit()   {}
func (m *statsProbe) rollback() {}
