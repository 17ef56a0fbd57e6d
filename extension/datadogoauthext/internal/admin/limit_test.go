package admin_test

import (
	"net/http"
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

// A page of any web site can have the operator's browser ask. It locks nobody out.
func TestForeignPagesUseUpNothing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		s := &server{t: t, grants: &grants{}, dir: dir}
		handler := s.handler(func(o *admin.Options) { o.RequestsPerMinute = 60 })
		const base = "http://localhost:8445"
		operator := newBrowser(t, handler, base, "127.0.0.1")
		fetched := func(site, mode, dest string) change {
			return func(r *http.Request) {
				r.Header.Set("Sec-Fetch-Site", site)
				r.Header.Set("Sec-Fetch-Mode", mode)
				r.Header.Set("Sec-Fetch-Dest", dest)
			}
		}
		for _, foreign := range []change{
			fetched("cross-site", "no-cors", "image"), fetched("cross-site", "navigate", "iframe"), fetched("cross-site", "cors", "empty"),
			fetched("same-site", "no-cors", "script"), // of another port
		} {
			for path, contentType := range map[string]string{"/": "text/html; charset=utf-8", "/login": "text/html; charset=utf-8", "/v1/tenants": "application/problem+json"} {
				for range 100 {
					resp := operator.do("GET", path, "", foreign)
					if resp.Code != 403 || resp.Header().Get("Content-Type") != contentType {
						t.Fatalf("%s: got %d %s", path, resp.Code, resp.Body)
					}
				}
			}
		}
		for name, foreign := range map[string]change{"fetch": fetched("cross-site", "navigate", "document"), "origin": header("Origin", "https://evil.example")} {
			for range 100 {
				if resp := operator.do("POST", "/login", loginForm("the-operate", secretOf("guessed"), ""), foreign); resp.Code != 403 {
					t.Fatalf("told by %s: got %d", name, resp.Code)
				}
			}
		}
		link := fetched("cross-site", "navigate", "document")
		if got := operator.do("GET", "/login", "", link).Code; got != 200 {
			t.Errorf("a link leads to %d", got)
		}
		for range 100 {
			operator.do("GET", "/", "", link)
		}
		if got := operator.do("GET", "/", "", link).Code; got != 429 {
			t.Errorf("links are followed without end: got %d", got)
		}
		if got := operator.do("GET", "/v1/tenants", "", bearer("the-read")).Code; got != 200 {
			t.Errorf("a program on the same machine gets %d", got)
		}
		portal := func(r *http.Request) {
			fetched("cross-site", "cors", "empty")(r)
			header("Origin", "https://portal.example")(r)
			bearer("the-operate")(r)
		}
		for method, path := range map[string]string{"GET": "/v1/tenants", "POST": "/v1/tenants/acme/pause"} {
			if got := operator.do(method, path, "", portal).Code; got == 403 {
				t.Errorf("%s with a token, which no foreign page can send, gets 403", method)
			}
		}
		if got := operator.login("the-operate").Code; got != 303 {
			t.Errorf("the operator is locked out: %d", got)
		}
		for name, own := range map[string]change{"typed": fetched("none", "navigate", "document"), "a link of a page": fetched("same-origin", "navigate", "document"), "a script": fetched("same-origin", "cors", "empty")} {
			if got := operator.do("GET", "/live", "", own).Code; got != 200 {
				t.Errorf("%s: got %d", name, got)
			}
		}
	})
}
