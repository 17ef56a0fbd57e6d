package flow_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/flow"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/grant"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/grant/granttest"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/seal"
	"github.com/datadogoauth/otelcol-datadogoauth/site"
)

// fuzzed is a public listener that is asked without a network in between.
type fuzzed struct {
	*granttest.Fixture
	http.Handler
}

func newFuzzed(f *testing.F, p *partner) fuzzed {
	fixture := granttest.NewFixture(f)
	grants := fixture.Start()
	keyset, err := seal.Load(fixture.TokensKeyset())
	require.NoError(f, err)
	pages, err := flow.New(flow.Options{
		Grants: grants, PublicURL: public, PartnerName: "P", Sealer: flow.NewSealer(keyset), Tickets: &p.options, Logger: zap.NewNop(), Now: fixture.Clock.Now,
		Clients: map[string]flow.Client{"main": {ClientID: granttest.ClientID, RedirectURL: granttest.RedirectURL}},
	})
	require.NoError(f, err)
	h, err := pages.Handler()
	require.NoError(f, err)
	return fuzzed{fixture, h}
}

// ask sends a query just as it is, and fails when anything was contacted.
func (z fuzzed) ask(t *testing.T, path, query string, cookies ...*http.Cookie) *httptest.ResponseRecorder {
	req := &http.Request{Method: http.MethodGet, URL: &url.URL{Path: path, RawQuery: query}, Header: http.Header{}}
	for _, c := range cookies {
		req.AddCookie(c)
	}
	rec := httptest.NewRecorder()
	z.ServeHTTP(rec, req.WithContext(t.Context()))
	if n := len(z.Datadog.Dials()); n != 0 {
		t.Fatalf("%q: %d connections", query, n)
	}
	return rec
}

func FuzzCallback(f *testing.F) {
	for _, seed := range []string{
		"state=a&code=b&domain=datadoghq.com", "error=access_denied&state=a", "state=%zz", "state=a;code=b", "state=a&state=b", strings.Repeat("a", 5000), "code=%00&domain=%00&state=%00",
		"state=" + strings.Repeat("a", 300), "state=a&iss=https://app.datadoghq.com&site=https://evil.example&error_description=%3Cscript%3E",
	} {
		f.Add(seed)
	}
	z := newFuzzed(f, newPartner(f))
	f.Fuzz(func(t *testing.T, query string) {
		rec := z.ask(t, "/callback", query)
		if rec.Code != http.StatusBadRequest && (rec.Code != http.StatusRequestURITooLong || len(query) < 9<<10) {
			t.Fatalf("%q: %d", query, rec.Code)
		}
	})
}

// FuzzStart opens the onboarding address. Whatever the query holds, the browser goes to the login or stays, and what is stored of it is an
// origin of Datadog's.
func FuzzStart(f *testing.F) {
	for _, seed := range append([]string{
		"", "site=https://us5.datadoghq.com&domain=us5.datadoghq.com", "site=https://bigcorp.datadoghq.eu", "domain=us3.datadoghq.com&x=y", "site=&domain=", "site=%zz", "site=a;domain=b", "site=a&site=b",
	}, "site="+url.QueryEscape(hostile[0]), "domain="+url.QueryEscape(hostile[20])) {
		f.Add(seed)
	}
	p := newPartner(f)
	z := newFuzzed(f, p)
	f.Fuzz(func(t *testing.T, query string) {
		rec := z.ask(t, "/connect", query)
		switch rec.Code {
		case http.StatusBadRequest, http.StatusRequestURITooLong, http.StatusTooManyRequests:
			return
		case http.StatusSeeOther:
		default:
			t.Fatalf("%q: %d", query, rec.Code)
		}
		if to := rec.Header().Get("Location"); !strings.HasPrefix(to, p.options.LoginURL+"&request_id=") {
			t.Fatalf("%q leads to %q", query, to)
		}
		q, err := url.ParseQuery(query)
		if err != nil {
			t.Fatalf("%q passes", query)
		}
		if raw := q.Get("site"); raw != "" {
			if _, err := site.ParseAppOrigin(raw); err != nil {
				t.Fatalf("%q passes", query)
			}
		}
		if raw := q.Get("domain"); raw != "" {
			if _, err := site.ParseDomain(raw); err != nil {
				t.Fatalf("%q passes", query)
			}
		}
		z.Clock.Advance(grant.FlowLife) // so that logins under way do not fill up
	})
}

// FuzzTicket sends tickets to a login that waits for one. None of them is signed with the partner's key, so none is accepted.
func FuzzTicket(f *testing.F) {
	p := newPartner(f)
	z := newFuzzed(f, p)
	arrive := httptest.NewRecorder()
	z.ServeHTTP(arrive, httptest.NewRequestWithContext(f.Context(), http.MethodGet, public+"/connect", nil))
	login, err := url.Parse(arrive.Header().Get("Location"))
	require.NoError(f, err)
	requestID, cookies := login.Query().Get("request_id"), arrive.Result().Cookies()
	require.Len(f, cookies, 1)
	payload := jsonText(f, p.claims(z.Clock.Now(), login.Query().Get("nonce"), "acme"))
	for _, seed := range []string{
		"", ".", "..", "...", "a.b.c", forge(`{"alg":"none"}`, payload, nil), forge(`{"alg":"HS256"}`, payload, []byte("x")), forge(`{"alg":"EdDSA"}`, payload, []byte("x")),
		forge(`{"alg":"EdDSA","kid":{}}`, payload, []byte("x")), forge(`{"alg":"EdDSA","alg":"none"}`, payload, nil), forge(`{"alg":"EdDSA"}`, "null", nil), forge(`[]`, payload, nil),
		forge(`{"alg":"EdDSA"}`, strings.Repeat(`{"a":`, 100), nil), strings.Repeat("A", 9000), newPartner(f).sign(p.claims(z.Clock.Now(), login.Query().Get("nonce"), "acme")),
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, ticket string) {
		rec := z.ask(t, "/ticket", url.Values{"request_id": {requestID}, "ticket": {ticket}}.Encode(), cookies...)
		if rec.Code == http.StatusSeeOther || rec.Code >= 500 {
			t.Fatalf("%q: %d", ticket, rec.Code)
		}
	})
}
