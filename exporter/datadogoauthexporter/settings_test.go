package datadogoauthexporter

import (
	"context"
	"sync"
	"testing"

	"go.opentelemetry.io/collector/component"

	"github.com/datadogoauth/otelcol-datadogoauth/credential"
	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/metadata"
)

// noter is a holder of grants that records settings.
type noter struct {
	grants
	mu    sync.Mutex // guards noted
	noted map[string]map[string]credential.Setting
}

// NoteSettings implements credential.Settings.
func (n *noter) NoteSettings(name string, settings map[string]credential.Setting) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.noted[name] = settings
}

// TestSettingsAreHandedOver when an exporter starts: where data goes, whose it is, and no password.
func TestSettingsAreHandedOver(t *testing.T) {
	t.Parallel()
	d := newDatadog(t, map[string]string{eu: euKey})
	n := &noter{noted: map[string]map[string]credential.Setting{}}
	set, _ := settings(t)
	cfg := d.config()
	cfg.Endpoints = map[string]map[string]string{eu: {"logs": "https://logs.internal"}}
	cfg.Tenant.WhenUnknown, cfg.Integration.Source = ParkTenant, "partner"
	l, err := createLogs(context.Background(), set, cfg)
	run(t, l, err, &host{extensions: map[component.ID]component.Component{component.NewID(metadata.Type): n}})
	got := n.noted["exporters::datadogoauth"]
	for name, want := range map[string]string{
		"tenant::when_unknown": "park", "integration::source": "partner", "endpoints::" + eu + "::logs": "https://logs.internal", "credentials": "datadogoauth",
	} {
		if got[name] != (credential.Setting{Value: want}) {
			t.Errorf("%s: got %+v", name, got[name])
		}
	}
	if len(n.noted) != 1 || len(got) < 40 {
		t.Errorf("handed over: %v", n.noted)
	}
	cfg.HTTP.ProxyURL, cfg.HTTP.TLS.CAPem = "http://user:password@proxy:3128", "-----BEGIN CERTIFICATE-----"
	for _, name := range []string{"http::proxy_url", "http::tls::ca_pem"} {
		if s := cfg.settings()[name]; !s.Secret {
			t.Errorf("%s: %+v", name, s)
		}
	}
}
