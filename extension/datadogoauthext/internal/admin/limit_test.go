package admin_test

import (
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/admin"
)

func TestOneNetworkAsksSoOftenAMinute(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		s := &server{t: t, grants: &grants{}, dir: dir}
		handler := s.handler(func(o *admin.Options) { o.RequestsPerMinute = 60 })
		const base = "https://admin.example.com"
		one, other := newBrowser(t, handler, base, "192.0.2.1"), newBrowser(t, handler, base, "192.0.2.2")
		for range 60 {
			if got := one.do("GET", "/v1/tenants", "", bearer("the-read")).Code; got != 200 {
				t.Fatalf("got %d within the bound", got)
			}
		}
		if err := os.Remove(filepath.Join(dir, "the-connect")); err != nil {
			t.Fatal(err)
		}
		for path, contentType := range map[string]string{"/v1/tenants": "application/problem+json", "/": "text/plain; charset=utf-8"} {
			resp := one.do("GET", path, "", bearer("the-read"))
			if resp.Code != 429 || resp.Header().Get("Retry-After") != "60" || resp.Header().Get("Content-Type") != contentType {
				t.Errorf("%s: got %d %v", path, resp.Code, resp.Header())
			}
		}
		if s.log.FilterMessageSnippet("locked out").Len() != 0 {
			t.Error("token files are read beyond the bound")
		}
		if got := one.do("GET", "/v1/tenants", "", bearer("the-read"), host("evil.example")).Code; got != 421 {
			t.Errorf("the Host comes first: got %d", got)
		}
		if got := one.do("GET", "/v1/ready", "").Code; got != 200 {
			t.Errorf("a probe gets %d", got)
		}
		if got := other.do("GET", "/v1/tenants", "", bearer("the-read")).Code; got != 200 {
			t.Errorf("another network gets %d", got)
		}
		if s.log.FilterMessageSnippet("locked out").Len() != 1 {
			t.Error("the test proves nothing: a token file that is gone is not seen")
		}
		time.Sleep(time.Second)
		if got := one.do("GET", "/v1/tenants", "", bearer("the-read")).Code; got != 200 {
			t.Errorf("a second later: got %d", got)
		}
	})
}

func TestOneNetworkTriesToLogInTenTimesAMinute(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		s := &server{t: t, grants: &grants{}, dir: dir}
		handler := s.handler(func(*admin.Options) {})
		const base = "https://admin.example.com"
		one, other := newBrowser(t, handler, base, "[2001:db8::1]"), newBrowser(t, handler, base, "[2001:db8:0:1::1]")
		for range 10 {
			one.do("POST", "/login", loginForm("the-operate", secretOf("guessed"), ""))
		}
		one.addr = "[2001:db8::2]" // of the same /64
		if resp := one.login("the-operate"); resp.Code != 429 || len(one.cookies) > 0 {
			t.Errorf("an eleventh try gets %d", resp.Code)
		}
		if resp := other.login("the-operate"); resp.Code != 303 {
			t.Errorf("another network gets %d", resp.Code)
		}
		time.Sleep(6 * time.Second)
		if resp := one.login("the-operate"); resp.Code != 303 {
			t.Errorf("six seconds later: got %d", resp.Code)
		}
	})
}
