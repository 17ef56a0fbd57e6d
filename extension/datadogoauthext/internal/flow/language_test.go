package flow_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/flow"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/grant/granttest"
)

// speaking is a browser that asks for a language.
type speaking struct {
	languages []string
	next      http.RoundTripper
}

func (s speaking) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	for _, l := range s.languages {
		r.Header.Add("Accept-Language", l)
	}
	return s.next.RoundTrip(r)
}

func (w *world) browserIn(languages ...string) *http.Client {
	b := w.newBrowser()
	b.Transport = speaking{languages, b.Transport}
	return b
}

func TestPagesAreInTheLanguageOfTheBrowser(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for want, languages := range map[string][]string{"ko": {"ko-KR,ko;q=0.9,en;q=0.8"}, "en": {"fr-FR, en;q=0.5, ko;q=0.4"}} {
		b := w.browserIn(languages...)
		both := map[string][2]string{"en": {"Connect <bdi>acme</bdi> to Datadog", "Nothing was connected"}, "ko": {"<bdi>acme</bdi> 계정을 Datadog에 연결", "접근이 허용되지 않았습니다"}}
		says, other := both[want], both[map[string]string{"en": "ko", "ko": "en"}[want]]
		link := w.link("acme")
		resp, text := w.get(b, link)
		assert.Equal(t, want, resp.Header.Get("Content-Language"))
		assert.Contains(t, text, says[0])
		assert.NotContains(t, text, other[0])
		q := w.consent(w.press(b, link), us3(t), granttest.OrgA)
		q.Set("error", "access_denied")
		resp, text = w.ends(b, q)
		assert.Equal(t, http.StatusBadRequest, resp.StatusCode)
		assert.Equal(t, want, resp.Header.Get("Content-Language"))
		assert.Contains(t, text, says[1])
		assert.NotContains(t, text, other[1])
		// What Datadog asks partners to show at the end is there in any language.
		assert.Contains(t, w.connect(b, link, us3(t), granttest.OrgA), "You may now close this tab")
		resp, _ = w.get(b, public+"/nowhere")
		assert.Equal(t, want, resp.Header.Get("Content-Language"), "also of what is not there")
	}
	resp, _ := w.get(w.browserIn("fr", "ko;q=0.1"), public+"/nowhere")
	assert.Equal(t, "ko", resp.Header.Get("Content-Language"), "a header that is there twice")
}

func TestSupportIsNamedWhereACustomerIsToAsk(t *testing.T) {
	t.Parallel()
	for support, shown := range map[string]string{
		"mailto:help@partner.example?subject=Datadog": `<a href="mailto:help@partner.example?subject=Datadog">help@partner.example</a>`,
		"https://partner.example/help":                `<a href="https://partner.example/help">https://partner.example/help</a>`,
		"02-123-4567 <office>":                        "02-123-4567 &lt;office&gt;",
	} {
		w := newWorldWith(t, func(o *flow.Options) { o.Support = support })
		_, text := w.get(w.browser, w.link("acme"))
		assert.Contains(t, text, shown)
		q := w.consent(w.press(w.browser, w.link("acme")), us3(t), granttest.OrgA)
		q.Set("error", "invalid_scope")
		_, text = w.ends(w.browser, q)
		assert.Contains(t, text, "Ask <bdi>Parts &amp; &lt;Co&gt;</bdi> ("+shown+").")
	}
	w := newWorld(t)
	_, text := w.get(w.browser, w.link("acme"))
	require.NotContains(t, text, "()")
}

// Each is told what they can do about what Datadog answered.
func TestEachAnswerOfDatadogHasItsOwnPage(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	pages := map[string]bool{}
	for _, code := range []string{"access_denied", "invalid_scope", "unauthorized_client", "server_error", "temporarily_unavailable", "something_else"} {
		q := w.consent(w.press(w.browser, w.link("acme")), us3(t), granttest.OrgA)
		q.Set("error", code)
		_, text := w.ends(w.browser, q)
		assert.Contains(t, text, "What you can do", code)
		assert.False(t, pages[text], "%s has the page of another", code)
		pages[text] = true
	}
	q := w.consent(w.press(w.browser, w.link("acme")), us3(t), granttest.OrgA)
	q.Set("domain", "bigcorp.datadoghq.eu")
	_, text := w.ends(w.browser, q)
	assert.Contains(t, text, "Probably EU1 (datadoghq.eu) is meant.")
	resp, text := w.get(w.browser, w.link("acme")+"?domain=bigcorp.us5.datadoghq.com")
	assert.Equal(t, http.StatusBadRequest, resp.StatusCode)
	assert.Contains(t, text, "You probably mean US5 (us5.datadoghq.com).")
}
