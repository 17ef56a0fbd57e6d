package flow_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/flow"
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
	for _, path := range []string{"/connect/x", "/connected/x", "/callback?state=x", "/connect/request/x"} { // they write nothing for strangers
		for range 10 {
			assert.NotEqual(t, http.StatusTooManyRequests, from(t, h, "192.0.2.0:1", "GET", path).Code, path)
		}
	}
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
