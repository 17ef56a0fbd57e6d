package datadogoauthexporter

import (
	"context"

	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/events"
	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/intake"
	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/logs"
	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/metrics"
)

// logsMapper makes logs, events and service checks of log records.
type logsMapper struct {
	logs                 recordMapper
	family               intake.Family // of the logs
	events               *events.Mapper
	incidents            *incidentsWorker
	keepEvent, keepCheck bool // as a log besides
	keepIncident         bool
	leave                func(plog.LogRecord) bool
}

// recordMapper makes logs of one form.
type recordMapper interface {
	Map(plog.ResourceLogs, *intake.Payload, *intake.Drops)
	MapExcept(rl plog.ResourceLogs, leave func(plog.LogRecord) bool, out *intake.Payload, drops *intake.Drops)
}

func newRecordMapper(c *Config) (recordMapper, intake.Family) {
	options := logs.Options{FallbackHost: c.Hostname, DropResourceHost: c.ResourceHost == DropResourceHost, Source: c.Integration.Source}
	if c.Logs.Intake == IntakeOTLP {
		return logs.NewOTLP(options), intake.OTLPLogs
	}
	return logs.New(options), intake.Logs
}

func newLogsMapper(c *Config, worker *incidentsWorker) *logsMapper {
	mapper, family := newRecordMapper(c)
	m := &logsMapper{
		logs: mapper, family: family,
		events: events.New(events.Options{
			Events: c.Events.Enabled, Checks: c.ServiceChecks.Enabled, Source: c.Integration.Source, FallbackHost: c.Hostname,
			DropResourceHost: c.ResourceHost == DropResourceHost,
		}),
		incidents: worker,
		keepEvent: c.Events.KeepLog, keepCheck: c.ServiceChecks.KeepLog, keepIncident: c.Incidents.KeepLog,
	}
	m.leave = func(lr plog.LogRecord) bool {
		switch kind := events.KindOf(lr); kind {
		case events.Event:
			return m.events.Takes(kind) && !m.keepEvent
		case events.Check:
			return m.events.Takes(kind) && !m.keepCheck
		case events.Incident:
			return m.incidents.enabled() && !m.keepIncident
		default:
			return false
		}
	}
	return m
}

// logsMapping is a mapping without memory.
type logsMapping struct {
	*logsMapper
	out    intake.Payload
	others events.Outputs
	about  incidentRecords
}

func (m *logsMapping) add(r plog.ResourceLogs, drops *intake.Drops) {
	taken := m.events.MapLogs(r, &m.others)
	if m.incidents.enabled() {
		taken += m.about.read(r)
	}
	if taken == 0 {
		m.logs.Map(r, &m.out, drops)
		return
	}
	m.logs.MapExcept(r, m.leave, &m.out, drops)
}

func (m *logsMapping) payloads() []payload {
	return []payload{{m.family, &m.out}, {intake.Events, &m.others.Events.Payload}, {intake.Checks, &m.others.Checks.Payload}}
}

func (m *logsMapping) diverted(count func(intake.Family, int, *intake.Drops)) (gone int) {
	count(intake.Events, m.others.Events.Records, &m.others.Events.Drops)
	count(intake.Checks, m.others.Checks.Records, &m.others.Checks.Drops)
	count(intake.Incidents, m.about.count, &m.about.drops)
	if !m.keepIncident {
		gone += m.about.count
	}
	if !m.keepEvent {
		gone += m.others.Events.Records
	}
	if !m.keepCheck {
		gone += m.others.Checks.Records
	}
	return gone
}

func (m *logsMapping) prepare(tenant, org string) (err error) {
	if len(m.about.all) > 0 && org == "" { // the journal notes nothing that has no organisation
		m.about.drops.Add(intake.ReasonNotConnected, len(m.about.all))
		m.about.all = nil
	}
	if len(m.about.all) > 0 {
		m.about.org, err = m.incidents.organisation(tenant, org)
	}
	return err
}

func (m *logsMapping) handOver(ctx context.Context, tenant string) {
	m.incidents.take(ctx, tenant, m.about.org, &m.about)
}

func (m *logsMapping) commit()   {}
func (m *logsMapping) rollback() {}

// gauges makes service checks of data points of gauges.
type gauges struct {
	checks *events.Mapper
	except metrics.Exception
}

func newGauges(c *Config) *gauges {
	return &gauges{
		checks: events.New(events.Options{
			Checks: c.ServiceChecks.Enabled, FallbackHost: c.Hostname, DropResourceHost: c.ResourceHost == DropResourceHost,
		}),
		except: metrics.Exception{Is: events.IsCheck, Keep: c.ServiceChecks.KeepMetric, Hide: events.IsCheckAttribute},
	}
}

// diverted counts the service checks that were found, and returns how many of them are no metric any more.
func (g *gauges) diverted(found *events.Output, count func(intake.Family, int, *intake.Drops)) (gone int) {
	count(intake.Checks, found.Records, &found.Drops)
	if g.except.Keep {
		return 0
	}
	return found.Records
}

// metricsMapping is a transaction on the memory of cumulative series.
type metricsMapping struct {
	*gauges
	tx               *metrics.Tx
	series, sketches intake.Payload
	found            events.Output
}

func (m *metricsMapping) add(r pmetric.ResourceMetrics, drops *intake.Drops) {
	if m.checks.MapGauges(r, &m.found) == 0 {
		m.tx.Map(r, &m.series, &m.sketches, drops)
		return
	}
	m.tx.MapExcept(r, m.except, &m.series, &m.sketches, drops)
}

func (m *metricsMapping) payloads() []payload {
	return []payload{{intake.Series, &m.series}, {intake.Sketches, &m.sketches}, {intake.Checks, &m.found.Payload}}
}

func (m *metricsMapping) diverted(count func(intake.Family, int, *intake.Drops)) (gone int) {
	return m.gauges.diverted(&m.found, count)
}

func (m *metricsMapping) commit()   { m.tx.Commit() }
func (m *metricsMapping) rollback() { m.tx.Rollback() }

// otlpMetricsMapping is a metricsMapping to the OTLP intake.
type otlpMetricsMapping struct {
	*gauges
	tx     *metrics.Tx
	points intake.Payload
	found  events.Output
}

func (m *otlpMetricsMapping) add(r pmetric.ResourceMetrics, drops *intake.Drops) {
	except := m.except
	if m.checks.MapGauges(r, &m.found) == 0 {
		except = metrics.Exception{}
	}
	m.tx.MapOTLP(r, except, &m.points, drops)
}

func (m *otlpMetricsMapping) payloads() []payload {
	return []payload{{intake.OTLPMetrics, &m.points}, {intake.Checks, &m.found.Payload}}
}

func (m *otlpMetricsMapping) diverted(count func(intake.Family, int, *intake.Drops)) (gone int) {
	return m.gauges.diverted(&m.found, count)
}

func (m *otlpMetricsMapping) commit()   { m.tx.Commit() }
func (m *otlpMetricsMapping) rollback() { m.tx.Rollback() }
