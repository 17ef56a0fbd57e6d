package flow_test

import (
	"fmt"
	"net/http"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/grant/granttest"
)

const maybe = "you may be connected already: ask <bdi>Parts &amp; &lt;Co&gt;</bdi> before you go on."

// A page that cannot know better does not tell people who are connected that they are not.
func TestWhoeverReloadsWhileTheCallbackWorksMayBeConnected(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	asked, release := make(chan struct{}), make(chan struct{})
	goOn := sync.OnceFunc(func() { close(release) })
	defer goOn()
	org := fmt.Sprintf(`{"data":{"type":"users","relationships":{"org":{"data":{"type":"orgs","id":%q}}}},"included":[{"type":"orgs","id":%[1]q,"attributes":{"name":"Org"}}]}`, granttest.OrgA)
	w.Datadog.Answer("/api/v2/current_user", func(rw http.ResponseWriter, r *http.Request) {
		close(asked)
		<-release
		granttest.Status(http.StatusOK, org)(rw, r)
	})
	q := w.consent(w.press(w.browser, w.link("acme")), us3(t), granttest.OrgA)
	first := make(chan string, 1)
	go func() {
		resp, err := w.browser.Get(granttest.RedirectURL + "?" + q.Encode())
		if err != nil {
			first <- err.Error()
			return
		}
		_ = resp.Body.Close()
		first <- public + resp.Header.Get("Location")
	}()
	<-asked
	resp, text := w.ends(w.browser, q)
	assert.Equal(t, http.StatusBadRequest, resp.StatusCode)
	assert.Contains(t, text, maybe)
	assert.NotContains(t, text, "Not connected")
	goOn()
	_, text = w.get(w.browser, <-first)
	assert.Contains(t, text, "You may now close this tab")
	assert.Contains(t, text, "acme")
}

func TestWhoeverComesWithASecondTabMayBeConnected(t *testing.T) {
	t.Parallel()
	p := newPartner(t)
	w := newWorldWith(t, p.admits)
	link := w.link("acme")
	for page, was := range map[string]string{link: "Your connect link was used", w.logIn(w.browser, p, "", "globex"): "Your login was used"} {
		second := w.consent(w.press(w.browser, page), us3(t), granttest.OrgA)
		require.Contains(t, w.connect(w.browser, page, us3(t), granttest.OrgA), "You may now close this tab")
		resp, text := w.ends(w.browser, second)
		assert.Equal(t, http.StatusNotFound, resp.StatusCode)
		assert.Contains(t, text, was)
		assert.Contains(t, text, maybe)
		assert.NotContains(t, text, "Not connected")
		_, text = w.get(w.browser, page)
		assert.Contains(t, text, maybe)
		assert.NotContains(t, text, "Not connected")
	}
}
