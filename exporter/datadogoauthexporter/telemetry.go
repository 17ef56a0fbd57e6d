package datadogoauthexporter

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.uber.org/zap"

	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/apmstats"
	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/incidents"
	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/intake"
	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/metadata"
	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/metrics"
	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/tenancy"
)

// telemetry counts what becomes of items. Tenants are never attributes: their figures belong on the status page.
type telemetry struct {
	*metadata.TelemetryBuilder
	logger   *zap.Logger
	exporter attribute.KeyValue
	// main are the books of the signal, others those of what else is made of its items: groups of APM stats, events, service checks, reports of hosts.
	main   books
	others map[intake.Family]*books // fixed after newTelemetry
	told   []atomic.Int64           // by reason: when a drop was last logged, Unix seconds
	// refusals are the attributes of what is given back, as in the table of that name.
	refusals [len(refusals)]metric.MeasurementOption
}

// madeOf are the intakes that a signal's items also become items of.
var madeOf = map[string]map[intake.Family]string{
	"metrics": {intake.Checks: "service_checks", intake.HostMetadata: "host_metadata"},
	"logs": {
		intake.Checks: "service_checks", intake.Events: "events", intake.Incidents: "incidents", intake.HostMetadata: "host_metadata",
	},
	"traces": {intake.Stats: "stats", intake.HostMetadata: "host_metadata"},
}

// books are the attributes of the figures of one signal.
type books struct {
	signal  string
	items   metric.MeasurementOption // exporter and signal
	reasons []metric.MeasurementOption
	parked  []metric.MeasurementOption // by tenancy.ParkReason
}

var (
	_ intake.Observer    = (*telemetry)(nil)
	_ tenancy.Observer   = (*telemetry)(nil)
	_ apmstats.Observer  = (*telemetry)(nil)
	_ incidents.Observer = (*telemetry)(nil)
)

// newTelemetry registers parked, which reports items and bytes of some intakes, and queued, which reports items.
func newTelemetry(
	set exporter.Settings, signal string, parked func(...intake.Family) (items, bytes int), queued func(...intake.Family) int,
) (*telemetry, error) {
	builder, err := metadata.NewTelemetryBuilder(set.TelemetrySettings)
	if err != nil {
		return nil, err
	}
	t := &telemetry{TelemetryBuilder: builder, logger: set.Logger, exporter: attribute.String("exporter", set.ID.String())}
	t.main, t.others = t.books(signal), make(map[intake.Family]*books)
	t.prepareRefusals(signal)
	for f, name := range madeOf[signal] {
		b := t.books(name)
		t.others[f] = &b
	}
	t.told = make([]atomic.Int64, len(t.main.reasons)+2)
	t.zeros()
	var own []intake.Family
	for f := range intake.Family(intake.NumFamilies) {
		if _, other := t.others[f]; !other {
			own = append(own, f)
		}
	}
	observe := func(figure func(...intake.Family) int) metric.Int64Callback {
		return func(_ context.Context, o metric.Int64Observer) error {
			for f, b := range t.others {
				o.Observe(int64(figure(f)), b.items)
			}
			o.Observe(int64(figure(own...)), t.main.items)
			return nil
		}
	}
	items := func(families ...intake.Family) int { n, _ := parked(families...); return n }
	bytes := func(families ...intake.Family) int { _, n := parked(families...); return n }
	return t, errors.Join(
		builder.RegisterExporterDatadogoauthParkingItemsCallback(observe(items)),
		builder.RegisterExporterDatadogoauthParkingBytesCallback(observe(bytes)),
		builder.RegisterExporterDatadogoauthQueuedItemsCallback(observe(queued)),
	)
}

func (t *telemetry) books(signal string) books {
	of := attribute.String("signal", signal)
	b := books{signal: signal, items: attributes(t.exporter, of)}
	for _, why := range intake.Reasons() {
		b.reasons = append(b.reasons, attributes(t.exporter, of, attribute.String("reason", why.String())))
	}
	for _, why := range tenancy.ParkReasons() {
		b.parked = append(b.parked, attributes(t.exporter, of, attribute.String("reason", why.String())))
	}
	return b
}

// of are the books that the items of an intake are in.
func (t *telemetry) of(f intake.Family) *books {
	if b, ok := t.others[f]; ok {
		return b
	}
	return &t.main
}

// observeMapper reports the memory of cumulative series, and of seconds.
func (t *telemetry) observeMapper(m *metrics.Mapper) error {
	of := attributes(t.exporter)
	err := t.RegisterExporterDatadogoauthDeltaSeriesCallback(func(_ context.Context, o metric.Int64Observer) error {
		o.Observe(int64(m.Stats().Series), of)
		return nil
	})
	if err != nil {
		return err
	}
	err = t.RegisterExporterDatadogoauthDeltaEvictionsCallback(func(_ context.Context, o metric.Int64Observer) error {
		o.Observe(int64(m.Stats().Evictions), of)
		return nil
	})
	if err != nil {
		return err
	}
	added := attributes(t.exporter, attribute.String("place", "added"))
	repeated := attributes(t.exporter, attribute.String("place", "repeated"))
	moved := attributes(t.exporter, attribute.String("place", "moved"))
	lost := attributes(t.exporter, attribute.String("place", "lost"))
	return t.RegisterExporterDatadogoauthCountCollisionsCallback(func(_ context.Context, o metric.Int64Observer) error {
		s := m.Stats().Seconds
		o.Observe(int64(s.Added), added)
		o.Observe(int64(s.Repeated), repeated)
		o.Observe(int64(s.Moved), moved)
		o.Observe(int64(s.Lost), lost)
		return nil
	})
}

// observeFiles registers each, which tells of the files of a signal in the queue's storage whether they fail.
func (t *telemetry) observeFiles(signal string, each func(tell func(file string, fails bool))) error {
	of := attribute.String("signal", signal)
	return t.RegisterExporterDatadogoauthStorageFailingCallback(func(_ context.Context, o metric.Int64Observer) error {
		each(func(file string, fails bool) {
			n := int64(0)
			if fails {
				n = 1
			}
			o.Observe(n, attributes(t.exporter, attribute.String("file", file), of))
		})
		return nil
	})
}

func attributes(kv ...attribute.KeyValue) metric.MeasurementOption {
	return metric.WithAttributeSet(attribute.NewSet(kv...))
}

// accepted counts items that will not be given back to whoever sent them.
func (t *telemetry) accepted(items int) {
	t.ExporterDatadogoauthAcceptedItems.Add(context.Background(), int64(items), t.main.items)
}

// acceptedInPart counts what the queue has of items that were given back all the same.
func (t *telemetry) acceptedInPart(queued *[intake.NumFamilies]int) {
	for f, items := range queued {
		if items != 0 {
			t.ExporterDatadogoauthAcceptedItems.Add(context.Background(), int64(items), t.of(intake.Family(f)).items)
		}
	}
}

// acceptedStats counts groups of stats that were made of accepted spans.
func (t *telemetry) acceptedStats(groups int) {
	t.ExporterDatadogoauthAcceptedItems.Add(context.Background(), int64(groups), t.of(intake.Stats).items)
}

// restored counts items that an earlier run left in the queue or in the park.
func (t *telemetry) restored(f intake.Family, items int) {
	t.ExporterDatadogoauthRestoredItems.Add(context.Background(), int64(items), t.of(f).items)
}

func (t *telemetry) drop(why intake.Reason, items int) {
	t.ExporterDatadogoauthDroppedItems.Add(context.Background(), int64(items), t.main.reasons[why])
}

// mapped counts what a mapping dropped.
func (t *telemetry) mapped(drops *intake.Drops) {
	for why, items := range drops {
		if items != 0 {
			t.drop(intake.Reason(why), items)
		}
	}
}

// diverted counts items of another kind that a mapping made of the signal's own, and why it dropped some.
func (t *telemetry) diverted(f intake.Family, items int, drops *intake.Drops) {
	if items == 0 {
		return
	}
	t.ExporterDatadogoauthAcceptedItems.Add(context.Background(), int64(items), t.of(f).items)
	for why, dropped := range drops {
		if dropped != 0 {
			t.Dropped(f, intake.Reason(why), dropped)
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
func (t *telemetry) Delivered(f intake.Family, items int) {
	t.ExporterDatadogoauthDeliveredItems.Add(context.Background(), int64(items), t.of(f).items)
}

// Dropped implements intake.Observer and tenancy.Observer.
func (t *telemetry) Dropped(f intake.Family, why intake.Reason, items int) {
	t.ExporterDatadogoauthDroppedItems.Add(context.Background(), int64(items), t.of(f).reasons[why])
}

// Complained implements intake.Observer.
func (t *telemetry) Complained(r *intake.Request, texts []string) {
	t.ExporterDatadogoauthComplaints.Add(context.Background(), int64(len(texts)), attributes(t.exporter, attribute.String("intake", r.Family.String())))
	if t.quiet(len(t.main.reasons)) {
		t.logger.Warn("Datadog accepted a request but found fault with some of it; logged once a minute, counted always",
			zap.String("tenant", r.Tenant), zap.Stringer("intake", r.Family), zap.Strings("errors", texts[:min(len(texts), 5)]))
	}
}

// Parked implements tenancy.Observer.
func (t *telemetry) Parked(f intake.Family, why tenancy.ParkReason, items int) {
	t.ExporterDatadogoauthParkedItems.Add(context.Background(), int64(items), t.of(f).parked[why])
}

// Redriven implements tenancy.Observer.
func (t *telemetry) Redriven(f intake.Family, items int) {
	t.ExporterDatadogoauthRedrivenItems.Add(context.Background(), int64(items), t.of(f).items)
}

// Expired implements tenancy.Observer.
func (t *telemetry) Expired(f intake.Family, items int) {
	t.ExporterDatadogoauthExpiredItems.Add(context.Background(), int64(items), t.of(f).items)
}

// StatsLate implements apmstats.Observer.
func (t *telemetry) StatsLate(spans int) {
	t.ExporterDatadogoauthStatsLate.Add(context.Background(), int64(spans), attributes(t.exporter))
}

// StatsOverflow implements apmstats.Observer.
func (t *telemetry) StatsOverflow(spans int) {
	t.ExporterDatadogoauthStatsOverflow.Add(context.Background(), int64(spans), attributes(t.exporter))
}

// unreadable is told of a stored request that the queue or the park drops. It counts as one item that was found, since nobody knows of what and how many
// it was.
func (t *telemetry) unreadable(err error, more ...zap.Field) {
	t.ExporterDatadogoauthRestoredItems.Add(context.Background(), 1, t.main.items)
	t.drop(intake.ReasonUnreadable, 1)
	t.logger.Error("A request in the queue's storage cannot be read and is dropped", append(more, zap.Error(err))...)
}

// Omitted implements incidents.Observer.
func (t *telemetry) Omitted(tenant string, values int) {
	t.ExporterDatadogoauthIncidentOmissions.Add(context.Background(), int64(values), attributes(t.exporter))
	if t.quiet(len(t.main.reasons) + 1) {
		t.logger.Warn("Values of a record about an incident are left out: a list has too many, a handle or an incident type cannot be one, or Datadog refused the fields; logged once a minute, counted always",
			zap.String("tenant", tenant), zap.Int("values", values))
	}
}

// observeIncidents registers figures, which tells what is to be brought to Datadog, and what is there.
func (t *telemetry) observeIncidents(figures func() incidents.Figures) error {
	waiting := attributes(t.exporter)
	open, unknown := attributes(t.exporter, attribute.String("state", "open")), attributes(t.exporter, attribute.String("state", "unknown"))
	return errors.Join(
		t.RegisterExporterDatadogoauthJournalItemsCallback(func(_ context.Context, o metric.Int64Observer) error {
			o.Observe(int64(figures().Waiting), waiting)
			return nil
		}),
		t.RegisterExporterDatadogoauthIncidentsCallback(func(_ context.Context, o metric.Int64Observer) error {
			f := figures()
			o.Observe(int64(f.Open), open)
			o.Observe(int64(f.Unknown), unknown)
			return nil
		}),
	)
}
