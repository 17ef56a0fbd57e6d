package flow_test

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/flow"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/grant"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/grant/granttest"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/seal"
	"github.com/datadogoauth/otelcol-datadogoauth/site"
)

const public = "https://connect.partner.example"

// world is a public listener with a browser in front and Datadog behind.
type world struct {
	*granttest.Fixture
	t        *testing.T
	grants   *grant.Service
	browser  *http.Client
	server   *httptest.Server
	logs     *observer.ObservedLogs
	pages    *flow.Flow
	edit     func(*flow.Options) // may be nil
	mu       sync.Mutex          // guards outcomes
	outcomes []string
}

func newWorld(t *testing.T) *world { return newWorldWith(t, nil) }

func newWorldWith(t *testing.T, edit func(*flow.Options)) *world {
	core, logs := observer.New(zap.DebugLevel)
	w := &world{t: t, Fixture: granttest.NewFixture(t), logs: logs, edit: edit}
	w.Logger = zap.New(core)
	w.serve(w.Start())
	w.browser = w.newBrowser()
	return w
}

// serve puts the public listener in front of grants, in place of the one before. It is two sets of pages that take turns, as behind a
// load balancer: whatever one of them remembers, the other does not know.
func (w *world) serve(grants *grant.Service) {
	w.grants = grants
	var turns [2]http.Handler
	for i := range turns {
		keyset, err := seal.Load(w.TokensKeyset())
		require.NoError(w.t, err)
		opts := flow.Options{
			Grants: w.grants, PublicURL: public, PartnerName: `Parts & <Co>`, Sealer: flow.NewSealer(keyset), Logger: w.Logger, Now: w.Clock.Now,
			Clients: map[string]flow.Client{"main": {ClientID: granttest.ClientID, Stage: "published", RedirectURL: granttest.RedirectURL}},
			Outcome: func(_ context.Context, o string) { w.mu.Lock(); w.outcomes = append(w.outcomes, o); w.mu.Unlock() },
		}
		if w.edit != nil {
			w.edit(&opts)
		}
		w.pages, err = flow.New(opts)
		require.NoError(w.t, err)
		turns[i], err = w.pages.Handler()
		require.NoError(w.t, err)
	}
	var n atomic.Uint64
	w.server = httptest.NewTLSServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) { turns[n.Add(1)%2].ServeHTTP(rw, r) }))
	w.t.Cleanup(w.server.Close)
}

// newBrowser keeps cookies, stays where it is, and finds the listener under its public name.
func (w *world) newBrowser() *http.Client {
	jar, err := cookiejar.New(nil)
	require.NoError(w.t, err)
	return &http.Client{
		Jar:           jar,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, //nolint:gosec // the certificate is httptest's
			DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
				return (&net.Dialer{}).DialContext(ctx, network, w.server.Listener.Addr().String())
			},
		},
	}
}

func (w *world) link(tenant string) string { return w.linkOf("", tenant) }

func (w *world) linkOf(client, tenant string) string {
	secret, _, err := w.grants.Invite(w.t.Context(), tenant, client, time.Hour, "test")
	require.NoError(w.t, err)
	return w.pages.Link(secret)
}

func (w *world) get(b *http.Client, url string) (*http.Response, string) {
	w.t.Helper()
	resp, err := b.Get(url)
	require.NoError(w.t, err)
	return resp, w.body(resp)
}

// body reads a page, whose headers are those of every page.
func (w *world) body(resp *http.Response) string {
	w.t.Helper()
	body, err := io.ReadAll(resp.Body)
	require.NoError(w.t, err)
	require.NoError(w.t, resp.Body.Close())
	h := resp.Header
	assert.Contains(w.t, h.Get("Content-Security-Policy"), "default-src 'none'")
	assert.Contains(w.t, h.Get("Content-Security-Policy"), "frame-ancestors 'none'")
	policy := "no-referrer"
	if strings.Contains(string(body), "<form") { // else browsers without Fetch metadata could not show where it comes from
		policy = "same-origin"
	}
	if strings.Contains(string(body), "<main>") {
		assert.Contains(w.t, []string{"en", "ko"}, h.Get("Content-Language"))
		assert.Equal(w.t, "Accept-Language", h.Get("Vary"))
		assert.Contains(w.t, string(body), `<html lang="`+h.Get("Content-Language")+`">`)
	}
	assert.Equal(w.t, policy, h.Get("Referrer-Policy"))
	assert.Equal(w.t, "no-store", h.Get("Cache-Control"))
	assert.Equal(w.t, "nosniff", h.Get("X-Content-Type-Options"))
	assert.NotEmpty(w.t, h.Get("Strict-Transport-Security"))
	assert.NotContains(w.t, string(body), "<Co>")
	title, shown, _ := strings.Cut(string(body), "</title>")
	assert.NotContains(w.t, title, "bdi&gt;")
	assert.Equal(w.t, strings.Count(shown, "Parts &amp; "), strings.Count(shown, "<bdi>Parts &amp; &lt;Co&gt;</bdi>"), "names do not change what stands around them")
	return string(body)
}

var startField = regexp.MustCompile(`name="start" value="([^"]+)"`)

// press opens a connect page and presses its button, and returns where the browser is sent.
func (w *world) press(b *http.Client, page string) *url.URL {
	w.t.Helper()
	resp, text := w.get(b, page)
	require.Equal(w.t, 200, resp.StatusCode, text)
	m := startField.FindStringSubmatch(text)
	require.NotNil(w.t, m)
	resp, err := b.PostForm(page, url.Values{"start": {m[1]}})
	require.NoError(w.t, err)
	text = w.body(resp)
	require.Equal(w.t, http.StatusSeeOther, resp.StatusCode, text)
	return w.location(resp)
}

func (w *world) location(resp *http.Response) *url.URL {
	w.t.Helper()
	to, err := resp.Location()
	require.NoError(w.t, err)
	return to
}

// consent is what Datadog does: it answers with a code for the challenge, at the site and organisation given.
func (w *world) consent(to *url.URL, at site.Site, org string) url.Values {
	q := to.Query()
	return url.Values{
		"code": {w.Datadog.Code(at, org, q.Get("code_challenge"))}, "state": {q.Get("state")}, "domain": {at.Domain()},
		"site": {at.AppOrigin()}, "client_id": {q.Get("client_id")}, "dd_oid": {"untrusted"}, "dd_org_name": {"<b>untrusted</b>"},
	}
}

// ends is comeBack and the page that it leads to, which is at an address that holds nothing of the query and is the same when it is reloaded.
func (w *world) ends(b *http.Client, q url.Values) (*http.Response, string) {
	w.t.Helper()
	return w.endsAt(b, granttest.RedirectURL+"?"+q.Encode())
}

func (w *world) endsAt(b *http.Client, callback string) (*http.Response, string) {
	w.t.Helper()
	resp, text := w.get(b, callback)
	require.Equal(w.t, http.StatusSeeOther, resp.StatusCode, text)
	to := w.location(resp)
	require.Regexp(w.t, `^https://connect\.partner\.example/(dd/)?connected/[A-Za-z0-9_-]{43,}$`, to.String())
	q, _ := url.ParseQuery(callback[strings.Index(callback, "?")+1:])
	for _, name := range []string{"state", "code", "error", "error_description"} {
		if secret := q.Get(name); len(secret) > 8 {
			require.NotContains(w.t, to.String(), secret)
		}
	}
	counted := w.counted()
	first, page := w.get(b, to.String())
	again, reloaded := w.get(b, to.String())
	require.Equal(w.t, first.StatusCode, again.StatusCode)
	require.Equal(w.t, page, reloaded)
	require.Equal(w.t, counted, w.counted(), "the callback counts, and not the page")
	return first, page
}

// comeBack is the browser's way from Datadog to the callback.
func (w *world) comeBack(b *http.Client, q url.Values) (*http.Response, string) {
	w.t.Helper()
	return w.get(b, granttest.RedirectURL+"?"+q.Encode())
}

// connect goes the whole way of a link, and returns the last page.
func (w *world) connect(b *http.Client, page string, at site.Site, org string) string {
	w.t.Helper()
	resp, text := w.comeBack(b, w.consent(w.press(b, page), at, org))
	require.Equal(w.t, http.StatusSeeOther, resp.StatusCode, text)
	_, text = w.get(b, w.location(resp).String())
	return text
}

func (w *world) counted() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]string(nil), w.outcomes...)
}

// cookies are those that b would send, by name.
func cookies(b *http.Client) map[string]*http.Cookie {
	all := map[string]*http.Cookie{}
	for _, c := range b.Jar.Cookies(&url.URL{Scheme: "https", Host: "connect.partner.example", Path: "/callback"}) {
		all[c.Name] = c
	}
	return all
}

// noSecrets searches every log entry.
func (w *world) noSecrets(secrets ...string) {
	w.t.Helper()
	for _, e := range w.logs.All() {
		text := e.Message
		for _, f := range e.Context {
			text += " " + f.Key + "=" + f.String
			if err, ok := f.Interface.(error); ok {
				text += err.Error()
			}
		}
		for _, s := range secrets {
			require.NotEmpty(w.t, s)
			assert.NotContains(w.t, text, s)
		}
	}
}

// logged reports whether a log entry holds text.
func (w *world) logged(text string) bool {
	for _, e := range w.logs.All() {
		for _, f := range e.Context {
			if err, ok := f.Interface.(error); ok && strings.Contains(err.Error(), text) {
				return true
			}
		}
	}
	return false
}

func us3(t *testing.T) site.Site {
	s, ok := site.ByDomain("us3.datadoghq.com")
	require.True(t, ok)
	return s
}
