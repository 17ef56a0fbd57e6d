package granttest

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"golang.org/x/oauth2"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/grant"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/seal"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/store"
	"github.com/datadogoauth/otelcol-datadogoauth/site"
)

// OrgA and OrgB are organisations of a test.
const (
	OrgA = "aaaa0000-1111-2222-3333-444455556666"
	OrgB = "bbbb0000-1111-2222-3333-444455556666"
)

// Fixture is a directory with store, keysets and secret file, a Datadog and a clock.
type Fixture struct {
	TB         testing.TB
	Dir        string
	Datadog    *Datadog
	Clock      *Clock
	SecretFile string
	Logger     *zap.Logger
	Edit       func(*grant.Options) // may be nil

	bolt    *store.Bolt
	crashed map[*grant.Service]bool
}

// NewFixture makes one.
func NewFixture(tb testing.TB) *Fixture {
	dir := tb.TempDir()
	f := &Fixture{TB: tb, Dir: dir, Datadog: New(tb), Clock: &Clock{now: time.Now()}, SecretFile: filepath.Join(dir, "secret"), Logger: zap.NewNop()}
	f.Datadog.SetNow(f.Clock.Now)
	require.NoError(tb, os.WriteFile(f.SecretFile, []byte(Secret+"\n"), 0o600))
	require.NoError(tb, seal.CreateFile(f.TokensKeyset()))
	require.NoError(tb, seal.CreateFile(f.KeysKeyset()))
	return f
}

// StorePath, TokensKeyset and KeysKeyset are files of the fixture.
func (f *Fixture) StorePath() string    { return filepath.Join(f.Dir, "grants.db") }
func (f *Fixture) TokensKeyset() string { return filepath.Join(f.Dir, "tokens.json") }
func (f *Fixture) KeysKeyset() string   { return filepath.Join(f.Dir, "keys.json") }

// Store is the open store of the latest Service.
func (f *Fixture) Store() store.Store { return f.bolt }

// New opens the store and makes a service that is not started.
func (f *Fixture) New() *grant.Service {
	f.TB.Helper()
	bolt := f.openBolt()
	f.bolt = bolt
	s := f.NewOn(bolt, f.Edit)
	f.TB.Cleanup(func() { f.Stop(s, bolt) })
	return s
}

func (f *Fixture) openBolt() *store.Bolt {
	f.TB.Helper()
	bolt, err := store.OpenBolt(f.StorePath(), store.BoltOptions{Now: f.Clock.Now})
	require.NoError(f.TB, err)
	return bolt
}

// NewOn makes a service on a store that is open, and stops it when the test ends. edit may be nil.
func (f *Fixture) NewOn(st store.Store, edit func(*grant.Options)) *grant.Service {
	f.TB.Helper()
	tokens, err := seal.Load(f.TokensKeyset())
	require.NoError(f.TB, err)
	keys, err := seal.Load(f.KeysKeyset())
	require.NoError(f.TB, err)
	require.NoError(f.TB, seal.Prove(context.Background(), st, "tokens", tokens))
	require.NoError(f.TB, seal.Prove(context.Background(), st, "keys", keys))
	secret, err := grant.OpenSecretFile(f.SecretFile)
	require.NoError(f.TB, err)
	opts := grant.Options{
		Store: st, Tokens: tokens, Keys: keys, HTTP: f.Datadog.Client(), Logger: f.Logger, Now: f.Clock.Now, After: f.Clock.After,
		Clients: []grant.ClientConfig{{Name: "main", ClientID: ClientID, Stage: "published", RedirectURL: RedirectURL, Secret: secret}},
	}
	if edit != nil {
		edit(&opts)
	}
	s := grant.New(opts)
	f.TB.Cleanup(func() { f.close(s) })
	return s
}

func (f *Fixture) close(s *grant.Service) {
	if f.crashed[s] {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	require.NoError(f.TB, s.Close(ctx))
}

// Start makes a service, starts it, and waits until it is ready.
func (f *Fixture) Start() *grant.Service {
	f.TB.Helper()
	s := f.New()
	AwaitReady(f.TB, s)
	return s
}

// Restart stops s and starts another on the same files.
func (f *Fixture) Restart(s *grant.Service) *grant.Service {
	f.TB.Helper()
	f.Stop(s, f.bolt)
	return f.Start()
}

// Crash is Restart where nothing is written any more: what s had in memory only is lost.
func (f *Fixture) Crash(s *grant.Service) *grant.Service {
	f.TB.Helper()
	require.NoError(f.TB, f.bolt.Close())
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	_ = s.Close(ctx)
	if f.crashed == nil {
		f.crashed = map[*grant.Service]bool{}
	}
	f.crashed[s] = true
	return f.Start()
}

// Stop closes a service and its store. It may be called twice.
func (f *Fixture) Stop(s *grant.Service, bolt *store.Bolt) {
	f.close(s)
	_ = bolt.Close()
}

// SecretFileOf writes the secret of a client to a file of that name, and opens it.
func (f *Fixture) SecretFileOf(c Client, name string) *grant.SecretFile {
	f.TB.Helper()
	path := filepath.Join(f.Dir, name)
	require.NoError(f.TB, os.WriteFile(path, []byte(c.Secret+"\n"), 0o600))
	secret, err := grant.OpenSecretFile(path)
	require.NoError(f.TB, err)
	return secret
}

// Connect takes a tenant through a consent without the browser.
func (f *Fixture) Connect(s *grant.Service, tenant string, at site.Site, org string) (grant.Connected, error) {
	f.TB.Helper()
	verifier := oauth2.GenerateVerifier()
	code := f.Datadog.Code(at, org, oauth2.S256ChallengeFromVerifier(verifier))
	state, err := s.BeginFlow(f.TB.Context(), grant.Flow{Tenant: tenant, Client: "main", Verifier: verifier, AppOrigin: at.AppOrigin(), Partition: string(at.Partition())})
	require.NoError(f.TB, err)
	fl, err := s.ConsumeFlow(f.TB.Context(), state)
	require.NoError(f.TB, err)
	return s.Connect(f.TB.Context(), fl, at, code)
}

// Clock is a clock that a test moves. After fires at once for waits up to ten seconds, so that a repeat does not hold a test up,
// and never for longer ones: tests call what is due by themselves.
type Clock struct {
	mu  sync.Mutex
	now time.Time
}

// Now is the time.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// Advance moves the time.
func (c *Clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// After is for Options.After.
func (c *Clock) After(d time.Duration) <-chan time.Time {
	ch := make(chan time.Time, 1)
	if d <= 10*time.Second {
		ch <- c.Now()
	}
	return ch
}
