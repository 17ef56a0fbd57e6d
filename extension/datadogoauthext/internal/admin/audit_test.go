package admin_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/admin"
)

func (g *grants) Audit(_ context.Context, q admin.AuditQuery) ([]admin.AuditRecord, string, error) {
	g.asked = q
	return g.audit, g.next, g.err
}

func audited() *grants {
	return &grants{next: "01767323040000000-3f2a9c0d11e4b7a6-0000cd", audit: []admin.AuditRecord{
		{
			ID: "01767323041000000-3f2a9c0d11e4b7a6-5be01c", At: at, Actor: admin.AuditActor{Kind: "operator", Name: "ops", Via: "api"}, What: "grant paused", Tenant: "acme\n<script>",
			Client: "main", Site: "datadoghq.eu", OrgID: "o1", Reason: "paused by ops: invoice",
			Changes: []admin.AuditChange{{Field: "hold", Before: "none", After: "paused"}},
		},
		{ID: "01767323040000000-3f2a9c0d11e4b7a6-0000cd", At: at, What: "token refreshed", Tenant: "globex"},
	}}
}

const (
	pausedLine = `{"id":"01767323041000000-3f2a9c0d11e4b7a6-5be01c","at":"2026-01-02T03:04:00Z","what":"grant paused","actor":{"kind":"operator","name":"ops","via":"api"},` +
		`"tenant":"acme\n\u003cscript\u003e","client":"main","site":"datadoghq.eu","org_id":"o1","reason":"paused by ops: invoice",` +
		`"changes":[{"field":"hold","before":"none","after":"paused"}]}`
	refreshedLine = `{"id":"01767323040000000-3f2a9c0d11e4b7a6-0000cd","at":"2026-01-02T03:04:00Z","what":"token refreshed","actor":{"kind":"program"},"tenant":"globex"}`
)

func TestTheAPIListsTheAudit(t *testing.T) {
	t.Parallel()
	s := start(t, audited())
	const path = "/v1/audit?tenant=acme+%26+co&before=01767323040000000-3f2a9c0d11e4b7a6-0000cd&since=2026-01-01T00:00:00Z&until=2026-01-03T00:00:00%2B09:00&limit=7"
	resp, body := s.do("GET", path, "", bearer("the-read"))
	if want := `{"records":[` + pausedLine + "," + refreshedLine + `],"next":"01767323040000000-3f2a9c0d11e4b7a6-0000cd"}` + "\n"; resp.StatusCode != 200 || body != want {
		t.Errorf("got %d %s\nwant %s", resp.StatusCode, body, want)
	}
	want := admin.AuditQuery{Tenant: "acme & co", Before: "01767323040000000-3f2a9c0d11e4b7a6-0000cd", Since: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), Until: time.Date(2026, 1, 2, 15, 0, 0, 0, time.UTC), Limit: 7}
	if got := s.grants.asked; got.Tenant != want.Tenant || got.Before != want.Before || !got.Since.Equal(want.Since) || !got.Until.Equal(want.Until) || got.Limit != want.Limit {
		t.Errorf("asked for %+v, want %+v", got, want)
	}
	const next = `</v1/audit?before=01767323040000000-3f2a9c0d11e4b7a6-0000cd&limit=7&since=2026-01-01T00%3A00%3A00Z&tenant=acme+%26+co&until=2026-01-03T00%3A00%3A00%2B09%3A00>; rel="next"`
	if got := resp.Header.Get("Link"); got != next {
		t.Errorf("Link is %s\nwant %s", got, next)
	}

	resp, body = s.do("GET", "/v1/audit", "", bearer("the-operate"), accept("text/html, application/x-ndjson;q=0.9"))
	if resp.StatusCode != 200 || resp.Header.Get("Content-Type") != "application/x-ndjson" || body != pausedLine+"\n"+refreshedLine+"\n" {
		t.Errorf("lines: got %d %s\n%s", resp.StatusCode, resp.Header.Get("Content-Type"), body)
	}
	for _, header := range []string{"*/*", "application/x-ndjson;q=0", "application/json", "application/x-ndjson2"} {
		if resp, _ := s.do("GET", "/v1/audit", "", bearer("the-read"), accept(header)); resp.Header.Get("Content-Type") != "application/json" {
			t.Errorf("Accept: %s got %s", header, resp.Header.Get("Content-Type"))
		}
	}
	s.grants.audit, s.grants.next = nil, ""
	if resp, body := s.do("GET", "/v1/audit", "", bearer("the-read")); body != `{"records":[]}`+"\n" || resp.Header.Get("Link") != "" || s.grants.asked.Limit != 100 {
		t.Errorf("nothing: got %s, Link %s, limit %d", body, resp.Header.Get("Link"), s.grants.asked.Limit)
	}
}

func TestTheAuditIsRefusedWithAReason(t *testing.T) {
	t.Parallel()
	s := start(t, audited())
	resp, body := s.do("GET", "/v1/audit", "", bearer("the-connect"))
	s.refused(resp, body, 403, "read or operate")
	for query, says := range map[string]string{
		"tenent=acme": "no parameter", "tenant=a&tenant=b": "once", "limit=0": "1 to 1000", "limit=1001": "1 to 1000", "limit=many": "1 to 1000",
		"since=yesterday": "since: give a time", "until=1": "until: give a time", "tenant=%zz": "no list", "before=1": "no id of an audit record",
	} {
		resp, body := s.do("GET", "/v1/audit?"+query, "", bearer("the-read"))
		s.refused(resp, body, 422, says)
	}
	s.grants.err = errors.New("host=db.internal: no answer")
	resp, body = s.do("GET", "/v1/audit", "", bearer("the-read"))
	s.refused(resp, body, 500, "log says why")
	s.grants.err = fmt.Errorf("%w: this collector only sends", admin.ErrRefused)
	resp, body = s.do("GET", "/v1/audit", "", bearer("the-read"))
	s.refused(resp, body, 409, "only sends")
	s.grants.err, s.grants.notReady = nil, true
	resp, body = s.do("GET", "/v1/audit", "", bearer("the-read"))
	s.refused(resp, body, 503, "not loaded")
}
