package datadogoauthexporter

import (
	"context"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.uber.org/zap"

	"github.com/datadogoauth/otelcol-datadogoauth/credential"
)

type logsExporter struct {
	signalExporter[plog.Logs, plog.ResourceLogs]
	incidents *incidentsWorker
}

func newLogsExporter(c *core, next exporter.Logs) *logsExporter {
	worker := &incidentsWorker{core: c}
	mapper := newLogsMapper(c.cfg, worker)
	begin := func(string, string) mapping[plog.ResourceLogs] { return &logsMapping{logsMapper: mapper} }
	probed := prober[plog.ResourceLogs]{kinds: []credential.ProbeKind{credential.ProbeLog}, marked: markedLogs}
	if c.cfg.Events.Enabled {
		probed.kinds = append(probed.kinds, credential.ProbeEvent)
	}
	if c.cfg.ServiceChecks.Enabled {
		probed.kinds = append(probed.kinds, credential.ProbeServiceCheck)
	}
	return &logsExporter{incidents: worker, signalExporter: signalExporter[plog.Logs, plog.ResourceLogs]{
		core:   c,
		next:   chain[plog.Logs]{next, next.ConsumeLogs},
		empty:  plog.NewLogs(),
		prober: probed,
		signal: signal[plog.Logs, plog.ResourceLogs]{
			resources:  func(d plog.Logs) resources[plog.ResourceLogs] { return d.ResourceLogs() },
			attributes: func(r plog.ResourceLogs) pcommon.Map { return r.Resource().Attributes() },
			count:      countRecords,
			begin:      begin,
			refused: func(err error, of []plog.ResourceLogs) error {
				d := plog.NewLogs()
				for _, r := range of {
					r.MoveTo(d.ResourceLogs().AppendEmpty())
				}
				return consumererror.NewLogs(err, d)
			},
		},
	}}
}

// Start implements component.Component.
func (e *logsExporter) Start(ctx context.Context, host component.Host) error {
	if err := e.signalExporter.Start(ctx, host); err != nil {
		return err
	}
	return e.incidents.start()
}

// Shutdown implements component.Component. It may come without Start, and twice.
func (e *logsExporter) Shutdown(ctx context.Context) error {
	return e.within(ctx, func(ctx context.Context) error {
		early, cancel := e.part(ctx, 4)
		defer cancel()
		if err := e.incidents.stop(early); err != nil {
			e.set.Logger.Warn("A call about an incident is still under way; the journal has its record", zap.Error(err))
		}
		return e.end(ctx)
	})
}

// ConsumeLogs implements exporter.Logs.
func (e *logsExporter) ConsumeLogs(ctx context.Context, d plog.Logs) error { return e.consume(ctx, d) }

func countRecords(r plog.ResourceLogs) int {
	n := 0
	for _, sl := range r.ScopeLogs().All() {
		n += sl.LogRecords().Len()
	}
	return n
}
