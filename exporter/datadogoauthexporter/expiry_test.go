package datadogoauthexporter

import (
	"context"
	"errors"
	"testing"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// TestPointsAndSpansExpireByTheDefaultWindows has points of series, of sketches and spans, a minute or more before and behind the age that the defaults allow. Logs, events and
// checks have TestOldItemsExpireByTheWindowOfTheirIntake.
func TestPointsAndSpansExpireByTheDefaultWindows(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	metrics := func(t *testing.T, cfg *Config, h *host, data func(time.Time) pmetric.Metrics, ages ...time.Duration) (*componenttest.Telemetry, component.Component) {
		set, tel := settings(t)
		e, err := createMetrics(ctx, set, cfg)
		e = run(t, e, err, h)
		for _, age := range ages {
			if err := e.ConsumeMetrics(ctx, data(time.Now().Add(-age))); err != nil {
				t.Fatal(err)
			}
		}
		return tel, e
	}
	traces := func(t *testing.T, cfg *Config, h *host, ages ...time.Duration) (*componenttest.Telemetry, component.Component) {
		set, tel := settings(t)
		e, err := createTraces(ctx, set, cfg)
		e = run(t, e, err, h)
		for _, age := range ages {
			if err := e.ConsumeTraces(ctx, tracesAt(time.Now().Add(-age))); err != nil {
				t.Fatal(err)
			}
		}
		return tel, e
	}
	agent := func(cfg *Config) *Config { return cfg }
	public := func(cfg *Config) *Config { cfg.Traces.Intake = IntakePublic; return cfg }
	for name, c := range map[string]struct {
		form   func(*Config) *Config
		signal string
		send   func(*testing.T, *Config, *host) (*componenttest.Telemetry, component.Component)
	}{
		"series": {agent, "metrics", func(t *testing.T, cfg *Config, h *host) (*componenttest.Telemetry, component.Component) {
			return metrics(t, cfg, h, gaugeAt, 54*time.Minute, 56*time.Minute)
		}},
		"sketches": {agent, "metrics", func(t *testing.T, cfg *Config, h *host) (*componenttest.Telemetry, component.Component) {
			return metrics(t, cfg, h, histogramAt, 54*time.Minute, 56*time.Minute)
		}},
		"points by OTLP": {overOTLP, "metrics", func(t *testing.T, cfg *Config, h *host) (*componenttest.Telemetry, component.Component) {
			return metrics(t, cfg, h, histogramAt, 54*time.Minute, 56*time.Minute)
		}},
		"spans": {agent, "traces", func(t *testing.T, cfg *Config, h *host) (*componenttest.Telemetry, component.Component) {
			return traces(t, cfg, h, 17*time.Hour+50*time.Minute, 18*time.Hour)
		}},
		"spans by OTLP": {overOTLP, "traces", func(t *testing.T, cfg *Config, h *host) (*componenttest.Telemetry, component.Component) {
			return traces(t, cfg, h, 17*time.Hour+50*time.Minute, 18*time.Hour)
		}},
		"public spans": {public, "traces", func(t *testing.T, cfg *Config, h *host) (*componenttest.Telemetry, component.Component) {
			return traces(t, cfg, h, 17*time.Hour+50*time.Minute, 18*time.Hour)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d, h := twoSites(t)
			tel, e := c.send(t, c.form(d.config()), h)
			if err := e.Shutdown(ctx); err != nil {
				t.Fatal(err)
			}
			figuresOf(t, tel, c.signal, "accepted 2 delivered 1 expired 1")
		})
	}
}

// TestWhatExpiresTakesNothingAlong has items of all ages in one call, which each form packs together as it likes.
func TestWhatExpiresTakesNothingAlong(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	const hour = time.Hour
	for name, form := range map[string]func(*Config) *Config{"agent": func(cfg *Config) *Config { return cfg }, "otlp": overOTLP} {
		t.Run("metrics, "+name, func(t *testing.T) {
			t.Parallel()
			d, h := twoSites(t)
			set, tel := settings(t)
			e, err := createMetrics(ctx, set, form(d.config()))
			e = run(t, e, err, h)
			data := gaugeAt(time.Now())
			points := data.ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics().At(0).Gauge().DataPoints()
			for i, age := range []time.Duration{2 * hour, 0, -hour, 0, 3 * hour} {
				p := points.AppendEmpty()
				p.SetIntValue(int64(i))
				p.Attributes().PutInt("i", int64(i)) // a series of its own
				p.SetTimestamp(pcommon.NewTimestampFromTime(time.Now().Add(-age)))
			}
			if err := errors.Join(e.ConsumeMetrics(ctx, data), e.Shutdown(ctx)); err != nil {
				t.Fatal(err)
			}
			figuresOf(t, tel, "metrics", "accepted 6 delivered 3 expired 2 future 1")
		})
		t.Run("logs, "+name, func(t *testing.T) {
			t.Parallel()
			d, h := twoSites(t)
			set, tel := settings(t)
			e, err := createLogs(ctx, set, form(d.config()))
			e = run(t, e, err, h)
			data := logsOf("acme")
			records := data.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords()
			for _, age := range []time.Duration{19 * hour, 0, 20 * hour, 0} {
				lr := records.AppendEmpty()
				lr.Body().SetStr("hello")
				lr.SetTimestamp(pcommon.NewTimestampFromTime(time.Now().Add(-age)))
			}
			if err := errors.Join(e.ConsumeLogs(ctx, data), e.Shutdown(ctx)); err != nil {
				t.Fatal(err)
			}
			figuresOf(t, tel, "logs", "accepted 5 delivered 3 expired 2")
		})
		t.Run("traces, "+name, func(t *testing.T) {
			t.Parallel()
			d, h := twoSites(t)
			set, tel := settings(t)
			e, err := createTraces(ctx, set, form(d.config()))
			e = run(t, e, err, h)
			data := tracesAt(time.Now())
			spans := data.ResourceSpans().At(0).ScopeSpans().At(0).Spans()
			for i, age := range []time.Duration{19 * hour, 0, 20 * hour, 0} {
				s := spans.AppendEmpty()
				spans.At(0).CopyTo(s)
				s.SetTraceID(pcommon.TraceID{15: byte(10 + i)})
				s.SetStartTimestamp(pcommon.NewTimestampFromTime(time.Now().Add(-age - time.Second)))
				s.SetEndTimestamp(pcommon.NewTimestampFromTime(time.Now().Add(-age)))
			}
			if err := errors.Join(e.ConsumeTraces(ctx, data), e.Shutdown(ctx)); err != nil {
				t.Fatal(err)
			}
			figuresOf(t, tel, "traces", "accepted 5 delivered 3 expired 2")
		})
	}
}

// gaugeAt has one point of a gauge.
func gaugeAt(at time.Time) pmetric.Metrics {
	data := metricsOf("acme")
	ms := data.ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics()
	ms.RemoveIf(func(m pmetric.Metric) bool { return m.Type() != pmetric.MetricTypeGauge })
	ms.At(0).Gauge().DataPoints().At(0).SetTimestamp(pcommon.NewTimestampFromTime(at))
	return data
}

// histogramAt has one point of a delta histogram.
func histogramAt(at time.Time) pmetric.Metrics {
	data := metricsOf("acme")
	ms := data.ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics()
	ms.RemoveIf(func(m pmetric.Metric) bool { return m.Type() != pmetric.MetricTypeHistogram })
	ms.At(0).Histogram().DataPoints().At(0).SetTimestamp(pcommon.NewTimestampFromTime(at))
	return data
}

// tracesAt has one span.
func tracesAt(end time.Time) ptrace.Traces {
	data := tracesOf("acme")
	span := data.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0)
	span.SetStartTimestamp(pcommon.NewTimestampFromTime(end.Add(-time.Second)))
	span.SetEndTimestamp(pcommon.NewTimestampFromTime(end))
	return data
}
