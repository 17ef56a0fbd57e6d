package flow_test

import (
	"net/http"
	"net/url"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/audit"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/grant"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/grant/granttest"
	"github.com/datadogoauth/otelcol-datadogoauth/site"
)

// recorded are the records of a tenant, the oldest first.
func (w *world) recorded(tenant string) []audit.Record {
	w.t.Helper()
	records, next, err := w.grants.Audit(w.t.Context(), grant.AuditQuery{Tenant: tenant})
	require.NoError(w.t, err)
	require.Empty(w.t, next)
	slices.Reverse(records)
	return records
}

func TestTheAuditNamesTheCustomer(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.comeBack(w.browser, w.consent(w.press(w.browser, w.link("acme")), site.US1(), granttest.OrgA))
	records := w.recorded("acme")
	require.Greater(t, len(records), 1)
	made := records[0]
	require.Equal(t, "invitation made", made.What)
	for _, r := range records[1:] {
		assert.Equal(t, grant.Actor{Kind: "customer", Name: "invitation " + made.Changes[0].After, Via: "flow"}, r.Actor, r.What)
	}
}

func TestFailedConsentsAreRecorded(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	eu, _ := site.ByDomain("datadoghq.eu")
	nobodys := func() *http.Client { return w.newBrowser() }
	for _, c := range []struct {
		outcome, callback, reason string
		edit                      func(url.Values)
		back                      func() *http.Client // nil for the browser that began
	}{
		{"denied", "datadoghq.com", "access_denied", func(q url.Values) { q.Set("error", "access_denied") }, nil},
		{"bad_domain", "", "use datadoghq.eu", func(q url.Values) { q.Set("domain", "bigcorp.datadoghq.eu") }, nil},
		{"exchange_refused", "datadoghq.eu", "", func(q url.Values) { q.Set("domain", eu.Domain()); q.Set("site", eu.AppOrigin()) }, nil},
		{"wrong_browser", "datadoghq.com", "another browser", func(url.Values) {}, nobodys},
	} {
		b := w.newBrowser()
		q := w.consent(w.press(b, w.link("acme")+"?domain=datadoghq.com&site=app.datadoghq.com"), site.US1(), granttest.OrgA)
		c.edit(q)
		if c.back != nil {
			b = c.back()
		}
		w.comeBack(b, q)
		records := w.recorded("acme")
		r := records[len(records)-1]
		assert.Equal(t, "consent failed", r.What, c.outcome)
		assert.True(t, r.Routine, "customers push out what others did")
		assert.Equal(t, "main", r.Client)
		assert.Equal(t, "customer", r.Actor.Kind)
		assert.Regexp(t, "^invitation [0-9A-Za-z_-]+$", r.Actor.Name)
		want := []audit.Change{{Field: "outcome", After: c.outcome}, {Field: "started_domain", After: "datadoghq.com"}, {Field: "callback_domain", After: c.callback}}
		assert.Equal(t, slices.DeleteFunc(want, func(c audit.Change) bool { return c.After == "" }), r.Changes)
		assert.Contains(t, r.Reason, c.reason)
		for _, secret := range []string{"code", "state"} {
			assert.NotContains(t, r.Reason, q.Get(secret))
		}
	}
	n := len(w.recorded("acme"))
	w.comeBack(w.newBrowser(), url.Values{"state": {"nobodys"}, "code": {"c"}, "domain": {"datadoghq.com"}})
	assert.Len(t, w.recorded("acme"), n)
	all, _, err := w.grants.Audit(t.Context(), grant.AuditQuery{Limit: 1})
	require.NoError(t, err)
	assert.Equal(t, "acme", all[0].Tenant, "whoever has no link writes nothing")
}
