package oracle

import (
	"context"
	"maps"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/pdata/plog"
)

var logsCodec = codec[plog.Logs]{(&plog.JSONMarshaler{}).MarshalLogs, (&plog.JSONUnmarshaler{}).UnmarshalLogs}

// logsBothWays sends logs in one mode.
func (w *world) logsBothWays(mode logsMode, used exceptions) func(context.Context, []plog.Logs) (outcome, error) {
	return func(ctx context.Context, load []plog.Logs) (outcome, error) {
		theirs, err := translateLogs(ctx, mode, load, used)
		if err != nil {
			return outcome{}, err
		}
		ours := settings{"logs": settings{"max_age": "0s"}}
		maps.Copy(ours, mode.ours)
		s, err := export(ctx, w, createLogs, consumeLogs, ours, load)
		return outcome{logsItems(s.Received, used), theirs, s.complaints}, err
	}
}

func createLogs(f exporter.Factory) func(context.Context, exporter.Settings, component.Config) (exporter.Logs, error) {
	return f.CreateLogs
}

func consumeLogs(e exporter.Logs, ctx context.Context, d plog.Logs) error {
	own := plog.NewLogs()
	d.CopyTo(own)
	return e.ConsumeLogs(ctx, own)
}
