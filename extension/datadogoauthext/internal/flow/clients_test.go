package flow_test

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/oauth2"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/flow"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/grant"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/grant/granttest"
)

// A tenant that the test client connected is refused to the published one: at the button, and in a callback of a consent that began before.
func TestATenantOfTheTestClientIsRefusedToThePublishedOne(t *testing.T) {
	t.Parallel()
	sandbox := granttest.Client{ID: "1e1e1e1e-client-5678", Secret: "another-s3cr3t-of-the-sandbox", RedirectURL: public + "/sandbox/callback"}
	w := newWorldWith(t, func(o *flow.Options) {
		o.Clients["sandbox"] = flow.Client{ClientID: sandbox.ID, Stage: "test", RedirectURL: sandbox.RedirectURL}
	})
	w.Datadog.AddClient(sandbox)
	w.Edit = func(o *grant.Options) {
		o.Clients = append(o.Clients, grant.ClientConfig{Name: "sandbox", ClientID: sandbox.ID, Stage: "test", RedirectURL: sandbox.RedirectURL, Secret: w.SecretFileOf(sandbox, "sandbox-secret")})
	}
	w.serve(w.Restart(w.grants))

	link := w.linkOf("main", "acme")
	_, page := w.get(w.browser, link)
	form := startField.FindStringSubmatch(page)
	require.NotNil(t, form)
	late := w.consent(w.press(w.browser, link), us3(t), granttest.OrgA)

	verifier := oauth2.GenerateVerifier()
	state, err := w.grants.BeginFlow(t.Context(), grant.Flow{Tenant: "acme", Client: "sandbox", Verifier: verifier, Partition: string(us3(t).Partition())})
	require.NoError(t, err)
	fl, err := w.grants.ConsumeFlow(t.Context(), state)
	require.NoError(t, err)
	_, err = w.grants.Connect(t.Context(), fl, us3(t), w.Datadog.CodeFor(sandbox.ID, us3(t), granttest.OrgA, oauth2.S256ChallengeFromVerifier(verifier)))
	require.NoError(t, err)

	calls := len(w.Datadog.Calls(""))
	resp, text := w.ends(w.browser, late)
	assert.Equal(t, http.StatusForbidden, resp.StatusCode)
	assert.Contains(t, text, "cannot be connected here")
	resp, err = w.browser.PostForm(link, url.Values{"start": {form[1]}})
	require.NoError(t, err)
	assert.Contains(t, w.body(resp), "cannot be connected here")
	assert.Equal(t, http.StatusForbidden, resp.StatusCode)
	assert.Len(t, w.Datadog.Calls(""), calls, "nothing was exchanged")
	assert.True(t, w.logged("disconnect the tenant first"))
	cred, err := w.grants.Lookup("acme")
	require.NoError(t, err)
	assert.Equal(t, "sandbox", cred.Org().Client)
	assert.Empty(t, w.grants.PendingChanges())
}
