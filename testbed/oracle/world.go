package oracle

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/exporter/exportertest"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/datadogoauth/otelcol-datadogoauth/credential"
	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/standin"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/standin/history"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/standin/intake"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/standin/oauth"
)

// siteName is the Datadog site that everything is sent to.
const siteName = "datadoghq.eu"

// world is an in-process Datadog with one organisation, and a collector around our exporter. Use it from one goroutine.
type world struct {
	datadog *standin.Server
	org     string
	key     string
	host    host
	caFile  string
	seen    int64 // the last entry of the request history that was looked at
}

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{datadog: standin.New(standin.Options{HistoryMax: 1000})}
	if err := w.datadog.Start("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.datadog.Close(); err != nil {
			t.Error(err)
		}
	})
	w.caFile = filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(w.caFile, w.datadog.CAPEM(), 0o600); err != nil {
		t.Fatal(err)
	}
	org, err := w.datadog.OAuth().AddOrg(oauth.Org{OrgRef: oauth.OrgRef{Site: siteName}, Name: "Oracle"})
	if err != nil {
		t.Fatal(err)
	}
	_, key, err := w.datadog.OAuth().AddKey(org.OrgRef)
	if err != nil {
		t.Fatal(err)
	}
	w.org, w.key = org.ID, key
	if w.host, err = w.newHost(); err != nil {
		t.Fatal(err)
	}
	return w
}

// newHost is a collector with an extension that holds the grant of the organisation.
func (w *world) newHost() (host, error) {
	s, err := newGrant(credential.Org{Client: "main", Site: siteName, ID: w.org}, w.key)
	return host{component.MustNewID("datadogoauth"): s}, err
}

// settings are keys of the exporter's section in a collector file.
type settings map[string]any

// config is the exporter's default configuration with what the world needs and with settings.
func (w *world) config(f exporter.Factory, more settings) (component.Config, error) {
	all := settings{
		"tenant": settings{"fixed": tenant},
		"http":   settings{"proxy_url": w.datadog.ProxyURL().String(), "tls": settings{"ca_file": w.caFile}},
	}
	maps.Copy(all, more)
	cfg := f.CreateDefaultConfig()
	err := confmap.NewFromStringMap(all.plain()).Unmarshal(cfg)
	if v, ok := cfg.(interface{ Validate() error }); ok {
		err = errors.Join(err, v.Validate())
	}
	return cfg, err
}

func (s settings) plain() map[string]any {
	out := make(map[string]any, len(s))
	for k, v := range s {
		if inner, ok := v.(settings); ok {
			v = inner.plain()
		}
		out[k] = v
	}
	return out
}

// sent is what arrived of one load, and what went wrong on its way: requests that the intake refused and what the exporter complained
// about.
type sent struct {
	intake.Received
	complaints []string
	refused    []string // the bodies that the intake refused, and the items that it dropped, also where the exporter complained
}

// export sends a load with a fresh exporter. It returns when the exporter has shut down, by when everything was sent.
func export[E component.Component, D any](
	ctx context.Context, w *world, create func(exporter.Factory) func(context.Context, exporter.Settings, component.Config) (E, error),
	consume func(E, context.Context, D) error, more settings, load []D,
) (sent, error) {
	f := datadogoauthexporter.NewFactory()
	cfg, err := w.config(f, more)
	if err != nil {
		return sent{}, fmt.Errorf("configuration of the exporter: %w", err)
	}
	core, logged := observer.New(zapcore.WarnLevel)
	set := exportertest.NewNopSettings(f.Type())
	set.Logger = zap.New(core)
	w.datadog.Intake().Reset(w.org)
	e, err := create(f)(ctx, set, cfg)
	if err != nil {
		return sent{}, err
	}
	if err := e.Start(ctx, w.host); err != nil {
		return sent{}, err
	}
	var s sent
	for _, d := range load {
		if err := consume(e, ctx, d); err != nil {
			s.complaints = append(s.complaints, "consume: "+err.Error())
		}
	}
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	if err := e.Shutdown(ctx); err != nil {
		return sent{}, fmt.Errorf("shutdown: %w", err)
	}
	for _, entry := range logged.All() {
		s.complaints = append(s.complaints, fmt.Sprintf("%s %v", entry.Message, entry.ContextMap()["error"]))
	}
	for _, r := range w.datadog.History().List(history.Filter{}) {
		if r.Seq > w.seen && r.Status != http.StatusAccepted {
			s.refused = append(s.refused, fmt.Sprintf("%s answered %d", r.Path, r.Status))
		}
		w.seen = max(w.seen, r.Seq)
	}
	if logged.Len() == 0 {
		s.complaints = append(s.complaints, s.refused...)
	}
	for _, d := range w.datadog.Intake().Dropped(w.org) {
		if d.Reason != intake.DropTags { // Datadog's own cleaning of tags is not a matter of encoding
			text := fmt.Sprintf("Datadog dropped: %+v", d)
			s.complaints, s.refused = append(s.complaints, text), append(s.refused, text)
		}
	}
	s.Received = w.datadog.Intake().Received(w.org)
	return s, nil
}
