package datadogoauthexporter

import (
	"context"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.uber.org/zap"

	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/intake"
	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/metadata"
	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/tenancy"
)

// telemetry counts what becomes of items. Tenants are never attributes: their figures belong on the status page.
type telemetry struct {
	*metadata.TelemetryBuilder
	logger   *zap.Logger
	exporter attribute.KeyValue
	items    metric.MeasurementOption // exporter and signal
	reasons  []metric.MeasurementOption
	told     []atomic.Int64 // by reason: when a drop was last logged, Unix seconds
}

var (
	_ intake.Observer  = (*telemetry)(nil)
	_ tenancy.Observer = (*telemetry)(nil)
)

// newTelemetry registers parked, which reports items and bytes.
func newTelemetry(set exporter.Settings, signal string, parked func() (items, bytes int)) (*telemetry, error) {
	builder, err := metadata.NewTelemetryBuilder(set.TelemetrySettings)
	if err != nil {
		return nil, err
	}
	t := &telemetry{TelemetryBuilder: builder, logger: set.Logger, exporter: attribute.String("exporter", set.ID.String())}
	of := attribute.String("signal", signal)
	t.items = attributes(t.exporter, of)
	for _, why := range intake.Reasons() {
		t.reasons = append(t.reasons, attributes(t.exporter, of, attribute.String("reason", why.String())))
	}
	t.told = make([]atomic.Int64, len(t.reasons)+1)
	if err := builder.RegisterExporterDatadogoauthParkingItemsCallback(func(_ context.Context, o metric.Int64Observer) error {
		items, _ := parked()
		o.Observe(int64(items), metric.WithAttributes(t.exporter, of))
		return nil
	}); err != nil {
		return nil, err
	}
	err = builder.RegisterExporterDatadogoauthParkingBytesCallback(func(_ context.Context, o metric.Int64Observer) error {
		_, bytes := parked()
		o.Observe(int64(bytes), metric.WithAttributes(t.exporter, of))
		return nil
	})
	return t, err
}

func attributes(kv ...attribute.KeyValue) metric.MeasurementOption {
	return metric.WithAttributeSet(attribute.NewSet(kv...))
}

// accepted counts items that will not be given back to whoever sent them.
func (t *telemetry) accepted(items int) {
	t.ExporterDatadogoauthAcceptedItems.Add(context.Background(), int64(items), t.items)
}

func (t *telemetry) drop(why intake.Reason, items int) {
	t.ExporterDatadogoauthDroppedItems.Add(context.Background(), int64(items), t.reasons[why])
}

// mapped counts what a mapping dropped.
func (t *telemetry) mapped(drops *intake.Drops) {
	for why, items := range drops {
		if items != 0 {
			t.drop(intake.Reason(why), items)
		}
	}
}

// refused counts the items of a resource that belongs to no tenant of ours, and says so once a minute for each reason.
func (t *telemetry) refused(why intake.Reason, items int, err error) {
	t.accepted(items)
	t.drop(why, items)
	if t.quiet(int(why)) {
		t.logger.Warn("Dropping data of a resource; logged once a minute, counted always",
			zap.Stringer("reason", why), zap.Int("items", items), zap.Error(err))
	}
}

// quiet reports whether a subject may be logged again.
func (t *telemetry) quiet(subject int) bool {
	now, last := time.Now().Unix(), t.told[subject].Load()
	return now-last >= 60 && t.told[subject].CompareAndSwap(last, now)
}

// Sent implements intake.Observer.
func (t *telemetry) Sent(f intake.Family, outcome string, took time.Duration, rawBytes, sentBytes int) {
	ctx, of := context.Background(), attribute.String("intake", f.String())
	t.ExporterDatadogoauthRequestDuration.Record(ctx, took.Seconds(), attributes(t.exporter, of, attribute.String("outcome", outcome)))
	byIntake := attributes(t.exporter, of)
	t.ExporterDatadogoauthRequestRawBytes.Add(ctx, int64(rawBytes), byIntake)
	t.ExporterDatadogoauthRequestSentBytes.Add(ctx, int64(sentBytes), byIntake)
}

// Delivered implements intake.Observer.
func (t *telemetry) Delivered(_ intake.Family, items int) {
	t.ExporterDatadogoauthDeliveredItems.Add(context.Background(), int64(items), t.items)
}

// Dropped implements intake.Observer and tenancy.Observer.
func (t *telemetry) Dropped(_ intake.Family, why intake.Reason, items int) { t.drop(why, items) }

// Complained implements intake.Observer.
func (t *telemetry) Complained(r *intake.Request, texts []string) {
	t.ExporterDatadogoauthComplaints.Add(context.Background(), int64(len(texts)), attributes(t.exporter, attribute.String("intake", r.Family.String())))
	if t.quiet(len(t.reasons)) {
		t.logger.Warn("Datadog accepted a request but found fault with some of it; logged once a minute, counted always",
			zap.String("tenant", r.Tenant), zap.Stringer("intake", r.Family), zap.Strings("errors", texts[:min(len(texts), 5)]))
	}
}

// Parked implements tenancy.Observer.
func (t *telemetry) Parked(_ intake.Family, items int) {
	t.ExporterDatadogoauthParkedItems.Add(context.Background(), int64(items), t.items)
}

// Redriven implements tenancy.Observer.
func (t *telemetry) Redriven(_ intake.Family, items int) {
	t.ExporterDatadogoauthRedrivenItems.Add(context.Background(), int64(items), t.items)
}

// Expired implements tenancy.Observer.
func (t *telemetry) Expired(_ intake.Family, items int) {
	t.ExporterDatadogoauthExpiredItems.Add(context.Background(), int64(items), t.items)
}

// unreadable is told of a stored request that the queue drops.
func (t *telemetry) unreadable(err error) {
	t.drop(intake.ReasonUnreadable, 1)
	t.logger.Error("A request in the queue's storage cannot be read and is dropped", zap.Error(err))
}
