package flow_test

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/flow"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/grant/granttest"
)

func TestAPanicIsAPageAtACleanAddress(t *testing.T) {
	t.Parallel()
	var at atomic.Value // the outcome that is not survived
	at.Store("")
	p := newPartner(t)
	w := newWorldWith(t, func(o *flow.Options) {
		p.admits(o)
		count := o.Outcome
		o.Outcome = func(ctx context.Context, outcome string) {
			count(ctx, outcome)
			if outcome == at.Load() {
				panic("a bug")
			}
		}
	})
	login := w.arrive(w.browser, "")
	at.Store("admitted")
	resp, text := w.returns(w.browser, returning(login, p.sign(p.claims(w.Clock.Now(), login.Query().Get("nonce"), "globex"))))
	assert.Equal(t, http.StatusInternalServerError, resp.StatusCode)
	assert.Contains(t, text, "Begin again</a>")
	assert.NotContains(t, resp.Request.URL.String(), "ticket=")

	link := w.link("acme")
	_, page := w.get(w.browser, link)
	at.Store("begun")
	resp, err := w.browser.PostForm(link, url.Values{"start": {startField.FindStringSubmatch(page)[1]}})
	require.NoError(t, err)
	assert.Contains(t, w.body(resp), "Something went wrong")
	assert.Equal(t, http.StatusInternalServerError, resp.StatusCode)

	at.Store("")
	q := w.consent(w.press(w.browser, link), us3(t), granttest.OrgA)
	at.Store("connected")
	resp, text = w.ends(w.browser, q)
	assert.Equal(t, http.StatusInternalServerError, resp.StatusCode)
	assert.Contains(t, text, "Something went wrong")
	assert.NotContains(t, text, "Not connected", "since it is")

	entries := w.logs.FilterMessageSnippet("panicked").All()
	require.Len(t, entries, 3)
	for _, e := range entries {
		assert.Equal(t, "a bug", e.ContextMap()["panic"])
		assert.Contains(t, e.ContextMap()["stack"], "flow.(*Flow).count")
	}
	w.noSecrets(q.Get("code"), q.Get("state"), strings.TrimPrefix(link, public+"/connect/"))
}
