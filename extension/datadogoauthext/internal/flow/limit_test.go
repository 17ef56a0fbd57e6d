package flow_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/flow"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/grant"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/grant/granttest"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/store"
)

// from asks as if from a remote address, and returns the status.
func from(t *testing.T, h http.Handler, remote, method, path string) *httptest.ResponseRecorder {
	req := httptest.NewRequestWithContext(t.Context(), method, public+path, nil)
	req.RemoteAddr = remote
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, req)
	return rec
}

func TestRFC9700_LimitsComeBeforeAnythingIsWritten(t *testing.T) {
	t.Parallel()
	p := newPartner(t)
	w := newWorldWith(t, func(o *flow.Options) { p.admits(o); o.PerAddress = 3 })
	h, err := w.pages.Handler()
	require.NoError(t, err)
	writing := []struct{ method, path string }{{"GET", "/connect"}, {"GET", "/ticket?request_id=x&ticket=y"}, {"POST", "/connect/x"}, {"POST", "/connect/request/x"}}
	for i, page := range writing {
		remote := fmt.Sprintf("192.0.2.%d:1234", i)
		for range 3 {
			assert.NotEqual(t, http.StatusTooManyRequests, from(t, h, remote, page.method, page.path).Code, page.path)
		}
		rec := from(t, h, remote, page.method, page.path)
		assert.Equal(t, http.StatusTooManyRequests, rec.Code, page.path)
		assert.Equal(t, "60", rec.Header().Get("Retry-After"))
		assert.Contains(t, rec.Body.String(), "Try again in a minute")
		assert.Empty(t, rec.Header().Get("Set-Cookie"))
	}
	reading := []string{"/connect/x", "/callback?state=x", "/connect/request/x"} // they write nothing for strangers
	for i := range 30 {
		path := reading[i%len(reading)]
		assert.NotEqual(t, http.StatusTooManyRequests, from(t, h, "192.0.2.0:1", "GET", path).Code, path)
	}
	for _, path := range reading {
		assert.Equal(t, http.StatusTooManyRequests, from(t, h, "192.0.2.0:1", "GET", path).Code, path)
	}
	assert.Equal(t, http.StatusOK, from(t, h, "192.0.2.0:1", "GET", "/connected/x").Code, "reads nothing")
	assert.Equal(t, http.StatusTooManyRequests, from(t, h, "192.0.2.0:9", "GET", "/connect").Code, "another port")
	assert.Equal(t, http.StatusTooManyRequests, from(t, h, "[::ffff:192.0.2.0]:9", "GET", "/connect").Code, "the same address, mapped")
	assert.Equal(t, http.StatusSeeOther, from(t, h, "192.0.2.77:9", "GET", "/connect").Code, "another address")
	w.Clock.Advance(20 * time.Second) // a third of three a minute
	assert.Equal(t, http.StatusSeeOther, from(t, h, "192.0.2.0:9", "GET", "/connect").Code)
	assert.Equal(t, http.StatusTooManyRequests, from(t, h, "192.0.2.0:9", "GET", "/connect").Code)

	for i := range 3 { // one customer's network
		assert.Equal(t, http.StatusSeeOther, from(t, h, fmt.Sprintf("[2001:db8:0:1::%d]:9", i), "GET", "/connect").Code)
	}
	assert.Equal(t, http.StatusTooManyRequests, from(t, h, "[2001:db8:0:1:ffff::1%eth0]:9", "GET", "/connect").Code)
	assert.Equal(t, http.StatusSeeOther, from(t, h, "[2001:db8:0:2::1]:9", "GET", "/connect").Code)
	assert.Equal(t, http.StatusSeeOther, from(t, h, "", "GET", "/connect").Code, "an address that cannot be read is one like others")
}

// Nothing of the answer was consumed, so the customer goes on by reloading the page.
func TestACallbackOverTheLimitIsReloaded(t *testing.T) {
	t.Parallel()
	w := newWorldWith(t, func(o *flow.Options) { o.PerAddress = 3 })
	h, err := w.pages.Handler()
	require.NoError(t, err)
	q := w.consent(w.press(w.browser, w.link("acme")), us3(t), granttest.OrgA)
	answer := func() *httptest.ResponseRecorder {
		req := httptest.NewRequestWithContext(t.Context(), http.MethodGet, granttest.RedirectURL+"?"+q.Encode(), nil)
		req.RemoteAddr = "192.0.2.1:1"
		for _, c := range cookies(w.browser) {
			req.AddCookie(c)
		}
		rec := httptest.NewRecorder()
		h.ServeHTTP(rec, req)
		return rec
	}
	for range 30 {
		from(t, h, "192.0.2.1:1", "GET", "/connect/x")
	}
	rec := answer()
	assert.Equal(t, http.StatusTooManyRequests, rec.Code)
	assert.Equal(t, "60", rec.Header().Get("Retry-After"))
	assert.Contains(t, rec.Body.String(), "Wait a minute, then reload this page.")
	assert.Empty(t, w.Datadog.Calls(""))
	w.Clock.Advance(time.Minute)
	rec = answer()
	assert.Equal(t, http.StatusSeeOther, rec.Code)
	_, err = w.grants.Lookup("acme")
	require.NoError(t, err)
}

// Behind a proxy all customers have one address, and anybody may begin a login.
func TestRFC9700_LoginsAreLimitedInAllBeforeAnythingIsWritten(t *testing.T) {
	t.Parallel()
	p := newPartner(t)
	w := newWorldWith(t, func(o *flow.Options) { p.admits(o); o.PerAddress = 0 })
	h, err := w.pages.Handler()
	require.NoError(t, err)
	stored := func() (n int) {
		require.NoError(t, w.Store().List(t.Context(), store.KindLogin, func(store.Record) error { n++; return nil }))
		return n
	}
	begun := 0
	for range 300 {
		if from(t, h, "192.0.2.0:1", "GET", "/connect").Code == http.StatusSeeOther {
			begun++
		}
	}
	assert.Equal(t, 100, begun)
	assert.Equal(t, begun, stored())
	rec := from(t, h, "192.0.2.0:1", "GET", "/connect")
	assert.Equal(t, http.StatusTooManyRequests, rec.Code)
	assert.Equal(t, "60", rec.Header().Get("Retry-After"))
	assert.Empty(t, rec.Header().Get("Set-Cookie"))
	w.Clock.Advance(time.Second)
	for range 20 {
		if from(t, h, "192.0.2.0:1", "GET", "/connect").Code == http.StatusSeeOther {
			begun++
		}
	}
	assert.Equal(t, 110, begun)
	assert.Equal(t, begun, stored())
}

func TestOneTenantCannotBeginWithoutEnd(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	link := w.link("acme")
	_, page := w.get(w.browser, link)
	form := url.Values{"start": {startField.FindStringSubmatch(page)[1]}}
	var last *http.Response
	begun := 0
	for range 30 {
		resp, err := w.browser.PostForm(link, form)
		require.NoError(t, err)
		w.body(resp)
		if last = resp; resp.StatusCode != http.StatusSeeOther {
			break
		}
		begun++
	}
	assert.Equal(t, http.StatusTooManyRequests, last.StatusCode)
	assert.Equal(t, "600", last.Header.Get("Retry-After"))
	assert.Less(t, begun, 20)
	assert.Equal(t, "app.datadoghq.com", w.press(w.browser, w.link("globex")).Host, "another tenant is not held up")
}

// heldStore lets nothing that a page asks for go before release is closed, or the request ends.
type heldStore struct {
	store.Store
	held    atomic.Bool
	asked   chan store.Kind
	release chan struct{}
}

func (s *heldStore) Get(ctx context.Context, kind store.Kind, key string) (store.Record, error) {
	ofAPage := kind == store.KindInvitation || kind == store.KindFlow || kind == store.KindLogin
	if ofAPage && s.held.Load() {
		s.asked <- kind
		select {
		case <-s.release:
		case <-ctx.Done():
		}
	}
	return s.Store.Get(ctx, kind, key)
}

// The refreshes of all tenants share the store's connections with whoever asks for links that do not exist.
func TestStrangersDoNotOccupyTheStore(t *testing.T) {
	t.Parallel()
	p := newPartner(t)
	w := newWorldWith(t, p.admits)
	held := &heldStore{Store: w.Store(), asked: make(chan store.Kind, 10), release: make(chan struct{})}
	w.grants = w.NewOn(held, nil)
	granttest.AwaitReady(t, w.grants)
	w.serve(w.grants)
	h, err := w.pages.Handler()
	require.NoError(t, err)
	held.held.Store(true)
	var all sync.WaitGroup
	for i := range 2 {
		all.Go(func() { from(t, h, "192.0.2.1:1", "GET", fmt.Sprintf("/connect/%d", i)) })
	}
	<-held.asked
	<-held.asked
	gone, leave := context.WithCancel(t.Context())
	leave()
	login := "xxx"
	for _, path := range []string{"/connect/x", "/callback?state=x", "/connect/request/" + login} {
		req := httptest.NewRequestWithContext(gone, http.MethodGet, public+path, nil)
		req.AddCookie(&http.Cookie{Name: "__Host-datadogoauth-login-" + grant.Hash(login)[:12], Value: "y"})
		rec := httptest.NewRecorder()
		h.ServeHTTP(rec, req)
		assert.Equal(t, http.StatusServiceUnavailable, rec.Code, path)
		assert.Empty(t, held.asked, "%s: two are enough", path)
	}
	close(held.release)
	all.Wait()
}
