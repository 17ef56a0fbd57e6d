package e2e

import (
	"crypto/tls"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/datadogoauth/otelcol-datadogoauth/testbed/partner"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/standin/faults"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/standin/history"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/world"
)

// What RFC 9700 asks of a client where the network matters, with the real binary. SECURITY.md lists these tests.

// A customer comes back with a code, and whoever answers as api.datadoghq.com cannot prove to be it: neither code nor client secret is said.
func TestRFC9700_AnImpostorIsToldNoSecret(t *testing.T) {
	t.Parallel()
	trusted, stranger := newAuthority(t), newAuthority(t)
	proxy := newImpostor(t)
	w := start(t, func(o *world.Options) {
		o.Tenants, o.Env = threeCustomers[:1], []string{"DEMO_PROXY=" + proxy.url.String()}
	})
	if err := w.Collector.Stop(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(w.Path("ca.pem"), append(w.Standin.CAPEM(), trusted.pem...), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := w.StartCollector(t.Context()); err != nil {
		t.Fatal(err)
	}
	const host = "api.datadoghq.com"
	soon, past := time.Now().Add(time.Hour), time.Now().Add(-time.Hour)
	good := trusted.names(t, host, soon)
	speaks := func(cert tls.Certificate, lowest, highest uint16) *tls.Config {
		return &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: lowest, MaxVersion: highest} //nolint:gosec // old versions are what is refused
	}
	for _, c := range []struct {
		name  string
		as    *tls.Config
		hears bool
	}{
		{"TLS 1.0", speaks(good, tls.VersionTLS10, tls.VersionTLS10), false},
		{"TLS 1.1 at most", speaks(good, tls.VersionTLS10, tls.VersionTLS11), false},
		{"an authority that is not trusted", speaks(stranger.names(t, host, soon), tls.VersionTLS12, 0), false},
		{"the certificate of another host", speaks(trusted.names(t, "evil.example", soon), tls.VersionTLS12, 0), false},
		{"the certificate of another site", speaks(trusted.names(t, "api.datadoghq.eu", soon), tls.VersionTLS12, 0), false},
		{"a certificate that ran out", speaks(trusted.names(t, host, past), tls.VersionTLS12, 0), false},
		// So that the others are not silent for another reason.
		{"TLS 1.2 and the right certificate", speaks(good, tls.VersionTLS12, tls.VersionTLS12), true},
	} {
		proxy.pretend(c.as)
		if err := w.Connect(t.Context(), w.Customers[0]); err == nil {
			t.Errorf("%s: connected", c.name)
		}
		tries, heard := proxy.told()
		if tries == 0 {
			t.Errorf("%s: the collector did not even try", c.name)
		}
		if said := strings.Contains(heard, w.ClientSecret()); said != c.hears || !c.hears && heard != "" {
			t.Errorf("%s: the client secret was said: %t; heard %d bytes", c.name, said, len(heard))
		}
	}
	proxy.leadTo(w.Standin.ProxyURL())
	if err := w.Connect(t.Context(), w.Customers[0]); err != nil {
		t.Errorf("the real Datadog: %v", err)
	}
}

// Codes come in through the public listener: nothing older than TLS 1.2, and no plain HTTP on the same port.
func TestRFC9700_ThePublicListenerRefusesOldTLS(t *testing.T) {
	t.Parallel()
	w := start(t, func(o *world.Options) { o.Tenants = threeCustomers[:1] })
	address := strings.TrimPrefix(w.PublicURL, "https://")
	roots := w.HTTPClient().Transport.(*http.Transport).TLSClientConfig.RootCAs
	for version, good := range map[uint16]bool{tls.VersionTLS10: false, tls.VersionTLS11: false, tls.VersionTLS12: true, tls.VersionTLS13: true} {
		dialer := &tls.Dialer{Config: &tls.Config{RootCAs: roots, MinVersion: version, MaxVersion: version}} //nolint:gosec // old versions are what is refused
		conn, err := dialer.DialContext(t.Context(), "tcp", address)
		if (err == nil) != good {
			t.Errorf("%s: %v", tls.VersionName(version), err)
		}
		if err == nil {
			conn.Close()
		}
	}
	link, err := w.Invite(t.Context(), "acme")
	if err != nil {
		t.Fatal(err)
	}
	answer, err := get(t, w, "http"+strings.TrimPrefix(link, "https"))
	if err != nil || strings.Contains(answer, "acme") || strings.Contains(answer, "Set-Cookie") {
		t.Errorf("plain HTTP: %v: %s", err, answer)
	}
}

// A stock exporter that is told not to verify does not get as far as sending.
func TestRFC9700_AStockExporterThatDoesNotVerifyIsRefusedAtStart(t *testing.T) {
	t.Parallel()
	for _, setting := range []string{"insecure_skip_verify: true", `min_version: "1.1"`} {
		w, err := world.Start(t.Context(), world.Options{
			Collector: binary(t, "otelcol-datadogoauth"), Ctl: binary(t, "datadogoauthctl"), Config: root + "/examples/demo/collector.yaml", Dir: t.TempDir(),
			Tenants: threeCustomers[:1], Env: []string{"STOCK_ENDPOINT=https://otlp.datadoghq.com"},
			Args: []string{"--config", "testdata/stock.yaml", "--config", "yaml:exporters::otlp_http::tls::" + setting},
		})
		if err == nil {
			t.Errorf("%s: the collector started", setting)
			if err := w.Close(); err != nil {
				t.Error(err)
			}
			continue
		}
		if !strings.Contains(err.Error(), "tls::ca_file") {
			t.Errorf("%s: %v", setting, err)
		}
	}
}

// The one endpoint of a stock exporter is the API of US1. A tenant of EU1 has an access token that is good elsewhere, and it stays here.
func TestRFC9700_AStockExporterTakesNoTokenToAnotherSite(t *testing.T) {
	t.Parallel()
	w := start(t, func(o *world.Options) { o.Tenants, o.Setup = threeCustomers[:2], &world.Setup{BearerLogs: true} })
	acceptBearerLogs(t, w)
	connectAll(t, w)
	sent := func(f history.Filter) int {
		f.Path = "/v1/logs"
		return len(w.Standin.History().List(f))
	}
	if err := w.SendLog(t.Context(), "acme", "at home"); err != nil || sent(history.Filter{Org: w.Customers[0].Org.ID}) != 1 {
		t.Errorf("a tenant of the endpoint's own site: %v", err)
	}
	if err := w.SendLog(t.Context(), "globex", "elsewhere"); err == nil || sent(history.Filter{}) != 1 {
		t.Errorf("a tenant of another site: %v", err)
	}
	// Nor does it go where an answer sends it.
	w.Standin.Faults().Remove("bearer logs")
	if _, err := w.Standin.Faults().Add(faults.Fault{Path: "/v1/logs", Host: "api.datadoghq.com", Status: http.StatusPermanentRedirect,
		Headers: map[string]string{"Location": "https://api.datadoghq.eu/v1/logs"}}); err != nil {
		t.Fatal(err)
	}
	if err := w.SendLog(t.Context(), "acme", "sent on"); err == nil || sent(history.Filter{Host: "api.datadoghq.com"}) != 2 || sent(history.Filter{}) != 2 {
		t.Errorf("a redirect: %v", err)
	}
	for _, e := range w.Standin.History().List(history.Filter{}) {
		if e.Auth == "bearer" && e.OrgSite != e.Site || e.Purpose == "" {
			t.Errorf("%s%s got a token of %s", e.Host, e.Path, e.OrgSite)
		}
	}
}

// Addresses end up in histories, logs and Referer headers. Of what is secret they hold the state alone, which is of no use without its cookie,
// and a connect link holds the invitation that it is.
func TestRFC9700_NoSecretInAnAddressOfOurs(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	w := start(t, func(o *world.Options) { withLogin("RS256")(o); o.Dir = dir })
	acme, globex := w.Customers[0], w.Customers[1]
	link, err := w.Invite(t.Context(), acme.Tenant)
	if err != nil {
		t.Fatal(err)
	}
	w.Partner.SignIn(partner.Customer{Tenant: globex.Tenant})
	var addresses []string
	for entry, c := range map[string]world.Customer{link: acme, w.PublicURL + "/connect": globex} {
		b, err := w.NewBrowser()
		if err != nil {
			t.Fatal(err)
		}
		defer b.Close()
		step := func(p *world.Page, set map[string]string) *world.Page {
			t.Helper()
			next, err := b.Submit(t.Context(), p, set)
			if err != nil {
				t.Fatal(err)
			}
			return next
		}
		page, err := b.Open(t.Context(), entry)
		if err != nil {
			t.Fatal(err)
		}
		if page.URL.Path == "/login" {
			addresses = append(addresses, page.URL.String())
			page = step(page, nil)
			addresses = append(addresses, page.URL.String())
		}
		consent := step(page, nil)
		q := consent.URL.Query()
		if consent.URL.Host != "app.datadoghq.com" || q.Get("state") == "" || q.Get("code_challenge") == "" {
			t.Fatalf("not an authorization request: %s%s", consent.URL.Host, consent.URL.Path)
		}
		q.Del("state")
		addresses = append(addresses, consent.URL.Host+consent.URL.Path+"?"+q.Encode())
		last := step(consent, map[string]string{"action": "authorize", "org": c.Org.ID, "site": c.Org.Site})
		if last.Status != http.StatusOK || last.URL.RawQuery != "" {
			t.Fatalf("%s: %d: %s", c.Tenant, last.Status, last.Text())
		}
		addresses = append(addresses, last.URL.String())
	}
	names, scanner := secretsOf(t, w, dir)
	for name, secret := range map[string]string{"ticket": w.Partner.LastTicket(), "connect link": link[strings.LastIndex(link, "/")+1:]} {
		if err := scanner.Add(len(names), secret); err != nil {
			t.Fatal(err)
		}
		names = append(names, name)
	}
	if len(addresses) != 6 {
		t.Errorf("%d addresses", len(addresses))
	}
	for _, address := range addresses {
		for _, f := range scanner.Scan([]byte(address)) {
			t.Errorf("an address holds a secret: %s, %s, after %q", names[f.Secret], f, address[:f.Offset])
		}
	}
	if len(scanner.Scan([]byte(link))) == 0 {
		t.Error("the search does not find what is there")
	}
	within(t, 20*time.Second, "the log says who connected", func() bool {
		return strings.Contains(w.Log.String(), acme.Tenant) && strings.Contains(w.Log.String(), globex.Tenant)
	})
	for _, f := range scanner.Scan([]byte(w.Log.String())) {
		t.Errorf("the log holds a secret: %s, %s", names[f.Secret], f)
	}
}
