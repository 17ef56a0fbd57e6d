package grant_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/grant"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/grant/granttest"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/store"
)

// links counts the connect links of a tenant that work.
func links(t *testing.T, s *grant.Service, tenant string) (n int) {
	t.Helper()
	all, err := s.Invitations(t.Context())
	require.NoError(t, err)
	for _, inv := range all {
		if inv.Tenant == tenant {
			n++
		}
	}
	return n
}

// invited makes links and returns their secrets.
func invited(t *testing.T, f *granttest.Fixture, s *grant.Service, tenant string, n int) (secrets []string) {
	t.Helper()
	for range n {
		f.Clock.Advance(time.Second)
		secret, _, err := s.Invite(grant.WithActor(t.Context(), operator), tenant, "", time.Hour, "ops")
		require.NoError(t, err)
		secrets = append(secrets, secret)
	}
	return secrets
}

func TestTheOldestLinkOfATenantMakesRoom(t *testing.T) {
	t.Parallel()
	f := granttest.NewFixture(t)
	s := f.Start()
	secrets := invited(t, f, s, "acme", 20)
	other := invited(t, f, s, "globex", 1)
	s = f.Restart(s)
	secrets = append(secrets, invited(t, f, s, "acme", 2)...)
	assert.Equal(t, 20, links(t, s, "acme"))
	for i, secret := range append(secrets, other...) {
		_, err := s.Invitation(t.Context(), secret)
		if i < 2 {
			require.ErrorIs(t, err, grant.ErrNoInvitation, i)
		} else {
			require.NoError(t, err, i)
		}
	}
	records := of(t, s, "acme")
	last := records[len(records)-1]
	assert.Equal(t, "invitation ended", last.What)
	assert.Contains(t, last.Reason, "of its tenant took its place") // by the order, or by the background, which looks at that too
	assert.Equal(t, grant.Hash(secrets[1])[:12], changeOf(last, "invitation").Before)

	f.Clock.Advance(-time.Minute) // a clock that was set back makes no new link the oldest
	secret, _, err := s.Invite(t.Context(), "acme", "", time.Hour, "ops")
	require.NoError(t, err)
	_, err = s.Invitation(t.Context(), secret)
	require.NoError(t, err)
	require.NoError(t, s.RevokeInvitation(t.Context(), grant.Hash(secret), "ops"))
	require.NoError(t, s.RevokeInvitation(t.Context(), grant.Hash(secrets[21]), "ops"))
	invited(t, f, s, "acme", 1)
	_, err = s.Invitation(t.Context(), secrets[3])
	require.NoError(t, err, "one that was revoked takes no place")
}

// Collectors that share a store hear of each other's links when they look through it.
func TestLinksOfSeveralCollectorsAreBoundedTogether(t *testing.T) {
	t.Parallel()
	f := granttest.NewFixture(t)
	shared := f.Shared()
	one, two := f.NewOn(shared, nil), f.NewOn(shared, nil)
	for _, s := range []*grant.Service{one, two} {
		granttest.AwaitReady(t, s)
		invited(t, f, s, "globex", 1)
	}
	invited(t, f, one, "acme", 15)
	newer := invited(t, f, two, "acme", 15)
	one.SweepInvitations(t.Context())
	assert.Equal(t, 20, links(t, one, "acme"))
	assert.Equal(t, 2, links(t, one, "globex"))
	for _, secret := range newer {
		_, err := one.Invitation(t.Context(), secret)
		require.NoError(t, err)
	}
}

func TestLinksAreBoundedInAll(t *testing.T) {
	t.Parallel()
	f := granttest.NewFixture(t)
	s := f.Start()
	s.PretendLinks(20_000, 1)
	_, _, err := s.Invite(t.Context(), "acme", "", time.Hour, "ops")
	require.ErrorIs(t, err, grant.ErrRefused)
	require.ErrorIs(t, err, grant.ErrBadInvitation)
	require.ErrorContains(t, err, "connect links of 20000 tenants work already")
	assert.Zero(t, links(t, s, "acme"))
	f.Clock.Advance(time.Minute)
	invited(t, f, s, "acme", 1) // the store has fewer
	s.PretendLinks(20_000, 2)
	invited(t, f, s, "acme", 1) // whoever has two does with one
}

// A link that another collector used or ended takes no place of those that work.
func TestALinkThatIsGoneElsewhereEndsNoOther(t *testing.T) {
	t.Parallel()
	f := granttest.NewFixture(t)
	shared := f.Shared()
	one, two := f.NewOn(shared, nil), f.NewOn(shared, nil)
	for _, s := range []*grant.Service{one, two} {
		granttest.AwaitReady(t, s)
	}
	secrets := invited(t, f, one, "acme", 20)
	for _, secret := range secrets[10:] {
		require.NoError(t, two.RevokeInvitation(t.Context(), grant.Hash(secret), "ops"))
	}
	invited(t, f, one, "acme", 10)
	assert.Equal(t, 20, links(t, one, "acme"))
	for _, secret := range secrets[:10] {
		_, err := one.Invitation(t.Context(), secret)
		require.NoError(t, err)
	}
}

// However many links ran out, one sweep deletes them.
func TestAllLinksThatRanOutAreSwept(t *testing.T) {
	t.Parallel()
	f := granttest.NewFixture(t)
	s := f.Start()
	for i := range 250 {
		invited(t, f, s, fmt.Sprint(i), 1)
	}
	f.Clock.Advance(2 * time.Hour)
	invited(t, f, s, "acme", 1)
	s.SweepInvitations(t.Context())
	left := 0
	require.NoError(t, f.Store().List(t.Context(), store.KindInvitation, func(store.Record) error { left++; return nil }))
	assert.Equal(t, 1, left)
}

// Whoever may make links and nothing else pushes nothing out of the audit but records of links.
func TestLinksPushOutNoChangeOfAGrant(t *testing.T) {
	t.Parallel()
	f := granttest.NewFixture(t)
	f.Edit = func(o *grant.Options) { o.Audit = grant.AuditOptions{MaxRecords: 100} }
	s := f.Start()
	_, err := f.Connect(s, "acme", eu(t), granttest.OrgA)
	require.NoError(t, err)
	require.NoError(t, s.Pause(t.Context(), "acme", "unpaid", "ops"))
	before := of(t, s, "acme")
	for i := range 120 {
		invited(t, f, s, fmt.Sprint(i), 1)
	}
	s.Reconcile(t.Context())
	s.SweepAudit(t.Context())
	assert.Equal(t, before, of(t, s, "acme"))
	counts := auditKeys(t, f)
	assert.Equal(t, 100, counts["t"]+counts["m"]+counts["r"])
	records := audited(t, s, grant.AuditQuery{})
	last := records[len(records)-1]
	assert.Equal(t, "119", last.Tenant, "the newest links have theirs")
	assert.True(t, last.Minor)
}
