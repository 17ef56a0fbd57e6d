package admin_test

import (
	"regexp"
	"testing"
)

func TestBrowsersKeepToTLS(t *testing.T) {
	t.Parallel()
	s := start(t, &grants{})
	for base, want := range map[string]string{
		"https://admin.example.com:8445": "max-age=31536000", "http://admin.example.com": "max-age=31536000", "https://localhost:8445": "", "https://LOCALHOST.": "",
		"http://localhost:8445": "", "http://127.0.0.1:8445": "", "http://[::1]:8445": "",
	} {
		if got := newBrowser(t, s.Config.Handler, base, "10.0.0.1").do("GET", "/login", "").Header().Get("Strict-Transport-Security"); got != want {
			t.Errorf("%s: got %q, want %q", base, got, want)
		}
	}
}

func TestEachPageHasANonceOfItsOwnAndTheAPINone(t *testing.T) {
	t.Parallel()
	s := start(t, &grants{})
	b := newBrowser(t, s.Config.Handler, "https://admin.example.com", "10.0.0.1")
	b.login("the-operate")
	page := regexp.MustCompile(`^default-src 'none'; style-src 'self'; script-src 'nonce-([A-Za-z0-9_-]{43})'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'$`)
	seen := map[string]bool{}
	for _, path := range []string{"/", "/", "/login"} {
		policy := b.do("GET", path, "").Header().Get("Content-Security-Policy")
		m := page.FindStringSubmatch(policy)
		if m == nil || seen[m[1]] {
			t.Errorf("%s: %s", path, policy)
			continue
		}
		seen[m[1]] = true
	}
	for _, path := range []string{"/v1/ready", "/v1/tenants", "/status.css", "/nothing"} {
		if got := b.do("GET", path, "").Header().Get("Content-Security-Policy"); got != "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'" {
			t.Errorf("%s: %s", path, got)
		}
	}
}
