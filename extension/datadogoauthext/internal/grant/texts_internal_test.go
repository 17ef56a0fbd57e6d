package grant

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"
	"unsafe"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/store"
	"github.com/datadogoauth/otelcol-datadogoauth/site"
)

func seedRecords(i int) []record {
	us, _ := site.ByDomain("datadoghq.com")
	own := func(org string) string { return "of-" + org }
	return Seed{Site: us, ClientID: "client-id", At: time.Unix(1e9, 0), Refresh: own, Key: own}.records(i)
}

// fresh copies every text, as a record that was read has it.
func fresh(i int) (o Org, g Grant, tok Token) {
	all := seedRecords(i)
	o, g, tok = all[0].(Org), all[1].(Grant), all[2].(Token)
	for _, s := range []*string{
		&o.Client, &o.Site, &o.ID, &o.Name, &o.APIKey, &o.KeyID, &o.KeyName, &o.Last4, &g.Tenant, &g.Org.Client, &g.Org.Site, &g.Org.ID, &g.AppOrigin, &g.StartedDomain,
		&g.CallbackDomain, &tok.Tenant, &tok.Client, &tok.ClientID, &tok.AccessToken, &tok.RefreshToken,
	} {
		*s = strings.Clone(*s)
	}
	g.Scopes = slices.Clone(g.Scopes)
	return o, g, tok
}

func TestSmallRecordsAreEqual(t *testing.T) {
	t.Parallel()
	var all texts
	for i := range 3 * maxTexts {
		o, g, tok := fresh(i)
		o.KeyReason, g.HoldReason, g.Invitation, tok.Reason, tok.Scopes = fmt.Sprint("k", i), fmt.Sprint("h", i), fmt.Sprint("v", i), fmt.Sprint("r", i), []string{fmt.Sprint("s", i), "x"}
		g.CallbackDomain = fmt.Sprint("domain-", i)
		wantOrg, wantGrant, wantToken := o, g, tok
		orgKey, grantKey, tokenKey := o.Org.String(), g.Tenant, tok.Tenant
		all.org(&orgKey, &o)
		all.grant(&grantKey, &g)
		all.token(&tokenKey, &tok)
		require.Equal(t, []any{wantOrg, wantGrant, wantToken}, []any{o, g, tok})
		require.Equal(t, []string{wantOrg.Org.String(), wantGrant.Tenant, wantToken.Tenant}, []string{orgKey, grantKey, tokenKey})
	}
	assert.LessOrEqual(t, len(all.known), maxTexts)
	assert.LessOrEqual(t, len(all.lists), maxTexts)
	var none Org
	key := ""
	all.org(&key, &none)
	assert.Zero(t, none)
}

func same(a, b string) bool { return unsafe.StringData(a) == unsafe.StringData(b) }

// What the records of all tenants say alike is in memory once, and what a tenant's three records say alike as well.
func TestTheViewHoldsTextsOnce(t *testing.T) {
	t.Parallel()
	var v view
	v.init()
	for _, i := range []int{1, 2} {
		o, g, tok := fresh(i)
		v.takeAll([]versioned{
			{kind: store.KindOrg, key: strings.Clone(o.Org.String()), version: 1, rec: o},
			{kind: store.KindGrant, key: strings.Clone(g.Tenant), version: 1, rec: g},
			{kind: store.KindToken, key: strings.Clone(g.Tenant), version: 1, rec: tok},
		})
	}
	a, b, tok := v.grants[SeedTenant(1)].rec, v.grants[SeedTenant(2)].rec, v.tokens[SeedTenant(1)].rec
	org := v.orgs[a.Org.String()].rec
	assert.True(t, same(a.Org.Site, b.Org.Site), "site")
	assert.True(t, same(a.AppOrigin, b.AppOrigin), "app origin")
	assert.Same(t, &a.Scopes[0], &b.Scopes[0], "scopes")
	assert.True(t, same(tok.Client, org.Client), "client")
	assert.True(t, same(a.Tenant, tok.Tenant), "tenant")
	assert.True(t, same(a.Org.ID, org.ID), "organisation")
	assert.False(t, same(a.Tenant, b.Tenant))
}

func TestNames(t *testing.T) {
	t.Parallel()
	var n names
	want := map[string]bool{}
	for i, step := range strings.Fields("+a -a -a +a +a +b +c -a +a -b +d -c -a -d +e +f -e -f") {
		name := step[1:]
		if step[0] == '+' {
			n.add(name)
			want[name] = true
		} else {
			n.remove(name)
			delete(want, name)
		}
		got := slices.Sorted(n.all())
		require.Equal(t, slices.Sorted(maps.Keys(want)), got, "after step %d, %s", i, step)
		require.Equal(t, len(want) == 0, n.empty())
	}
}
