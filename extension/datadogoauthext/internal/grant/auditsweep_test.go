package grant_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/audit"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/grant"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/grant/granttest"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/seal"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/store"
)

// auditKeys counts what the store holds of the audit, by the beginning of its keys.
func auditKeys(t *testing.T, f *granttest.Fixture) map[string]int {
	t.Helper()
	counts := map[string]int{}
	require.NoError(t, f.Store().List(t.Context(), store.KindAudit, func(r store.Record) error {
		prefix, _, _ := strings.Cut(r.Key, "/")
		counts[prefix]++
		return nil
	}))
	return counts
}

func TestOldRecordsAreSwept(t *testing.T) {
	t.Parallel()
	f := granttest.NewFixture(t)
	f.Edit = func(o *grant.Options) { o.Audit = grant.AuditOptions{Retention: 30 * 24 * time.Hour, MaxRecords: 1000} }
	s := f.Start()
	_, err := f.Connect(s, "acme", eu(t), granttest.OrgA)
	require.NoError(t, err)
	connected := len(of(t, s, "acme"))
	for range 3 {
		f.Clock.Advance(24 * time.Hour)
		_, err := s.AccessToken(t.Context(), "acme")
		require.NoError(t, err)
	}
	s.Reconcile(t.Context())
	connected++ // what is known of the client
	require.Equal(t, map[string]int{"t": connected, "r": 3, "i": connected + 3, "key": 1}, auditKeys(t, f))

	f.Clock.Advance(4*24*time.Hour + time.Hour) // seven days after the first refresh
	s.SweepAudit(t.Context())
	assert.Equal(t, map[string]int{"t": connected, "r": 3, "i": connected + 3, "key": 1}, auditKeys(t, f))
	f.Clock.Advance(48 * time.Hour)
	s.SweepAudit(t.Context())
	assert.Equal(t, map[string]int{"t": connected, "r": 1, "i": connected + 1, "key": 1}, auditKeys(t, f), "routine records go first")
	assert.Len(t, of(t, s, "acme"), connected-1+1)
	f.Clock.Advance(21 * 24 * time.Hour)
	s.SweepAudit(t.Context())
	assert.Equal(t, map[string]int{"key": 1}, auditKeys(t, f))
}

func TestNoMoreRecordsThanThereMayBe(t *testing.T) {
	t.Parallel()
	f := granttest.NewFixture(t)
	f.Edit = func(o *grant.Options) { o.Audit = grant.AuditOptions{MaxRecords: 500} }
	s := f.Start()
	_, err := f.Connect(s, "acme", eu(t), granttest.OrgA)
	require.NoError(t, err)
	f.Clock.Advance(time.Hour)
	_, err = s.AccessToken(t.Context(), "acme")
	require.NoError(t, err)
	for i := range 700 {
		require.NoError(t, s.Note(t.Context(), audit.Record{What: "noted", Reason: fmt.Sprint(i)}))
	}
	s.Reconcile(t.Context())
	s.SweepAudit(t.Context())
	assert.Equal(t, map[string]int{"t": 500, "i": 500, "key": 1}, auditKeys(t, f), "routine ones went first")
	left := audited(t, s, grant.AuditQuery{Limit: 1000})
	assert.Contains(t, []string{"200", "201"}, left[0].Reason, "then the oldest") // the client's own record is one of them
	assert.Equal(t, "699", left[len(left)-1].Reason)
}

// The key of fingerprints outlives the keyset that sealed it; where it cannot be opened nothing waits for it.
func TestFingerprintsAreTheSameOverRestartsAndKeysets(t *testing.T) {
	t.Parallel()
	f := granttest.NewFixture(t)
	s := f.Start()
	_, err := f.Connect(s, "acme", eu(t), granttest.OrgA)
	require.NoError(t, err)
	last := func(field string) audit.Change {
		records := of(t, s, "acme")
		return changeOf(records[len(records)-1], field)
	}
	refresh := func() {
		f.Clock.Advance(time.Hour)
		_, err := s.AccessToken(t.Context(), "acme")
		require.NoError(t, err)
	}
	refresh()
	first := last("refresh_token")
	s = f.Restart(s)
	refresh()
	second := last("refresh_token")
	assert.Equal(t, first.After, second.Before)
	added, err := seal.Add(f.TokensKeyset())
	require.NoError(t, err)
	require.NoError(t, seal.Promote(f.TokensKeyset(), added))
	s = f.Restart(s)
	s.Pass(t.Context())
	refresh()
	assert.Equal(t, second.After, last("refresh_token").Before)

	raw, err := f.Store().Get(t.Context(), store.KindAudit, "key")
	require.NoError(t, err)
	id, _ := seal.KeyID(raw.Value)
	assert.Equal(t, added, id, "it was sealed anew")
	raw.Value = []byte("damaged")
	require.NoError(t, f.Store().Import(t.Context(), raw))
	s = f.Restart(s)
	refresh()
	assert.Equal(t, audit.Change{Field: "refresh_token", Before: "a secret", After: "a secret"}, last("refresh_token"))
	require.NoError(t, s.Pause(t.Context(), "acme", "", "ops"))
}

func TestARecordThatCannotBeOpenedSaysSo(t *testing.T) {
	t.Parallel()
	f := granttest.NewFixture(t)
	s := f.Start()
	for range 3 {
		require.NoError(t, s.Note(t.Context(), audit.Record{What: "noted", Tenant: "acme"}))
	}
	damaged := audited(t, s, grant.AuditQuery{})[1]
	raw, err := f.Store().Get(t.Context(), store.KindAudit, audit.Key(damaged.ID))
	require.NoError(t, err)
	raw.Value[len(raw.Value)-1] ^= 1
	require.NoError(t, f.Store().Import(t.Context(), raw))
	for _, q := range []grant.AuditQuery{{}, {Tenant: "acme"}} {
		records := audited(t, s, q)
		assert.Equal(t, []string{"noted", "record cannot be opened", "noted"}, whats(records))
		assert.Equal(t, damaged.ID, records[1].ID)
		assert.WithinDuration(t, damaged.At, records[1].At, time.Microsecond)
	}
}
