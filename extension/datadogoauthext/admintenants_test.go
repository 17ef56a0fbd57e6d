package datadogoauthext

import (
	"fmt"
	"iter"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/datadogoauth/otelcol-datadogoauth/credential"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/admin"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/grant"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/grant/granttest"
	"github.com/datadogoauth/otelcol-datadogoauth/site"
)

func named(page []admin.TenantStatus) string {
	names := make([]string, len(page))
	for i, s := range page {
		names[i] = s.Tenant
	}
	return strings.Join(names, " ")
}

func TestAQueryFindsTenants(t *testing.T) {
	t.Parallel()
	f := granttest.NewFixture(t)
	s := f.Start()
	eu, _ := site.ByDomain("datadoghq.eu")
	for tenant, at := range map[string]site.Site{"acme": eu, "Beta Ü": site.US1(), "gamma": eu} {
		_, err := f.Connect(s, tenant, at, map[string]string{"acme": granttest.OrgA, "Beta Ü": granttest.OrgB, "gamma": granttest.OrgA}[tenant])
		require.NoError(t, err)
	}
	require.NoError(t, s.Pause(t.Context(), "gamma", "", "ops"))
	var r refusals
	r.add(func() []credential.IntakeRefusal {
		return []credential.IntakeRefusal{{Tenant: "acme", Intake: "logs", Since: time.Unix(1, 0)}}
	})
	g := adminGrants{grants: s, refusals: &r, sends: &sends{}}
	for name, c := range map[string]struct {
		q     admin.Query
		page  string
		total int
	}{
		"all, in order of bytes":        {admin.Query{}, "Beta Ü acme gamma", 3},
		"the first":                     {admin.Query{Limit: 1}, "Beta Ü", 3},
		"the next":                      {admin.Query{Limit: 1, After: "Beta Ü"}, "acme", 3},
		"after one that is gone":        {admin.Query{After: "b"}, "gamma", 3},
		"after the last":                {admin.Query{After: "gamma"}, "", 3},
		"by a part of the name":         {admin.Query{Text: "a Ü"}, "Beta Ü", 1},
		"in whatever case":              {admin.Query{Text: "BETA ü"}, "Beta Ü", 1},
		"by the organisation's name":    {admin.Query{Text: "ORG AAAA"}, "acme gamma", 2},
		"by the organisation's id":      {admin.Query{Text: granttest.OrgB[:12]}, "Beta Ü", 1},
		"by site":                       {admin.Query{Site: "datadoghq.eu"}, "acme gamma", 2},
		"by client":                     {admin.Query{Client: "main"}, "Beta Ü acme gamma", 3},
		"by another client":             {admin.Query{Client: "other"}, "", 0},
		"that are paused":               {admin.Query{State: "paused"}, "gamma", 1},
		"that are sent for":             {admin.Query{State: admin.StateSending}, "Beta Ü acme", 2},
		"that an intake refuses":        {admin.Query{State: admin.StateRefused}, "acme", 1},
		"that need a person":            {admin.Query{State: admin.StateAttention}, "acme", 1},
		"by all at once":                {admin.Query{State: "ok", Site: "datadoghq.eu", Text: "org", Client: "main"}, "acme", 1},
		"that wait for a confirmation":  {admin.Query{State: admin.StatePending}, "", 0},
		"whose name is part of nothing": {admin.Query{Text: "nobody"}, "", 0},
	} {
		page := g.Query(c.q)
		assert.Equal(t, c.page, named(page.Tenants), name)
		assert.Equal(t, c.total, page.Total, name)
		assert.Equal(t, map[string]int{"all": 3, "ok": 2, "paused": 1, "sending": 2, "refused": 1, "attention": 1}, page.Counts, name)
	}
	status, ok := g.Tenant("acme")
	assert.True(t, ok)
	assert.Equal(t, []admin.RefusedIntake{{Intake: "logs", Since: time.Unix(1, 0)}}, status.Refused)
	assert.Equal(t, "datadoghq.eu", status.CallbackDomain)
	_, ok = g.Tenant("nobody")
	assert.False(t, ok)

	_, err := f.Connect(s, "acme", site.US1(), granttest.OrgB) // which waits to be confirmed
	require.NoError(t, err)
	page := g.Query(admin.Query{State: admin.StatePending})
	assert.Equal(t, "acme", named(page.Tenants))
	assert.Equal(t, 1, page.Total)
	assert.Equal(t, 1, page.Counts[admin.StatePending])
	assert.Equal(t, granttest.OrgB, page.Tenants[0].Pending.OrgID)
}

// made are rows of tenants with these numbers.
func made(numbers iter.Seq[int]) iter.Seq[*grant.Row] {
	var all []*grant.Row
	for i := range numbers {
		org := credential.Org{Client: "main", Site: "datadoghq.eu", ID: fmt.Sprintf("%08d-1111-2222-3333-444455556666", i)}
		all = append(all, &grant.Row{Tenant: fmt.Sprintf("customer-%05d", i), Org: org, OrgName: "Customer Inc.", State: grant.StateOK, Sending: true})
	}
	return slices.Values(all)
}

func TestPagesStayWhatTheyAreWhileTenantsComeAndGo(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for after, n := "", 0; ; n++ {
		now := made(func(yield func(int) bool) {
			for i := range 300 {
				if i%3 != 1 || i%7 == n%7 { // every third one is there only now and then
					if !yield(i) {
						return
					}
				}
			}
		})
		names, _ := more{}.search(admin.Query{Limit: 20, After: after}, now)
		if len(names) == 0 {
			break
		}
		for _, name := range names {
			require.False(t, seen[name], name)
			seen[name] = true
		}
		after = names[len(names)-1]
	}
	for i := range 300 {
		assert.True(t, i%3 == 1 || seen[fmt.Sprintf("customer-%05d", i)], "tenant %d was there all the time", i)
	}
}

// A tenant can go between the search and its status. Those behind it are asked for all the same.
func TestAPageWithATenantThatIsGoneIsNotTheLast(t *testing.T) {
	t.Parallel()
	rows := made(slices.Values([]int{1, 2, 3, 4}))
	named := func(names []string) (all []grant.TenantStatus) {
		for _, name := range names {
			if name != "customer-00002" {
				all = append(all, grant.TenantStatus{Tenant: name})
			}
		}
		return all
	}
	var seen []string
	for after, n := "", 0; ; n++ {
		page := more{}.page(admin.Query{Limit: 2, After: after}, rows, named)
		for _, s := range page.Tenants {
			seen = append(seen, s.Tenant)
		}
		if after = page.Next; after == "" {
			break
		}
		require.Less(t, n, 2)
	}
	assert.Equal(t, []string{"customer-00001", "customer-00003", "customer-00004"}, seen)
}

// BenchmarkQuery is what a query of 10,000 tenants costs before the statuses of its page are made.
func BenchmarkQuery(b *testing.B) {
	rows := made(func(yield func(int) bool) {
		for i := range 10_000 {
			if !yield(i) {
				return
			}
		}
	})
	for name, q := range map[string]admin.Query{
		"page": {Limit: 50}, "later": {Limit: 50, After: "customer-09000"}, "text": {Limit: 50, Text: "Customer-099"}, "state": {Limit: 50, State: "paused"},
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				more{}.search(q, rows)
			}
		})
	}
}
