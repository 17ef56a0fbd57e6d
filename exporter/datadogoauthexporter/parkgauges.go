package datadogoauthexporter

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/intake"
	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/tenancy"
)

// observePark reports how near the park is to losing data: by bytes, and by age. now may return nil.
func (t *telemetry) observePark(now func() *tenancy.Dispatcher) error {
	limit := func(b *books, name string) metric.MeasurementOption {
		return attributes(t.exporter, attribute.String("signal", b.signal), attribute.String("limit", name))
	}
	all, tenant, age := limit(&t.main, "all"), limit(&t.main, "tenant"), map[*books]metric.MeasurementOption{}
	for f := range intake.Family(intake.NumFamilies) {
		age[t.of(f)] = limit(t.of(f), "age")
	}
	err := t.RegisterExporterDatadogoauthParkingOldestAgeCallback(func(_ context.Context, o metric.Float64Observer) error {
		for b, w := range t.waiting(now()) {
			o.Observe(w.Age.Seconds(), b.items)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return t.RegisterExporterDatadogoauthParkingUsedCallback(func(_ context.Context, o metric.Float64Observer) error {
		d := now()
		for b, w := range t.waiting(d) {
			o.Observe(w.Share, age[b])
		}
		if d != nil {
			ofAll, ofTenant := d.ParkUsed()
			o.Observe(ofAll, all)
			o.Observe(ofTenant, tenant)
		}
		return nil
	})
}

// waiting is what has waited longest, by the books that it is in.
func (t *telemetry) waiting(d *tenancy.Dispatcher) map[*books]tenancy.Waiting {
	var each [intake.NumFamilies]tenancy.Waiting
	if d != nil {
		each = d.Waiting(time.Now())
	}
	by := map[*books]tenancy.Waiting{}
	for f, w := range each {
		b := t.of(intake.Family(f))
		most := by[b]
		by[b] = tenancy.Waiting{Age: max(most.Age, w.Age), Share: max(most.Share, w.Share)}
	}
	return by
}

// observeSites reports which intakes of which sites do not answer. now may return nil.
func (t *telemetry) observeSites(now func() *tenancy.Dispatcher) error {
	return t.RegisterExporterDatadogoauthDownIntakesCallback(func(_ context.Context, o metric.Int64Observer) error {
		d := now()
		if d == nil {
			return nil
		}
		for _, to := range d.Destinations() {
			down := int64(0)
			if to.Down {
				down = 1
			}
			o.Observe(down, attributes(t.exporter, attribute.String("intake", to.Family.String()), attribute.String("site", to.Site)))
		}
		return nil
	})
}
