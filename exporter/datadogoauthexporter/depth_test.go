package datadogoauthexporter

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/incidents"
	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/tenancy"
)

// nest makes v lists within lists. A request of 10 MB has room for ten times as many.
func nest(v pcommon.Value) {
	for range 100_000 {
		v = v.SetEmptySlice().AppendEmpty()
	}
}

// TestDeepValuesCostNoStack puts one where each signal reads an attribute as text. Whoever follows it to the end by recursion needs more stack than
// there is, which ends the process.
func TestDeepValuesCostNoStack(t *testing.T) {
	defer debug.SetMaxStack(debug.SetMaxStack(16 << 20))
	ctx := context.Background()
	keys := []string{"service.name", "host", "container.id", "k8s.pod.uid", "db.statement", tenancy.Attribute}
	for _, form := range []IntakeForm{IntakeAgent, IntakePublic, IntakeOTLP} {
		d, h := twoSites(t)
		set, _ := settings(t)
		cfg := d.config()
		cfg.Traces.Intake = form
		tr, err := createTraces(ctx, set, cfg)
		tr = run(t, tr, err, h)
		for _, key := range keys {
			td := tracesOf("acme")
			nest(td.ResourceSpans().At(0).Resource().Attributes().PutEmpty(key))
			nest(td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0).Attributes().PutEmpty(key))
			refusedOnlyWithoutTenant(t, key, tr.ConsumeTraces(ctx, td))
		}
		stopNow(t, tr)
		if form == IntakePublic {
			continue
		}
		cfg = d.config()
		cfg.Metrics.Intake, cfg.Logs.Intake = form, form
		m, err := createMetrics(ctx, set, cfg)
		m = run(t, m, err, h)
		l, err := createLogs(ctx, set, cfg)
		l = run(t, l, err, h)
		for _, key := range append(keys, "jvm.memory.type") {
			md := metricsOf("acme")
			ms := md.ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics()
			ms.At(0).SetName("jvm.memory.used") // which is copied by an attribute
			nest(md.ResourceMetrics().At(0).Resource().Attributes().PutEmpty(key))
			nest(ms.At(0).Gauge().DataPoints().At(0).Attributes().PutEmpty(key))
			refusedOnlyWithoutTenant(t, key, m.ConsumeMetrics(ctx, md))
			ld := logsOf("acme")
			lr := ld.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(0)
			nest(ld.ResourceLogs().At(0).Resource().Attributes().PutEmpty(key))
			nest(lr.Attributes().PutEmpty(key))
			nest(lr.Body())
			refusedOnlyWithoutTenant(t, key, l.ConsumeLogs(ctx, ld))
			ld = logsOf("acme")
			lr = ld.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(0)
			ld.ResourceLogs().At(0).Resource().Attributes().Remove("service.name")
			nest(lr.Attributes().PutEmpty(key))
			refusedOnlyWithoutTenant(t, "", l.ConsumeLogs(ctx, ld))
		}
		stopNow(t, m)
		stopNow(t, l)
	}
	lr := logsOf("acme").ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(0)
	nest(lr.Body())
	for _, key := range []string{"key", "title", "services", "notification_handles"} {
		nest(lr.Attributes().PutEmpty("datadog.incident." + key))
	}
	incidents.Read(lr, time.Now())
}

// refusedOnlyWithoutTenant: a deep value is no name of a tenant, and harms nothing anywhere else.
func refusedOnlyWithoutTenant(t *testing.T, key string, err error) {
	t.Helper()
	if refused := consumererror.IsPermanent(err); refused != (key == tenancy.Attribute) || err != nil && !refused {
		t.Errorf("%s: %v", key, err)
	}
}

// stopNow stops a component whose data need not arrive.
func stopNow(t *testing.T, c component.Component) {
	t.Helper()
	if err := c.Shutdown(context.Background()); err != nil {
		t.Error(err)
	}
}

// TestNothingFollowsAValueToItsEnd finds calls of what pdata has for the text of a value, which follows it however deep it is. Use attributes.Text
// or attributes.AppendValue.
func TestNothingFollowsAValueToItsEnd(t *testing.T) {
	t.Parallel()
	const root = "../.."
	files := 0
	for _, part := range []string{"cmd", "credential", "exporter", "extension", "internal", "site"} {
		err := filepath.WalkDir(filepath.Join(root, part), func(path string, _ fs.DirEntry, err error) error {
			if err != nil || filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go") {
				return err
			}
			files++
			text, err := os.ReadFile(path)
			if strings.Contains(string(text), ".AsString()") {
				err = errors.Join(err, errors.New(path+" calls AsString"))
			}
			return err
		})
		if err != nil {
			t.Error(err)
		}
	}
	if files < 100 {
		t.Errorf("only %d files were read", files)
	}
}
