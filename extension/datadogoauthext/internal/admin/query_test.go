package admin_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/admin"
)

// Query is one over what a test has; states are those that a status shows by itself.
func (g *grants) Query(q admin.Query) (page admin.Page) {
	g.queried = append(g.queried, q)
	all := slices.Clone(g.tenants)
	slices.SortFunc(all, func(x, y admin.TenantStatus) int { return strings.Compare(x.Tenant, y.Tenant) })
	page.Counts = map[string]int{}
	for _, s := range all {
		is := map[string]bool{"": true, admin.StateAll: true, admin.StateSending: s.Sending, admin.StatePending: s.Pending != nil, "paused": s.Hold == "paused", admin.StateParked: len(g.sends[s.Tenant]) > 0 && g.sends[s.Tenant][0].Parked > 0}
		for state, holds := range is {
			if holds && state != "" {
				page.Counts[state]++
			}
		}
		if !is[q.State] || q.Site != "" && q.Site != s.Site || q.Client != "" && q.Client != s.Client || !strings.Contains(s.Tenant+"\n"+s.OrgName, q.Text) {
			continue
		}
		page.Total++
		switch n := len(page.Tenants); {
		case s.Tenant <= q.After:
		case q.Limit == 0 || n < q.Limit:
			page.Tenants = append(page.Tenants, s)
		default:
			page.Next = page.Tenants[n-1].Tenant
		}
	}
	return page
}

func (g *grants) Tenant(name string) (admin.TenantStatus, bool) {
	i := slices.IndexFunc(g.tenants, func(s admin.TenantStatus) bool { return s.Tenant == name })
	if i < 0 {
		return admin.TenantStatus{}, false
	}
	return g.tenants[i], true
}

func (g *grants) Refresh(_ context.Context, tenant, by string) error {
	return g.order("refresh", tenant, "by", by)
}

func TestPagesOfTenantsFollowOneAnother(t *testing.T) {
	t.Parallel()
	g := &grants{}
	for i := range 5 {
		g.tenants = append(g.tenants, admin.TenantStatus{Tenant: fmt.Sprintf("t/%d ü", 4-i), Site: "datadoghq.eu"})
	}
	s := start(t, g)
	var seen []string
	for after, pages := "", 0; ; pages++ {
		_, body := s.do("GET", "/v1/tenants?limit=2&after="+url.QueryEscape(after), "", bearer("the-read"))
		var answer struct {
			Tenants []struct{ Tenant string }
			Total   int
			Next    *string
		}
		if err := json.Unmarshal([]byte(body), &answer); err != nil || answer.Total != 5 || pages > 2 {
			t.Fatalf("page %d: %v %s", pages, err, body)
		}
		for _, tenant := range answer.Tenants {
			seen = append(seen, tenant.Tenant)
		}
		if answer.Next == nil {
			break
		}
		after = *answer.Next
	}
	if got := strings.Join(seen, ","); got != "t/0 ü,t/1 ü,t/2 ü,t/3 ü,t/4 ü" {
		t.Errorf("got %s", got)
	}
	if _, body := s.do("GET", "/v1/tenants?limit=5", "", bearer("the-read")); strings.Contains(body, `"next"`) {
		t.Errorf("a page that holds all has one after it: %s", body)
	}
}

func TestAQueryIsReadOrRefused(t *testing.T) {
	t.Parallel()
	g := &grants{}
	s := start(t, g)
	for query, want := range map[string]admin.Query{
		"":                                  {},
		"q=a%20B&site=datadoghq.eu&limit=1": {Text: "a B", Site: "datadoghq.eu", Limit: 1},
		"state=attention&client=main&after=x%00&limit=1000": {State: "attention", Client: "main", After: "x\x00", Limit: 1000},
		"state=key-refused": {State: "key-refused"},
	} {
		g.queried = nil
		if resp, body := s.do("GET", "/v1/tenants?"+query, "", bearer("the-read")); resp.StatusCode != 200 || len(g.queried) != 1 || g.queried[0] != want {
			t.Errorf("%s: got %d %s, asked %+v", query, resp.StatusCode, body, g.queried)
		}
	}
	for query, says := range map[string]string{
		"limit=0": "1 to 1000", "limit=1001": "1 to 1000", "limit=": "1 to 1000", "limit=ten": "1 to 1000",
		"state=all": "sending, attention", "state=ok&state=paused": "state: give it once", "sites=datadoghq.eu": `"sites" is no parameter`,
		"q=%zz": "no list of parameters", "q=acme;state=ok": "no list of parameters",
		"q=" + strings.Repeat("a", 257): "257 bytes",
	} {
		resp, body := s.do("GET", "/v1/tenants?"+query, "", bearer("the-read"))
		s.refused(resp, body, 422, says)
	}
}
