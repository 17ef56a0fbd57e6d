package datadogoauthext

import (
	"context"
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/datadogoauth/otelcol-datadogoauth/credential"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/admin"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/check"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/grant/granttest"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/store"
	"github.com/datadogoauth/otelcol-datadogoauth/site"
)

// held is a sender that sends when it is let go.
type held struct {
	entered chan string
	release chan struct{}
}

func (held) ProbeKinds() []credential.ProbeKind { return []credential.ProbeKind{credential.ProbeLog} }
func (held) ProbeHosts(at site.Site) []string   { return []string{at.Hostname(site.HostLogs)} }
func (h held) Probe(ctx context.Context, p credential.Probe) []credential.ProbeWrite {
	h.entered <- p.Tenant
	select {
	case <-h.release:
	case <-ctx.Done():
	}
	return []credential.ProbeWrite{{Kind: credential.ProbeLog, Host: "h", Err: ctx.Err()}}
}

// connectedBefore is connected, a minute ago: a key that was minted a moment ago is waited for.
func connectedBefore(t *testing.T) *granttest.Fixture {
	f := granttest.NewFixture(t)
	f.Clock.Advance(-time.Minute)
	grants := f.Start()
	_, err := f.Connect(grants, "acme", site.US1(), granttest.OrgA)
	require.NoError(t, err)
	f.Stop(grants, f.Store().(*store.Bolt))
	return f
}

// TestACheckRunsInTheBackground begins one, stops the collector under it, and looks at its report after the restart. Datadog is out of reach.
func TestACheckRunsInTheBackground(t *testing.T) {
	cfg := configOf(t, connectedBefore(t))
	cfg.HTTP.ProxyURL = "http://127.0.0.1:1"
	e := startReady(t, cfg)
	sender := held{entered: make(chan string, 1), release: make(chan struct{})}
	remove := e.AddProber(sender)
	defer remove()

	const checks = "/v1/tenants/acme/checks"
	assert.Contains(t, ask(t, cfg, "POST", checks, `{"intrusive":true}`, http.StatusConflict), "checks::intrusive is false")
	assert.Contains(t, ask(t, cfg, "POST", "/v1/tenants/nobody/checks", "", http.StatusNotFound), "POST /v1/invitations")
	var begun struct{ ID string }
	require.NoError(t, json.Unmarshal([]byte(ask(t, cfg, "POST", checks, "", http.StatusAccepted)), &begun))
	select {
	case tenant := <-sender.entered:
		assert.Equal(t, "acme", tenant)
	case <-time.After(time.Minute):
		t.Fatal("nothing was sent")
	}
	assert.Contains(t, ask(t, cfg, "POST", checks, "", http.StatusConflict), "check "+begun.ID)
	latest := func() (r check.Report) {
		require.NoError(t, json.Unmarshal([]byte(ask(t, cfg, "GET", checks+"/latest", "", http.StatusOK)), &r))
		return r
	}
	require.Eventually(t, func() bool { return len(latest().Steps) == 5 }, 10*time.Second, 10*time.Millisecond, "what was found is not stored while the check runs")
	assert.True(t, latest().Running())

	require.NoError(t, e.Shutdown(t.Context()))
	startReady(t, cfg)
	recorded := ask(t, cfg, "GET", "/v1/audit?tenant=acme", "", http.StatusOK)
	for _, line := range []string{
		`"what":"order refused: check","actor":{"kind":"operator","name":"ops","via":"api"},"tenant":"acme"`,
		`"what":"check begun","actor":{"kind":"operator","name":"ops","via":"api"},"tenant":"acme","reason":"check ` + begun.ID,
		`"what":"check ended","actor":{"kind":"operator","name":"ops","via":"check"},"tenant":"acme"`,
	} {
		assert.Contains(t, recorded, line)
	}
	r := latest()
	assert.Equal(t, begun.ID, r.ID)
	assert.Equal(t, "ops", r.By)
	assert.False(t, r.Running())
	require.Len(t, r.Steps, 6)
	for _, l := range r.Steps[4].Lines { // the key that was minted proves the scope for it
		assert.Equal(t, l.ID == "step5.scope.api_keys_write", l.Result == check.Pass, l.ID)
		assert.NotEqual(t, check.Fail, l.Result, l.ID)
	}
	for _, l := range r.Steps[3].Lines { // looked at before the stop
		assert.Equal(t, l.ID != "step4.routing" && l.ID != "step4.subdomain" && l.ID != "step4.no_site", l.Result == check.Fail, l.ID)
	}
	for _, s := range r.Steps[:2] { // Datadog's silence is no verdict on a grant
		assert.NotEqual(t, check.Fail, s.Result(), "%+v", s.Lines)
	}
}

// TestACheckIsStopped has one wait for a sender, which the order ends.
func TestACheckIsStopped(t *testing.T) {
	cfg := configOf(t, connectedBefore(t))
	cfg.HTTP.ProxyURL = "http://127.0.0.1:1"
	e := startReady(t, cfg)
	sender := held{entered: make(chan string, 1), release: make(chan struct{})}
	defer e.AddProber(sender)()
	const latest = "/v1/tenants/acme/checks/latest"
	ask(t, cfg, "POST", "/v1/tenants/acme/checks", "", http.StatusAccepted)
	select {
	case <-sender.entered:
	case <-time.After(time.Minute):
		t.Fatal("nothing was sent")
	}
	ask(t, cfg, "DELETE", latest, "", http.StatusNoContent)
	assert.Contains(t, ask(t, cfg, "DELETE", latest, "", http.StatusConflict), "no check of tenant")
	var r check.Report
	require.NoError(t, json.Unmarshal([]byte(ask(t, cfg, "GET", latest+"?wait=30s", "", http.StatusOK)), &r))
	assert.False(t, r.Running())
	assert.Len(t, r.Steps, 6)
	recorded := ask(t, cfg, "GET", "/v1/audit?tenant=acme", "", http.StatusOK)
	for _, line := range []string{
		`"what":"check stopped","actor":{"kind":"operator","name":"ops","via":"api"},"tenant":"acme","reason":"check ` + r.ID,
		`"what":"order refused: stop check","actor":{"kind":"operator","name":"ops","via":"api"}`,
	} {
		assert.Contains(t, recorded, line)
	}
	ask(t, cfg, "POST", "/v1/tenants/acme/checks", "", http.StatusAccepted) // its place is free
}

func TestNoMoreThanTwoChecksAtOnce(t *testing.T) {
	c := &checks{places: make(chan struct{}, checksAtOnce)}
	f := connected(t)
	cfg := configOf(t, f)
	e := startReady(t, cfg)
	c.grants = e.grants.Load()
	for range checksAtOnce {
		c.places <- struct{}{}
	}
	_, err := c.start(t.Context(), "acme", admin.CheckOptions{}, "ops")
	require.ErrorContains(t, c.errOf("acme", err), "2 checks are under way")
	assert.ErrorIs(t, c.errOf("acme", err), admin.ErrRefused)
}
