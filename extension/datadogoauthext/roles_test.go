package datadogoauthext

import (
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/config/configoptional"

	"github.com/datadogoauth/otelcol-datadogoauth/credential"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/grant/granttest"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/seal"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/store"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/store/pgtest"
)

// shared is configOf on a database.
func shared(t *testing.T, f *granttest.Fixture, dsn string) *Config {
	cfg := configOf(t, f)
	cfg.Store = StoreConfig{Postgres: configoptional.Some(PostgresConfig{DSNFile: written(t, f, dsn), MaxConnections: 4})}
	require.NoError(t, cfg.Validate())
	return cfg
}

// sending is a collector that only sends, for the tenant acme.
func sending(t *testing.T, f *granttest.Fixture, dsn string) *Config {
	cfg := shared(t, f, dsn)
	cfg.Flow = configoptional.None[FlowConfig]()
	cfg.Clients, cfg.Tenants = nil, []string{"acme"}
	cfg.Seal.TokensKeysetFile = ""
	cfg.Store.Copy = filepath.Join(f.Dir, "copy.db")
	require.NoError(t, cfg.Validate())
	return cfg
}

func written(t *testing.T, f *granttest.Fixture, text string) (file string) {
	at, err := os.CreateTemp(f.Dir, "dsn")
	require.NoError(t, err)
	_, err = at.WriteString(text + "\n")
	require.NoError(t, err)
	require.NoError(t, at.Close())
	return at.Name()
}

// moved is a database that holds what the store of a fixture holds.
func moved(t *testing.T, f *granttest.Fixture, db pgtest.Database) {
	bolt, err := store.OpenBolt(f.StorePath(), store.BoltOptions{})
	require.NoError(t, err)
	defer bolt.Close()
	pg, err := store.OpenPostgres(store.PostgresOptions{DSN: db.Writer})
	require.NoError(t, err)
	defer pg.Close()
	for _, kind := range store.Kinds() {
		require.NoError(t, bolt.List(t.Context(), kind, func(r store.Record) error { return pg.Import(t.Context(), r) }))
	}
	db.GrantSender(t)
}

func ask(t *testing.T, cfg *Config, method, path, body string, status int) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, "http://"+cfg.Admin.Get().Listener.NetAddr.Endpoint+path, strings.NewReader(body))
	require.NoError(t, err)
	req.Header.Set("Authorization", "Bearer "+adminToken)
	req.Header.Set("Content-Type", "application/json")
	return fetch(t, req, status)
}

func TestACollectorThatOnlySendsFollowsTheOneWithFlow(t *testing.T) {
	f := connected(t)
	db := pgtest.Shared(t).Database(t)
	moved(t, f, db)
	holds := shared(t, f, db.Writer)
	startReady(t, holds)
	sends := sending(t, f, db.Sender)
	e := startReady(t, sends)
	_, err := e.Lookup("acme")
	require.NoError(t, err)

	ask(t, holds, http.MethodPost, "/v1/tenants/acme/pause", `{"reason":"a test"}`, http.StatusOK)
	require.Eventually(t, func() bool {
		_, err := e.Lookup("acme")
		return errors.Is(err, credential.ErrPaused)
	}, 5*time.Second, 10*time.Millisecond, "a hold arrives within five seconds")
	ask(t, holds, http.MethodPost, "/v1/tenants/nobody/pause", "", http.StatusNotFound)
	assert.Contains(t, ask(t, holds, http.MethodPost, "/v1/tenants/acme/change/confirm", `{"org_id":"x"}`, http.StatusConflict), "no change of organisation is pending")
	ask(t, holds, http.MethodPost, "/v1/invitations", `{"tenant":"acme","client":"nobody"}`, http.StatusUnprocessableEntity)
	ask(t, holds, http.MethodPost, "/v1/invitations", `{"tenant":"acme","client":"main"}`, http.StatusCreated)
	_, id, _ := strings.Cut(ask(t, holds, http.MethodGet, "/v1/invitations", "", http.StatusOK), `"id":"`)
	id, _, _ = strings.Cut(id, `"`)
	ask(t, holds, http.MethodDelete, "/v1/invitations/"+id, "", http.StatusNoContent)
	ask(t, holds, http.MethodDelete, "/v1/invitations/"+id, "", http.StatusConflict)
	ask(t, holds, http.MethodPost, "/v1/tenants/acme/resume", "", http.StatusOK)
	require.Eventually(t, func() bool { _, err := e.Lookup("acme"); return err == nil }, 5*time.Second, 10*time.Millisecond)

	for method, paths := range map[string][]string{
		http.MethodPost: {"/v1/tenants/acme/pause", "/v1/tenants/acme/disconnect", "/v1/tenants/acme/mint", "/v1/tenants/acme/change/reject", "/v1/quarantine/end"}, http.MethodDelete: {"/v1/invitations/x"},
		http.MethodGet: {"/v1/store/archive", "/v1/invitations", "/v1/revocations", "/v1/incidents", "/v1/audit"},
	} {
		for _, path := range paths {
			assert.Contains(t, ask(t, sends, method, path, "", http.StatusConflict), "this collector only sends", path)
		}
	}
	assert.Contains(t, ask(t, sends, http.MethodPost, "/v1/invitations", `{"tenant":"acme"}`, http.StatusConflict), "this collector only sends")
	assert.Contains(t, ask(t, sends, http.MethodGet, "/v1/tenants", "", http.StatusOK), `"tenant":"acme"`)
	assert.Contains(t, ask(t, holds, http.MethodGet, "/v1/store/archive", "", http.StatusOK), `"sha256"`)

	// It starts without the database, with what it read.
	require.NoError(t, e.Shutdown(t.Context()))
	sends.Store.Postgres.Get().DSNFile = written(t, f, "postgres://nobody@127.0.0.1:1/nothing")
	e = startReady(t, sends)
	_, err = e.Lookup("acme")
	require.NoError(t, err)
}

// checked is a health_check as it is without feature gates, on a host that keeps the latest status.
type checked struct {
	component.StartFunc
	component.ShutdownFunc
	mu     sync.Mutex
	ready  bool
	status *componentstatus.Event
}

func (c *checked) Ready() error    { c.mu.Lock(); c.ready = true; c.mu.Unlock(); return nil }
func (c *checked) NotReady() error { c.mu.Lock(); c.ready = false; c.mu.Unlock(); return nil }
func (c *checked) GetExtensions() map[component.ID]component.Component {
	return map[component.ID]component.Component{component.MustNewID("health_check"): c}
}
func (c *checked) Report(ev *componentstatus.Event) { c.mu.Lock(); c.status = ev; c.mu.Unlock() }
func (c *checked) isReady() bool                    { c.mu.Lock(); defer c.mu.Unlock(); return c.ready }
func (c *checked) latest() (componentstatus.Status, string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.status == nil {
		return componentstatus.StatusNone, ""
	}
	if err := c.status.Err(); err != nil {
		return c.status.Status(), err.Error()
	}
	return c.status.Status(), ""
}

func TestADatabaseThatIsDownDelaysReadinessAndNotTheStart(t *testing.T) {
	f := connected(t)
	cluster := pgtest.Start(t)
	db := cluster.Database(t)
	moved(t, f, db)
	cluster.Kill(t)
	cfg := shared(t, f, db.Writer)
	host := &checked{}
	e := unstarted(t, cfg)
	began := time.Now()
	require.NoError(t, e.Start(t.Context(), host))
	assert.Less(t, time.Since(began), 5*time.Second)

	require.NoError(t, e.Ready())
	require.NoError(t, host.Ready()) // the order is the service's, and differs from start to start
	require.Eventually(t, func() bool { return !host.isReady() }, 5*time.Second, 10*time.Millisecond)
	for _, tenant := range []string{"acme", "nobody"} {
		_, err := e.Lookup(tenant)
		require.ErrorIs(t, err, credential.ErrNotReady)
	}
	ask(t, cfg, http.MethodGet, "/v1/tenants", "", http.StatusServiceUnavailable)
	require.Eventually(t, func() bool {
		status, text := host.latest()
		return status == componentstatus.StatusRecoverableError && strings.Contains(text, "the grants cannot be loaded since")
	}, 20*time.Second, 10*time.Millisecond)
	_, text := host.latest()
	assert.NotContains(t, text, pgtest.Password)
	assert.Contains(t, ask(t, cfg, http.MethodGet, "/v1/ready", "", http.StatusServiceUnavailable), "the store cannot be read")

	cluster.Run(t)
	require.Eventually(t, host.isReady, 30*time.Second, 10*time.Millisecond)
	_, err := e.Lookup("acme")
	require.NoError(t, err)
	require.Eventually(t, func() bool { status, _ := host.latest(); return status == componentstatus.StatusOK }, 5*time.Second, 10*time.Millisecond)
	ask(t, cfg, http.MethodGet, "/v1/ready", "", http.StatusOK)

	require.NoError(t, e.NotReady())
	assert.False(t, host.isReady(), "the service is stopping")
}

func TestAKeysetOfAnotherStoreIsToldOnceTheDatabaseAnswers(t *testing.T) {
	f := connected(t)
	db := pgtest.Shared(t).Database(t)
	moved(t, f, db)
	for name, cfg := range map[string]*Config{"with flow": shared(t, f, db.Writer), "sends": sending(t, f, db.Sender)} {
		cfg.Seal.KeysKeysetFile = filepath.Join(f.Dir, strings.ReplaceAll(name, " ", "")+"-other.json")
		require.NoError(t, seal.CreateFile(cfg.Seal.KeysKeysetFile))
		host := &checked{}
		e := unstarted(t, cfg)
		require.NoError(t, e.Start(t.Context(), host))
		require.Eventually(t, func() bool {
			_, text := host.latest()
			return strings.Contains(text, "seal::keys_keyset_file") && strings.Contains(text, "another keyset")
		}, 10*time.Second, 10*time.Millisecond, name)
		_, err := e.Lookup("acme")
		require.ErrorIs(t, err, credential.ErrNotReady)
		require.NoError(t, e.Shutdown(t.Context()))
	}
}

func TestAConnectionStringIsNeverShown(t *testing.T) {
	f := granttest.NewFixture(t)
	for _, dsn := range []string{"", "postgres://u:hunter2@db.internal/grants?sslmode=disable", "postgres://u:hunter2@db.internal:x/grants"} {
		err := unstarted(t, shared(t, f, dsn)).Start(t.Context(), componenttest.NewNopHost())
		require.ErrorContains(t, err, "store::postgres")
		assert.NotContains(t, err.Error(), "hunter2")
	}
}

func TestADamagedCopyIsMadeAnew(t *testing.T) {
	f := connected(t)
	db := pgtest.Shared(t).Database(t)
	moved(t, f, db)
	cfg := sending(t, f, db.Sender)
	require.NoError(t, startReady(t, cfg).Shutdown(context.Background()))
	require.NoError(t, os.Truncate(cfg.Store.Copy, 3*4096))
	damaged, err := os.ReadFile(cfg.Store.Copy)
	require.NoError(t, err)
	e := startReady(t, cfg)
	_, err = e.Lookup("acme")
	require.NoError(t, err)
	kept, err := os.ReadFile(cfg.Store.Copy + ".damaged")
	require.NoError(t, err)
	assert.Equal(t, damaged, kept, "it may have been something else than a copy")
}

func TestAGrantStoreIsNotTakenForACopy(t *testing.T) {
	f := connected(t)
	cfg := sending(t, f, "postgres://nobody@127.0.0.1:1/nothing")
	cfg.Store.Copy = f.StorePath()
	before, err := os.ReadFile(f.StorePath())
	require.NoError(t, err)
	err = unstarted(t, cfg).Start(t.Context(), componenttest.NewNopHost())
	require.ErrorContains(t, err, "store::copy: the file holds records of a grant store")
	after, err := os.ReadFile(f.StorePath())
	require.NoError(t, err)
	assert.Equal(t, before, after)
}
