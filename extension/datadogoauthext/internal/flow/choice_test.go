package flow_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/grant"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/grant/granttest"
	"github.com/datadogoauth/otelcol-datadogoauth/site"
)

// choose opens a connect page, fills its form in, and returns the answer.
func (w *world) choose(b *http.Client, page string, fields url.Values) (*http.Response, string) {
	w.t.Helper()
	_, text := w.get(b, page)
	m := startField.FindStringSubmatch(text)
	require.NotNil(w.t, m, text)
	form := url.Values{"start": {m[1]}}
	for name, values := range fields {
		form[name] = values
	}
	resp, err := b.PostForm(page, form)
	require.NoError(w.t, err)
	return resp, w.body(resp)
}

func TestACustomerChoosesTheSite(t *testing.T) {
	t.Parallel()
	p := newPartner(t)
	w := newWorldWith(t, p.admits)
	for name, pageOf := range map[string]func(tenant string) string{"behind a link": w.link, "behind a login": func(tenant string) string { return w.logIn(w.browser, p, "", tenant) }} {
		_, text := w.get(w.browser, pageOf("acme"))
		commercial, government, ok := strings.Cut(text, "Sites for government")
		require.True(t, ok, name)
		for _, s := range site.Table() {
			radio := `<input type="radio" name="site" value="` + s.Domain() + `">`
			assert.Equal(t, s.Partition() == site.Commercial, strings.Contains(commercial, radio), "%s: %s", name, s)
			assert.Equal(t, s.Partition() == site.Government, strings.Contains(government, radio), "%s: %s", name, s)
			resp, text := w.choose(w.browser, pageOf("at "+s.Name()), url.Values{"site": {s.Domain()}, "address": {" "}})
			require.Equal(t, http.StatusSeeOther, resp.StatusCode, text)
			assert.Equal(t, s.AppHost(), w.location(resp).Host, name)
		}
		assert.Contains(t, commercial, `name="site" value="" checked`, "%s: by default Datadog asks", name)
	}
}

func TestACustomerWritesTheAddressOfTheOrganisation(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	page := w.link("acme")
	for address, host := range map[string]string{
		"https://acme.datadoghq.com": "acme.datadoghq.com", "acme.datadoghq.eu": "acme.datadoghq.eu", " https://ACME.us5.datadoghq.com/dashboard/lists?q=1#x ": "acme.us5.datadoghq.com",
		"us3.datadoghq.com/apm": "us3.datadoghq.com", "datadoghq.eu": "app.datadoghq.eu", "https://app.ddog-gov.com/": "app.ddog-gov.com", "acme.datadoghq.com?x": "acme.datadoghq.com",
	} {
		resp, text := w.choose(w.browser, page, url.Values{"site": {"us5.datadoghq.com"}, "address": {address}})
		require.Equal(t, http.StatusSeeOther, resp.StatusCode, "%s: %s", address, text)
		assert.Equal(t, host, w.location(resp).Host, "%s wins over the site", address)
	}
	before := len(w.counted())
	for _, address := range append([]string{"http://acme.datadoghq.com", "acme", `"><script>alert(1)</script>`, strings.Repeat("a", 3000)}, hostile...) {
		if strings.TrimSpace(address) == "" {
			continue
		}
		resp, text := w.choose(w.browser, page, url.Values{"site": {""}, "address": {address}})
		if resp.StatusCode == http.StatusSeeOther { // what stands behind the host is left out, as in datadoghq.com#.evil.example
			w.Clock.Advance(grant.FlowLife) // so that its consents do not fill up
			page = w.link("acme")
			assert.Equal(t, "app.datadoghq.com", w.location(resp).Host, "%q", address)
			continue
		}
		require.Equal(t, http.StatusBadRequest, resp.StatusCode, "%q", address)
		assert.Contains(t, text, "This is not an address of Datadog.", "%q", address)
		assert.Contains(t, text, `aria-invalid="true" aria-describedby="address-wrong address-hint" autofocus`, "%q", address)
		assert.NotContains(t, text, "<script", "%q", address)
		assert.Less(t, len(text), 20_000, "%q", address)
	}
	outcomes := w.counted()[before:]
	assert.Contains(t, outcomes, "bad_site")
	resp, text := w.choose(w.browser, page, url.Values{"address": {"https://api.datadoghq.eu"}})
	assert.Equal(t, http.StatusBadRequest, resp.StatusCode)
	assert.Contains(t, text, "You probably mean EU1 (datadoghq.eu).")
	assert.Contains(t, text, `value="https://api.datadoghq.eu"`, "what was written is still there")
	assert.Regexp(t, startField, text, "and can be corrected")
	assert.Empty(t, w.Datadog.Dials())
}

func TestWhatTheLinkNamesIsNotChosen(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	page := w.link("acme") + "?domain=us3.datadoghq.com"
	_, text := w.get(w.browser, page)
	assert.NotContains(t, text, `name="site"`)
	assert.Contains(t, text, "<dd>https://us3.datadoghq.com</dd>")
	resp, text := w.choose(w.browser, page, url.Values{"site": {"datadoghq.eu"}, "address": {"https://acme.datadoghq.eu"}})
	require.Equal(t, http.StatusSeeOther, resp.StatusCode, text)
	assert.Equal(t, "us3.datadoghq.com", w.location(resp).Host)
	for _, bad := range []string{"evil.example", "app.datadoghq.com", "bigcorp.datadoghq.eu"} {
		resp, _ = w.choose(w.browser, w.link("acme"), url.Values{"site": {bad}})
		assert.Equal(t, http.StatusBadRequest, resp.StatusCode, bad)
		assert.Empty(t, resp.Header.Get("Location"), bad)
	}
}

func TestAChosenSiteIsKeptWithTheConsent(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	resp, text := w.choose(w.browser, w.link("acme"), url.Values{"site": {"us2.ddog-gov.com"}})
	require.Equal(t, http.StatusSeeOther, resp.StatusCode, text)
	resp, text = w.ends(w.browser, w.consent(w.location(resp), us3(t), granttest.OrgA))
	assert.Equal(t, http.StatusBadRequest, resp.StatusCode)
	assert.Contains(t, text, "one for government, or the reverse", "nobody crosses over")
	assert.Empty(t, w.Datadog.Dials())

	resp, text = w.choose(w.browser, w.link("acme"), url.Values{"site": {"datadoghq.eu"}})
	require.Equal(t, http.StatusSeeOther, resp.StatusCode, text)
	q := w.consent(w.location(resp), us3(t), granttest.OrgA)
	w.Datadog.Answer("/oauth2/v1/token", granttest.Status(400, `{"error":"invalid_grant"}`))
	resp, text = w.ends(w.browser, q)
	assert.Equal(t, http.StatusBadGateway, resp.StatusCode)
	assert.Contains(t, text, "You began at EU1 (datadoghq.eu), and Datadog answered for US3 (us3.datadoghq.com)")
	assert.True(t, w.logged("site at the start: datadoghq.eu, domain of the callback: us3.datadoghq.com"))
	assert.True(t, w.logged("sent as application/x-www-form-urlencoded, the verifier fits the challenge: yes"))
}
