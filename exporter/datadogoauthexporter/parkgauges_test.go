package datadogoauthexporter

import (
	"context"
	"fmt"
	"math"
	"net/http"
	"testing"
	"time"

	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/datadogoauth/otelcol-datadogoauth/credential"
	"github.com/datadogoauth/otelcol-datadogoauth/internal/balance"
)

// gaugeOf are the points of a gauge by the values of some attributes, in that order, separated by spaces.
func gaugeOf[N int64 | float64](t *testing.T, tel *componenttest.Telemetry, name string, by ...attribute.Key) map[string]N {
	t.Helper()
	m, err := tel.GetMetric("otelcol_exporter_datadogoauth_" + name)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]N{}
	for _, p := range m.Data.(metricdata.Gauge[N]).DataPoints {
		text := ""
		for i, key := range by {
			if i > 0 {
				text += " "
			}
			v, _ := p.Attributes.Value(key)
			text += v.AsString()
		}
		all[text] = p.Value
	}
	return all
}

func oneIsParked(a balance.Account) error {
	if a.Parking != 1 {
		return fmt.Errorf("not parked: %s", a)
	}
	return nil
}

// TestTheParkShowsHowNearItIsToLosingData, before it does.
func TestTheParkShowsHowNearItIsToLosingData(t *testing.T) {
	t.Parallel()
	d := newDatadog(t, map[string]string{"datadoghq.eu": "the-key"})
	h := newHost()
	h.grants.Grant("acme", "datadoghq.eu", "the-key", 1, false)
	h.grants.Fail("acme", credential.ErrPaused)
	cfg := d.config()
	cfg.Parking.MaxBytesPerTenant, cfg.Parking.MaxBytes = 64<<10, 128<<10
	set, tel := settings(t)
	e, err := createMetrics(context.Background(), set, cfg)
	run(t, e, err, h)
	defer func() { _ = e.Shutdown(context.Background()) }()
	if err := e.ConsumeMetrics(context.Background(), pointAhead("acme", -15*time.Minute)); err != nil {
		t.Fatal(err)
	}
	balanced(t, tel, "metrics", oneIsParked)
	used, ages := gaugeOf[float64](t, tel, "parking_used", "signal", "limit"), gaugeOf[float64](t, tel, "parking_oldest_age", "signal")
	if len(used) != 5 || used["metrics all"] <= 0 || used["metrics tenant"] != 2*used["metrics all"] || math.Abs(used["metrics age"]-.25) > .05 {
		t.Errorf("used up are %v", used)
	}
	if len(ages) != 3 || math.Abs(ages["metrics"]-900) > 60 || ages["service_checks"] != 0 {
		t.Errorf("the oldest are of %v", ages)
	}
}

// TestASiteThatDoesNotAnswerIsGauged by its site parameter.
func TestASiteThatDoesNotAnswerIsGauged(t *testing.T) {
	t.Parallel()
	d := newDatadog(t, map[string]string{"datadoghq.eu": "the-key"})
	d.answers(func(received, http.Header) int { return http.StatusServiceUnavailable })
	h := newHost()
	tenants := []string{"acme", "globex", "initech"} // as many as it takes to call it down
	for _, tenant := range tenants {
		h.grants.Grant(tenant, "datadoghq.eu", "the-key", 1, false)
	}
	cfg := d.config()
	cfg.Retry.InitialInterval = time.Millisecond
	set, tel := settings(t)
	e, err := createMetrics(context.Background(), set, cfg)
	run(t, e, err, h)
	defer func() { _ = e.Shutdown(context.Background()) }()
	for _, tenant := range tenants {
		if err := e.ConsumeMetrics(context.Background(), pointAhead(tenant, 0)); err != nil {
			t.Fatal(err)
		}
	}
	balanced(t, tel, "metrics", func(a balance.Account) error {
		if a.Parking != len(tenants) {
			return fmt.Errorf("not parked: %s", a)
		}
		return nil
	})
	if down := gaugeOf[int64](t, tel, "down_intakes", "site", "intake"); len(down) != 1 || down["datadoghq.eu series"] != 1 {
		t.Errorf("shown is %v", down)
	}
}
