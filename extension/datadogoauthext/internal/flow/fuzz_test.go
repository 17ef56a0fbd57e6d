package flow_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

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
	grants *grant.Service
}

func newFuzzed(f testing.TB, p *partner) fuzzed {
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
	return fuzzed{fixture, h, grants}
}

// ask sends a query just as it is, and fails when anything was contacted.
func (z fuzzed) ask(t *testing.T, path, query string, cookies ...*http.Cookie) *httptest.ResponseRecorder {
	t.Helper()
	rec := z.get(t, path, query, cookies...)
	if n := len(z.Datadog.Dials()); n != 0 {
		t.Fatalf("%q: %d connections", query, n)
	}
	return rec
}

func (z fuzzed) get(t *testing.T, path, query string, cookies ...*http.Cookie) *httptest.ResponseRecorder {
	req := &http.Request{Method: http.MethodGet, URL: &url.URL{Path: path, RawQuery: query}, Header: http.Header{}}
	for _, c := range cookies {
		req.AddCookie(c)
	}
	rec := httptest.NewRecorder()
	z.ServeHTTP(rec, req.WithContext(t.Context()))
	return rec
}

// ends is a callback with a query just as it is, and the page that it leads to.
func (z fuzzed) ends(t *testing.T, query string, cookies ...*http.Cookie) *httptest.ResponseRecorder {
	return z.follow(t, z.get(t, "/callback", query, cookies...), cookies...)
}

// follow goes from the answer to a callback or a ticket to the page that it leads to, unless that is elsewhere.
func (z fuzzed) follow(t *testing.T, rec *httptest.ResponseRecorder, cookies ...*http.Cookie) *httptest.ResponseRecorder {
	to, ok := strings.CutPrefix(rec.Header().Get("Location"), "/connected/")
	if !ok || rec.Code != http.StatusSeeOther || strings.ContainsAny(to, "/?#%") {
		return rec
	}
	return z.get(t, "/connected/"+to, "", append(cookies, rec.Result().Cookies()...)...)
}

// FuzzCallback comes back from Datadog to a consent that is under way, in the browser that began it: the right state stands before whatever
// rest holds. It is refused, and then nobody is contacted; or the code goes to the API of the site that the answer names, which has to be an
// exact row of the table in the partition that the consent began in. The same answer without a state that is known contacts nobody.
func FuzzCallback(f *testing.F) {
	for _, rest := range []string{
		"code=b&domain=datadoghq.com", "code=b&domain=US3.datadoghq.com%20", "code=b&domain=us5.datadoghq.com&site=https://bigcorp.datadoghq.com&iss=https://app.us5.datadoghq.com&client_id=" + granttest.ClientID,
		"code=b&domain=ddog-gov.com", "code=b&domain=us2.ddog-gov.com&iss=https://us2.ddog-gov.com", "code=b&domain=datadoghq.com&site=https://app.ddog-gov.com", "code=b&domain=ddog-gov.com&site=ddog-gov.com&domain=datadoghq.com",
		"code=b&domain=datadoghq.com&iss=https://datadoghq.com/", "code=b&domain=datadoghq.eu&iss=https://api.datadoghq.com", "code=b&domain=datadoghq.com&client_id=another", "code=b&domain=datadoghq.com&error=access_denied",
		"code=b&domain=api.datadoghq.com", "code=b&domain=bigcorp.datadoghq.eu", "code=b&domain=datadoghq.com&site=https://evil.example", "code=b&domain=evil.example", "code=b", "domain=datadoghq.com", "code=&domain=datadoghq.com",
		"code=b&code=c&domain=datadoghq.com", "code=b;domain=datadoghq.com", "code=%zz&domain=datadoghq.com", "state=a&code=b&domain=datadoghq.com", "code=%00&domain=%00", "error=access_denied&error_description=%3Cscript%3E",
		"code=" + strings.Repeat("a", 4097) + "&domain=datadoghq.com", strings.Repeat("a", 5000), strings.Repeat("a", 9<<10), "",
	} {
		f.Add(rest, false)
		f.Add(rest, true)
	}
	z := newFuzzed(f, newPartner(f))
	f.Fuzz(func(t *testing.T, rest string, government bool) {
		start := "datadoghq.com"
		if government {
			start = "ddog-gov.com"
		}
		began, _ := site.ByDomain(start)
		secret, _, err := z.grants.Invite(t.Context(), "acme", "", time.Hour, "test")
		require.NoError(t, err)
		state, cookies := z.begin(t, secret, began)
		dials, calls := len(z.Datadog.Dials()), len(z.Datadog.Calls(""))
		query := "state=" + state + "&" + rest
		rec := z.ends(t, query, cookies...)

		asked := z.Datadog.Calls("")[calls:]
		for _, addr := range z.Datadog.Dials()[dials:] {
			if host, ok := strings.CutSuffix(addr, ":443"); !ok || !apiOf(host, began.Partition()) {
				t.Fatalf("%q: a connection to %q", query, addr)
			}
		}
		at, fits := answerFits(query, began)
		switch {
		case !fits && (len(asked) > 0 || len(z.Datadog.Dials()) > dials):
			t.Fatalf("%q does not fit what was asked, and %d calls were made", query, len(asked))
		case !fits && rec.Code != http.StatusBadRequest, fits && rec.Code != http.StatusBadGateway: // no code is one of Datadog's
			t.Fatalf("%q: %d", query, rec.Code)
		case fits && (len(asked) != 1 || asked[0].Host != "api."+at || asked[0].Path != "/oauth2/v1/token"):
			t.Fatalf("%q: the calls are %+v", query, asked)
		}
		dials, calls = len(z.Datadog.Dials()), len(z.Datadog.Calls(""))
		rec = z.ends(t, query, cookies...) // used up, if it was a state at all
		if again := z.ends(t, rest, cookies...); again.Code < 400 || rec.Code < 400 || len(z.Datadog.Dials()) > dials || len(z.Datadog.Calls("")) > calls {
			t.Fatalf("%q: %d with a state that is used up, %d without one", query, rec.Code, again.Code)
		}
		z.Clock.Advance(grant.FlowLife) // so that consents whose state did not arrive do not fill up
	})
}

// begin goes from a connect link to Datadog, and returns what the browser has then.
func (z fuzzed) begin(t *testing.T, secret string, at site.Site) (state string, cookies []*http.Cookie) {
	t.Helper()
	page := z.get(t, "/connect/"+secret, "domain="+at.Domain())
	m := startField.FindStringSubmatch(page.Body.String())
	require.NotNil(t, m, page.Body.String())
	req := httptest.NewRequestWithContext(t.Context(), http.MethodPost, public+"/connect/"+secret, strings.NewReader(url.Values{"start": {m[1]}}.Encode()))
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Sec-Fetch-Site", "same-origin")
	rec := httptest.NewRecorder()
	z.ServeHTTP(rec, req)
	require.Equal(t, http.StatusSeeOther, rec.Code, rec.Body.String())
	to, err := rec.Result().Location()
	require.NoError(t, err)
	require.Equal(t, at.AppHost(), to.Host)
	return to.Query().Get("state"), rec.Result().Cookies()
}

// apiOf reports whether a host is the API of a row of the table, in a partition.
func apiOf(host string, p site.Partition) bool {
	return slices.ContainsFunc(site.Table(), func(s site.Site) bool { return s.Partition() == p && host == "api."+s.Domain() })
}

// answerFits reads a callback by the rules of RFC 6749 §4.1.2, RFC 9207 and Datadog's sites, strictly and apart from package flow. It returns the
// row of the table that the code may go to.
func answerFits(query string, began site.Site) (domain string, ok bool) {
	q, err := url.ParseQuery(query)
	for _, name := range []string{"state", "code", "domain", "site", "client_id", "iss", "error", "error_description"} {
		if len(q[name]) > 1 {
			return "", false
		}
	}
	domain = strings.ToLower(strings.TrimSpace(q.Get("domain")))
	if err != nil || len(query) > 9<<10 || !apiOf("api."+domain, began.Partition()) || q.Get("error") != "" || q.Get("code") == "" || len(q.Get("code")) > 4096 {
		return "", false
	}
	if id := q.Get("client_id"); id != "" && id != granttest.ClientID {
		return "", false
	}
	if raw := q.Get("site"); raw != "" {
		if origin, err := site.ParseAppOrigin(raw); err != nil || origin.Partition != began.Partition() {
			return "", false
		}
	}
	at, _ := site.ByDomain(domain)
	iss, named := strings.CutPrefix(q.Get("iss"), "https://")
	if q.Get("iss") != "" && (!named || iss != domain && iss != "app."+domain && iss != "api."+domain && iss != at.AppHost()) {
		return "", false
	}
	return domain, true
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
		if rec = z.follow(t, rec, cookies...); rec.Code < 400 || rec.Code >= 500 {
			t.Fatalf("%q: %d", ticket, rec.Code)
		}
	})
}

// FuzzSignedTicket lets the partner's own login sign any payload, in which NONCE stands for the nonce of the login that waits. What is
// accepted holds every claim as a strict reader of its own finds it, and is what the store then says of the login.
func FuzzSignedTicket(f *testing.F) {
	p := newPartner(f)
	z := newFuzzed(f, p)
	now := time.Unix(1_800_000_000, 0)
	z.Clock.Advance(now.Sub(z.Clock.Now()))
	good := jsonText(f, p.claims(now, "NONCE", "acme"))
	for _, edit := range [][2]string{
		{}, {`"tenant"`, `"Tenant"`}, {`"tenant"`, `"\u0074enant"`}, {`"nonce"`, `"NONCE"`}, {`"acme"`, `"ac\ud800me"`}, {`"acme"`, "\"ac\xffme\""}, {`"acme"`, `"ac\u0000me"`}, {`"acme"`, `null`}, {`"acme"`, `""`},
		{`"acme"`, `"acme","tenant":"globex"`}, {`"acme"`, `"acme","allow_change":true`}, {`"acme"`, `"acme","allow_change":1`}, {`"acme"`, `"acme","nbf":1800000030`}, {`"acme"`, `"acme","x":[{"tenant":"globex"}]`},
		{`"iat":1800000000,`, ``}, {`"iat":1800000000`, `"iat":null`}, {`"iat":1800000000`, `"iat":1799999941`}, {`"iat":1800000000`, `"iat":1800000011`}, {`"iat":1800000000`, `"iat":9223372036854775807`}, {`1800000060`, `1.80000006e9`},
		{`1800000060`, `1800000120`}, {`1800000060`, `1800000121`}, {`1800000060`, `1799999990`}, {`1800000060`, `1799999991`}, {`1800000060`, `1e300`}, {`1800000060`, `"1800000060"`}, {`"exp"`, `"Exp"`},
		{`"datadog-connect"`, `["x","datadog-connect"]`}, {`"datadog-connect"`, `["datadog-connect",1]`}, {`"datadog-connect"`, `[]`}, {`"ticket-1"`, `7`}, {`"ticket-1"`, `"` + strings.Repeat("x", 129) + `"`},
		{`https://login.partner.example`, `HTTPS://login.partner.example`}, {`"iss"`, `"i\u017fs"`}, {good, `null`}, {good, `[]`}, {good, good + `{}`}, {good, ``},
	} {
		f.Add(strings.Replace(good, edit[0], edit[1], 1))
	}
	var requestID, nonce string
	var cookies []*http.Cookie
	f.Fuzz(func(t *testing.T, payload string) {
		signer := *p
		signer.tb = t
		if requestID == "" {
			arrived := z.ask(t, "/connect", "")
			if arrived.Code == http.StatusTooManyRequests { // a thousand payloads were accepted, whose consents are all under way
				t.Skip("this process knows too many that are accepted")
			}
			login, err := arrived.Result().Location()
			require.NoError(t, err)
			requestID, nonce, cookies = login.Query().Get("request_id"), login.Query().Get("nonce"), arrived.Result().Cookies()
		}
		payload = strings.ReplaceAll(payload, "NONCE", nonce)
		rec := z.ask(t, "/ticket", url.Values{"request_id": {requestID}, "ticket": {signer.resigned(`{"alg":"EdDSA"}`, payload)}}.Encode(), cookies...)
		if rec = z.follow(t, rec, cookies...); rec.Code != http.StatusSeeOther {
			if rec.Code != http.StatusForbidden && (rec.Code != http.StatusBadRequest || len(payload) < 5000) {
				t.Fatalf("%q: %d", payload, rec.Code)
			}
			return
		}
		usedUp := requestID
		requestID = ""
		want, err := readTicket(payload, p.options.Issuer, p.options.Audience, nonce, now.Unix())
		if err != nil {
			t.Fatalf("%q was accepted: %v", payload, err)
		}
		login, err := z.grants.Login(t.Context(), usedUp)
		require.NoError(t, err)
		if got := (ticketRead{login.Tenant, login.TicketID, login.AllowChange}); got != want {
			t.Fatalf("%q is stored as %+v, want %+v", payload, got, want)
		}
	})
}

type ticketRead struct {
	tenant, jti string
	allowChange bool
}

// readTicket reads a payload apart from package flow and its JWT library: names are exact and there once, texts are UTF-8, moments are whole
// seconds once rounded down.
func readTicket(payload, issuer, audience, nonce string, now int64) (read ticketRead, err error) {
	if !utf8.ValidString(payload) {
		return read, errors.New("no UTF-8")
	}
	members := map[string]json.RawMessage{}
	d := json.NewDecoder(strings.NewReader(payload))
	if open, err := d.Token(); err != nil || open != json.Delim('{') {
		return read, errors.New("no object")
	}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return read, err
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return read, err
		}
		if _, twice := members[name.(string)]; twice {
			return read, fmt.Errorf("%q is there twice", name)
		}
		members[name.(string)] = value
	}
	if _, err := d.Token(); err != nil || strings.TrimSpace(payload[d.InputOffset():]) != "" {
		return read, errors.New("something behind the object")
	}
	var errs []error
	text := func(name string) (s string) {
		if raw := members[name]; len(raw) == 0 || raw[0] != '"' || json.Unmarshal(raw, &s) != nil || strings.ContainsRune(s, utf8.RuneError) {
			errs = append(errs, fmt.Errorf("%s is no text", name))
		}
		return s
	}
	seconds := func(name string) (at int64, there bool) {
		raw := string(members[name])
		if raw == "" || raw == "null" {
			return 0, false
		}
		f, err := strconv.ParseFloat(raw, 64)
		if err != nil || math.Abs(f) > 1e12 {
			errs = append(errs, fmt.Errorf("%s is no moment", name))
		}
		return int64(math.Floor(f)), true
	}
	check := func(ok bool, name string) {
		if !ok {
			errs = append(errs, errors.New(name))
		}
	}
	check(text("iss") == issuer, "iss")
	check(text("nonce") == nonce, "nonce")
	read.jti, read.tenant = text("jti"), text("tenant")
	check(read.jti != "" && len(read.jti) <= 128, "jti")
	check(read.tenant != "" && len(read.tenant) <= 256 && !strings.ContainsFunc(read.tenant, func(r rune) bool { return !unicode.IsPrint(r) }), "tenant")
	var list []string
	if json.Unmarshal(members["aud"], &list) != nil {
		list = []string{text("aud")}
	}
	check(slices.Contains(list, audience), "aud")
	exp, there := seconds("exp")
	check(there && exp > now-10, "exp is over")
	from, there := seconds("iat")
	if !there {
		from = now
	}
	check(exp-from <= 120, "exp is too far ahead")
	check(from <= now+10, "iat")
	notBefore, _ := seconds("nbf")
	check(notBefore <= now+10, "nbf")
	if raw := string(members["allow_change"]); raw != "" && raw != "null" {
		read.allowChange = raw == "true"
		check(read.allowChange || raw == "false", "allow_change")
	}
	return read, errors.Join(errs...)
}
