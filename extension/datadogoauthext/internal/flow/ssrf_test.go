package flow_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/grant/granttest"
	"github.com/datadogoauth/otelcol-datadogoauth/site"
)

// hostile are values of site and domain that would send the client secret, a code or a browser somewhere else.
var hostile = []string{
	"evil.example", "https://evil.example", "//evil.example", "///evil.example", "\\\\evil.example", "evil-datadoghq.com", "datadoghq.com.evil.example", "datadoghq.comevil.example",
	"us3.datadoghq.com.evil.example", "datadoghq.com@evil.example", "https://datadoghq.com@evil.example", "https://app.datadoghq.com:x@evil.example", "evil.example/datadoghq.com",
	"evil.example#datadoghq.com", "evil.example?datadoghq.com", "datadoghq.com#.evil.example", "datadoghq.com/.evil.example", "datadoghq.com?.evil.example", "datadoghq.com\\.evil.example",
	"datadoghq.com%2eevil.example", "datadoghq%2ecom", "evil.example%00.datadoghq.com", "evil.example\x00.datadoghq.com", "datadoghq.com\r\nHost: evil.example", "datadoghq.com evil.example",
	"datadoghq.com:8443", "datadoghq.com:443@evil.example", "datadoghq.com.", "datadoghq.com..", ".datadoghq.com", "*.datadoghq.com", "datadoghq", "com",
	"datad\u043eghq.com", "d\u0430tadoghq.com", "xn--datadghq-3jg.com", "xn--80ak6aa92e.datadoghq.com", "datadoghq\u3002com", "\uff44atadoghq.com", "datadoghq.com\u202e",
	"127.0.0.1", "http://127.0.0.1", "https://127.0.0.1:8445", "2130706433", "0x7f000001", "0177.0.0.1", "127.1", "0", "[::1]", "::1", "https://[::1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "0.0.0.0", "[::]",
	"169.254.169.254", "https://169.254.169.254", "http://169.254.169.254/latest/meta-data/", "[fd00:ec2::254]", "10.0.0.1", "192.168.0.1", "metadata.google.internal", "metadata.internal",
	"localhost", "https://localhost", "localhost.localdomain", "printer.local", "kubernetes.default.svc", "host.docker.internal", "127.0.0.1.nip.io",
	"api.datadoghq.com", "https://api.datadoghq.com", "http-intake.logs.datadoghq.com", "trace.agent.datadoghq.com", "otlp.datadoghq.com", "docs.datadoghq.com", "static.datadoghq.com", "mcp.datadoghq.com",
	"team.oncall.datadoghq.com", "browser-intake-datadoghq.com", "synthetics.datadoghq.com", "ip-ranges.datadoghq.com", "event-management-intake.datadoghq.com", "install.datadoghq.com",
	"foo-intake.datadoghq.com", "a.b.datadoghq.com", "-a.datadoghq.com", "us2.us3.datadoghq.com", "api.us3.datadoghq.com",
	"datad0g.com", "app.datad0g.com", "https://dd.datad0g.com", "file:///etc/passwd", "ftp://datadoghq.com", "gopher://datadoghq.com", "http://app.datadoghq.com", "javascript:alert(1)", "data:text/html,x",
	"https:app.datadoghq.com", "https:/app.datadoghq.com", "https://app.datadoghq.com:8443", "https://app.datadoghq.com/path", "https://app.datadoghq.com?x=1", "https://app.datadoghq.com#x",
	strings.Repeat("a", 64) + ".datadoghq.com", strings.Repeat("a.", 200) + "datadoghq.com",
}

// RFC 9700 §4.4 and spec of Datadog's sites: what is not an exact row of the table causes no connection at all.
func TestRFC9700_RefusedSitesAndDomainsContactNobody(t *testing.T) {
	t.Parallel()
	p := newPartner(t)
	w := newWorldWith(t, p.admits)
	link := w.link("acme")
	for _, raw := range hostile {
		for _, key := range []string{"site", "domain"} {
			for where, address := range map[string]string{"link": link, "arrival": public + "/connect"} {
				resp, _ := w.get(w.browser, address+"?"+url.Values{key: {raw}}.Encode())
				assert.Equal(t, http.StatusBadRequest, resp.StatusCode, "%s: %s=%q", where, key, raw)
				assert.Empty(t, resp.Header.Get("Location"), "%s: %s=%q", where, key, raw)
			}
			q := w.consent(w.press(w.browser, link), us3(t), granttest.OrgA)
			q.Set(key, raw)
			resp, page := w.ends(w.browser, q)
			assert.Equal(t, http.StatusBadRequest, resp.StatusCode, "callback: %s=%q", key, raw)
			assert.NotContains(t, page, "You may now close", "callback: %s=%q", key, raw)
		}
	}
	for _, query := range []string{
		"domain=bigcorp.datadoghq.eu", "domain=app.datadoghq.com", "domain=https://us3.datadoghq.com", "domain=us5.datadoghq.com&domain=evil.example", "site=us5.datadoghq.com&site=evil.example",
		"site=https://app.ddog-gov.com&domain=us5.datadoghq.com", "domain=us3.datadoghq.com;site=evil.example", "domain=%zz",
	} {
		resp, _ := w.get(w.browser, link+"?"+query)
		assert.Equal(t, http.StatusBadRequest, resp.StatusCode, query)
	}
	assert.Empty(t, w.Datadog.Dials())
}

// reservedLabels are those that Datadog uses below its sites, and the sites' own. As a custom subdomain they would pass a check of the suffix.
var reservedLabels = strings.Fields(`api app otlp mcp opamp config trace agent process orchestrator synthetics intake docs static www status p go help
	support install oncall http-intake event-management-intake browser-intake ip-ranges
	us1 us2 us3 us5 eu1 ap1 ap2 uk1 any-intake a.b`)

func TestRFC9700_ReservedLabelsBelowASiteContactNobody(t *testing.T) {
	t.Parallel()
	z := newFuzzed(t, newPartner(t))
	secret, _, err := z.grants.Invite(t.Context(), "acme", "", 24*time.Hour, "test")
	require.NoError(t, err)
	tried := 0
	for _, label := range reservedLabels {
		for _, row := range site.Table() {
			host := label + "." + row.Domain()
			_, isSite := site.ByDomain(host)
			for _, raw := range []string{host, "https://" + host} {
				for _, key := range []string{"site", "domain"} {
					if key == "site" && (isSite || label == "app") || isSite && raw == host {
						continue // the web application of a site, and a site
					}
					tried++
					q := url.Values{key: {raw}}.Encode()
					for _, page := range []string{"/connect", "/connect/" + secret} {
						rec := z.ask(t, page, q)
						assert.Equal(t, http.StatusBadRequest, rec.Code, "%s?%s=%s", page, key, raw)
						assert.Empty(t, rec.Header().Get("Location"), "%s?%s=%s", page, key, raw)
					}
					answer := url.Values{"code": {"c"}, "domain": {row.Domain()}}
					answer.Set(key, raw)
					state, cookies := z.begin(t, secret, row)
					rec := z.ends(t, "state="+state+"&"+answer.Encode(), cookies...)
					assert.Equal(t, http.StatusBadRequest, rec.Code, "callback: %s=%s", key, raw)
				}
			}
		}
	}
	assert.Greater(t, tried, 36*9*4-9*2-6*4)
	assert.Empty(t, z.Datadog.Calls(""))
	assert.Empty(t, z.Datadog.Dials())
}
