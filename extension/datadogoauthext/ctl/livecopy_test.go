//go:build unix

package ctl_test

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/grant"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/grant/granttest"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/store"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/store/pgtest"
	"github.com/datadogoauth/otelcol-datadogoauth/site"
)

// A store is copied while its collector refreshes half of the grants without a pause, rotating their tokens. On the copy every key
// serves; a grant that the source left alone since is refreshed; of those that it refreshed, three at most are tried before somebody says to.
func TestAStoreIsCopiedFromUnderARunningCollector(t *testing.T) {
	t.Parallel()
	bolt := func(o *operator, name string) store.Store {
		st, err := store.OpenBolt(o.file(name), store.BoltOptions{Now: o.Clock.Now})
		require.NoError(t, err)
		t.Cleanup(func() { _ = st.Close() })
		return st
	}
	postgres := func(t *testing.T, dsn string) store.Store {
		st, err := store.OpenPostgres(store.PostgresOptions{DSN: dsn})
		require.NoError(t, err)
		t.Cleanup(func() { _ = st.Close() })
		return st
	}
	for name, way := range map[string]func(*testing.T, *operator) (source *grant.Service, flags []string, target func() store.Store){
		"from a store file, by the admin listener, to PostgreSQL": func(t *testing.T, o *operator) (*grant.Service, []string, func() store.Store) {
			dsn := pgtest.Shared(t).Database(t).Writer
			require.NoError(t, os.WriteFile(o.file("dsn"), []byte(dsn), 0o600))
			return o.service, []string{"--from-admin", o.admin.URL, "--from-token-file", o.file("operate.token"), "--to-postgres-dsn-file", o.file("dsn")},
				func() store.Store { return postgres(t, dsn) }
		},
		"from PostgreSQL to a store file": func(t *testing.T, o *operator) (*grant.Service, []string, func() store.Store) {
			dsn := pgtest.Shared(t).Database(t).Writer
			require.NoError(t, os.WriteFile(o.file("dsn"), []byte(dsn), 0o600))
			source := o.NewOn(postgres(t, dsn), nil)
			granttest.AwaitReady(t, source)
			return source, []string{"--from-postgres-dsn-file", o.file("dsn"), "--to-store", o.file("copy.db")}, func() store.Store { return bolt(o, "copy.db") }
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := newOperator(t)
			source, flags, target := way(t, o)
			var busy, quiet []string
			for i := range 12 {
				tenant, list := fmt.Sprintf("quiet-%d", i), &quiet
				if i%2 == 0 {
					tenant, list = fmt.Sprintf("busy-%d", i), &busy
				}
				*list = append(*list, tenant)
				_, err := o.Connect(source, tenant, site.US1(), strings.Replace(granttest.OrgA, "aaaa", fmt.Sprintf("%04d", i), 1))
				require.NoError(t, err)
			}
			keys := keysIn(t, source, append(busy, quiet...))
			stop := load(t, o, source, busy)
			stdout := run(t, append(append([]string{"store", "copy"}, flags...), o.keysets()...)...)
			require.Contains(t, stdout, "What the source did since is not in the copy")
			require.Contains(t, stdout, "quarantine")
			stop()
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			require.NoError(t, source.Close(ctx)) // one of them at a time

			calls := len(o.Datadog.Calls("/oauth2/v1/token"))
			copied := o.NewOn(target(), func(opts *grant.Options) { opts.After = hurried })
			granttest.AwaitReady(t, copied)
			await(t, o, copied, func() bool { _, on := copied.Quarantine(); return !on || stopped(copied) })
			for _, tenant := range append(busy, quiet...) {
				await(t, o, copied, func() bool { _, err := copied.Lookup(tenant); return err == nil })
			}
			require.Equal(t, keys, keysIn(t, copied, append(busy, quiet...)), "data goes out as before")
			spent := 0
			for _, st := range copied.Tenants() {
				if st.Facts.Token == grant.TokenReauthorise {
					spent++
					require.True(t, slices.Contains(busy, st.Tenant), "%s was left alone by the source: %s", st.Tenant, st.TokenReason)
				}
			}
			t.Logf("%d of %d grants that the source refreshed meanwhile were spent before somebody said to go on", spent, len(busy))
			require.LessOrEqual(t, spent, 3)
			if _, on := copied.Quarantine(); on {
				require.NoError(t, copied.EndQuarantine(t.Context(), "ops"))
			}
			o.Clock.Advance(2 * time.Hour)
			for _, tenant := range quiet {
				require.NoError(t, ask(t, o, copied, tenant), "%s is refreshed on the copy", tenant)
			}
			require.GreaterOrEqual(t, len(o.Datadog.Calls("/oauth2/v1/token")), calls+len(quiet))
			for _, tenant := range busy {
				if err := ask(t, o, copied, tenant); err != nil {
					require.ErrorContains(t, err, "connect link", tenant)
				}
			}
			require.Equal(t, keys, keysIn(t, copied, append(busy, quiet...)), "and still does")
		})
	}
}

func stopped(s *grant.Service) bool { q, on := s.Quarantine(); return on && q.Stopped }

// hurried lets what a collector does every half minute be done at once again: the copy may have caught a refresh under way, which is left alone
// for minutes.
func hurried(time.Duration) <-chan time.Time { return time.After(20 * time.Millisecond) }

// await lets time pass until ok: a quarantine that ends is no change for senders, who would be told.
func await(t *testing.T, o *operator, s *grant.Service, ok func() bool) {
	t.Helper()
	timeout := time.After(30 * time.Second)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
			o.Clock.Advance(5 * time.Second)
		case <-timeout:
			_, on := s.Quarantine()
			t.Fatalf("it did not come: quarantine %v, tenants %+v", on, s.Counts())
		}
	}
}

func keysIn(t *testing.T, s *grant.Service, tenants []string) map[string]string {
	t.Helper()
	keys := map[string]string{}
	for _, tenant := range tenants {
		cred, err := s.Lookup(tenant)
		require.NoError(t, err)
		req, err := cred.NewRequest(t.Context(), site.Endpoints{}, http.MethodPost, site.HostAPI, "/", nil)
		require.NoError(t, err)
		keys[tenant] = req.Header.Get("DD-API-KEY")
	}
	return keys
}

// ask makes a call with the access token of a tenant, which is refreshed first where it ran out.
func ask(t *testing.T, o *operator, s *grant.Service, tenant string) error {
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://api.datadoghq.com/api/v2/current_user", http.NoBody)
	if err != nil {
		return err
	}
	resp, err := s.Bearer(tenant, o.Datadog.Client().Transport).RoundTrip(req)
	if err != nil {
		return err
	}
	if err := resp.Body.Close(); err != nil || resp.StatusCode == http.StatusOK {
		return err
	}
	return fmt.Errorf("%s: %s", tenant, resp.Status)
}

// load refreshes tenants over and over, until stop is called. It begins once each was refreshed, and goes on for a refresh at least
// after stop was called.
func load(t *testing.T, o *operator, s *grant.Service, tenants []string) (stop func()) {
	t.Helper()
	var ending atomic.Bool
	warm, done := make(chan struct{}), make(chan error, 1)
	go func() {
		for round := 0; ; round++ {
			o.Clock.Advance(time.Hour)
			last := ending.Load()
			for _, tenant := range tenants {
				if err := ask(t, o, s, tenant); err != nil {
					done <- err
					return
				}
			}
			if round == 0 {
				close(warm)
			}
			if last {
				done <- nil
				return
			}
		}
	}()
	select {
	case <-warm:
	case err := <-done:
		t.Fatal(err)
	}
	return func() {
		t.Helper()
		ending.Store(true)
		require.NoError(t, <-done, "the source is not disturbed")
	}
}
