package admin_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/admin"
)

func (g *grants) Incidents(ctx context.Context) (admin.Incidents, error) {
	if g.hang {
		<-ctx.Done()
		return admin.Incidents{}, ctx.Err()
	}
	return g.incidents, g.err
}

func unknownIncident(orgID, key string) admin.Incident {
	return admin.Incident{
		Tenant: "acme", Client: "main", Site: "datadoghq.eu", OrgID: orgID, OrgName: "Acme Corp", Key: key, State: "unknown", Since: at,
	}
}

// someIncidents are two with one key in two organisations, the second of a tenant that nobody knows.
func someIncidents() admin.Incidents {
	other := unknownIncident("o2", "checkout-1")
	other.Tenant, other.OrgName, other.Since = "", "", time.Time{}
	return admin.Incidents{Unknown: 2, Searching: 3, Waiting: 4, ReadAt: at.Add(time.Minute), Latest: []admin.Incident{unknownIncident("o1", "checkout-1"), other}}
}

func (s *server) page() string {
	s.t.Helper()
	resp, body := s.do("GET", "/", "", s.loggedIn("the-read"))
	if resp.StatusCode != 200 {
		s.t.Fatalf("the page: %d %s", resp.StatusCode, body)
	}
	return body
}

func TestTheAPIListsUnknownIncidents(t *testing.T) {
	t.Parallel()
	s := start(t, &grants{incidents: someIncidents()})
	const want = `{"unknown":2,"searching":3,"waiting":4,"as_of":"2026-01-02T03:05:00Z","incidents":[` +
		`{"tenant":"acme","client":"main","site":"datadoghq.eu","org":{"id":"o1","name":"Acme Corp"},"key":"checkout-1","state":"unknown","since":"2026-01-02T03:04:00Z"},` +
		`{"client":"main","site":"datadoghq.eu","org":{"id":"o2"},"key":"checkout-1","state":"unknown"}],"more":0}`
	if resp, body := s.do("GET", "/v1/incidents", "", bearer("the-read")); resp.StatusCode != 200 || body != want+"\n" {
		t.Errorf("got %d %s\nwant %s", resp.StatusCode, body, want)
	}
	resp, body := s.do("GET", "/v1/incidents", "", bearer("the-connect"))
	s.refused(resp, body, 403, "")

	s.grants.err = errors.New("host=db.internal: no answer")
	resp, body = s.do("GET", "/v1/incidents", "", bearer("the-read"))
	s.refused(resp, body, 500, "log says why")
	s.grants.err = fmt.Errorf("%w: this collector only sends", admin.ErrRefused)
	resp, body = s.do("GET", "/v1/incidents", "", bearer("the-read"))
	s.refused(resp, body, 409, "only sends")
}

func TestThePageListsUnknownIncidents(t *testing.T) {
	t.Parallel()
	s := start(t, &grants{tenants: []admin.TenantStatus{acme()}, incidents: someIncidents()})
	page := s.page()
	for text, times := range map[string]int{
		`<dt><a href="#incidents">Unknown incidents</a></dt><dd class="bad">2</dd>`: 1,
		"2 of unknown outcome, 3 searched for, 4 waiting, as of":                    1,
		`<code><bdi>checkout-1</bdi></code>`:                                        2,
		`<small><code>o1</code></small>`:                                            1,
		`<small><code>o2</code></small>`:                                            1,
		`<th role="rowheader" scope="row">not known</th>`:                           1,
		`class="chip bad">unknown<`:                                                 2,
		`data-label="Since"><time datetime="2026-01-02T03:04:00Z">2026-01-02 03:0`:  1,
		`data-label="Since">not known</td>`:                                         1,
		"older ones":                                                                0,
	} {
		if n := strings.Count(page, text); n != times {
			t.Errorf("the page has %q %d times, want %d", text, n, times)
		}
	}
}

func TestThePageDoesWithoutIncidents(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		grants     *grants
		has, lacks string
	}{
		"there are none":              {&grants{}, "No customer", "ncidents"},
		"this collector only sends":   {&grants{err: fmt.Errorf("%w: it only sends", admin.ErrRefused)}, "No customer", "ncidents"},
		"some wait, and all is well":  {&grants{incidents: admin.Incidents{Waiting: 1}}, "0 of unknown outcome, 0 searched for, 1 waiting", "<table"},
		"the store is down":           {&grants{err: errors.New("host=db.internal")}, "log says why", "db.internal"},
		"the store does not answer":   {&grants{hang: true}, "being read from the store", "of unknown outcome"},
		"the grants are not read yet": {&grants{notReady: true, incidents: someIncidents()}, "not loaded yet", "ncidents"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if page := start(t, c.grants).page(); !strings.Contains(page, c.has) || strings.Contains(page, c.lacks) {
				t.Errorf("want %q and not %q: %s", c.has, c.lacks, page)
			}
		})
	}
}

func TestHostileIncidentsAreText(t *testing.T) {
	t.Parallel()
	hostile := `<script>alert("x")</script>` + "\u202e" + `'"><img src=x onerror=alert(1)>{{.}}</code><!--`
	i := admin.Incident{Tenant: hostile, Client: hostile, Site: hostile, OrgID: hostile, OrgName: hostile, Key: hostile, State: hostile}
	s := start(t, &grants{incidents: admin.Incidents{Unknown: 1, Latest: []admin.Incident{i}}})
	page := s.page()
	for _, markup := range []string{"<script", "<img", "<!--", "onerror=alert(1)>"} {
		if strings.Contains(strings.ReplaceAll(page, "<script src=", ""), markup) {
			t.Errorf("the page holds %s", markup)
		}
	}
	if n := strings.Count(page, "&lt;script&gt;"); n != 7 {
		t.Errorf("%d of 7 hostile texts are shown", n)
	}
	if _, body := s.do("GET", "/v1/incidents", "", bearer("the-read")); strings.Contains(body, "<") || !json.Valid([]byte(body)) {
		t.Errorf("the API answers %s", body)
	}
}

func TestThePageShowsAFewOfManyIncidents(t *testing.T) {
	t.Parallel()
	all := admin.Incidents{Unknown: 10_000}
	for i := range 500 {
		all.Latest = append(all.Latest, unknownIncident("o1", fmt.Sprintf("key-%d.", i)))
	}
	s := start(t, &grants{incidents: all})
	page := s.page()
	if n := strings.Count(page, "<bdi>key-"); n != 100 || !strings.Contains(page, "9,900 older ones") || len(page) > 100<<10 {
		t.Errorf("%d rows on a page of %d bytes", n, len(page))
	}
	_, body := s.do("GET", "/v1/incidents", "", bearer("the-read"))
	if n := strings.Count(body, `"key":`); n != 500 || !strings.Contains(body, `"unknown":10000,`) || !strings.HasSuffix(body, `"more":9500}`+"\n") {
		t.Errorf("%d in the list: %.200s", n, body)
	}
}
