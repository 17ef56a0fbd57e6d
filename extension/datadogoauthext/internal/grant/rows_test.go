package grant_test

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/datadogoauth/otelcol-datadogoauth/credential"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/grant"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/grant/granttest"
	"github.com/datadogoauth/otelcol-datadogoauth/site"
)

func rows(s *grant.Service) []grant.Row {
	var all []grant.Row
	for row := range s.Rows {
		all = append(all, *row)
	}
	return all
}

func TestRowsFollowWhatHappens(t *testing.T) {
	t.Parallel()
	f := granttest.NewFixture(t)
	s := f.New()
	assert.Empty(t, rows(s), "before they are loaded")
	s = f.Restart(s)
	orgA := credential.Org{Client: "main", Site: "datadoghq.eu", ID: granttest.OrgA}
	_, err := f.Connect(s, "beta", eu(t), granttest.OrgA)
	require.NoError(t, err)
	beta := grant.Row{Tenant: "beta", Org: orgA, OrgName: "Org aaaa", State: grant.StateOK, Sending: true}
	assert.Equal(t, []grant.Row{beta}, rows(s))
	_, err = f.Connect(s, "acme", site.US1(), granttest.OrgB)
	require.NoError(t, err)
	acme := grant.Row{Tenant: "acme", Org: credential.Org{Client: "main", Site: "datadoghq.com", ID: granttest.OrgB}, OrgName: "Org bbbb", State: grant.StateOK, Sending: true}
	assert.Equal(t, []grant.Row{acme, beta}, rows(s))

	require.NoError(t, s.Pause(t.Context(), "beta", "", "ops"))
	beta.State, beta.Sending = grant.StatePaused, false
	assert.Equal(t, []grant.Row{acme, beta}, rows(s))
	require.NoError(t, s.Resume(t.Context(), "beta", "ops"))
	f.Datadog.Revoke(granttest.OrgA)
	f.Clock.Advance(25 * time.Hour)
	s.Pass(t.Context())
	beta.State, beta.Sending, beta.Attention = grant.StateReauthorise, true, true
	assert.Equal(t, []grant.Row{acme, beta}, rows(s))
	require.NoError(t, s.Disconnect(t.Context(), "beta", "", "ops"))
	beta.State, beta.Sending, beta.Attention = grant.StateDisconnected, false, false
	assert.Equal(t, []grant.Row{acme, beta}, rows(s))
	assert.Equal(t, []grant.Row{acme, beta}, rows(f.Restart(s)))
}

func TestAttentionIsForWhatAPersonHasToDo(t *testing.T) {
	t.Parallel()
	f := granttest.NewFixture(t)
	s := f.Start()
	f.Datadog.Answer(mintPath, granttest.Status(409, ""))
	_, err := f.Connect(s, "exists", eu(t), granttest.OrgA)
	require.Error(t, err)
	f.Datadog.Answer(mintPath, granttest.Status(403, ""))
	_, err = f.Connect(s, "refused", site.US1(), granttest.OrgB)
	require.Error(t, err)
	for _, row := range rows(s) {
		assert.True(t, row.Attention, row.Tenant)
		assert.Equal(t, grant.StateKeyMissing, row.State)
		assert.False(t, row.Sending)
	}
}

func TestStatusesAreThoseOfTheTenantsNamed(t *testing.T) {
	t.Parallel()
	_, s := withGrants(t, 600)
	all := s.Tenants()
	require.Len(t, all, 600)
	assert.True(t, slices.IsSortedFunc(all, func(a, b grant.TenantStatus) int {
		if a.Tenant < b.Tenant {
			return -1
		}
		return 1
	}))
	some := s.TenantsNamed([]string{all[7].Tenant, "nobody", all[3].Tenant})
	assert.Equal(t, []grant.TenantStatus{all[7], all[3]}, some)
}

// Before there were rows a page of 50 cost what all 10,000 cost, under the lock of the view.
func BenchmarkStatuses(b *testing.B) {
	_, s := withGrants(b, manyGrants)
	names := make([]string, 50)
	for i := range names {
		names[i] = grant.SeedTenant(i)
	}
	b.Run("all", func(b *testing.B) {
		for b.Loop() {
			s.Tenants()
		}
	})
	b.Run("rows", func(b *testing.B) {
		n := 0
		for b.Loop() {
			for range s.Rows {
				n++
			}
		}
	})
	b.Run("fifty", func(b *testing.B) {
		for b.Loop() {
			s.TenantsNamed(names)
		}
	})
}
