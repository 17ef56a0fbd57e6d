package admin_test

import (
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/admin"
)

// loggedIn sends the cookie of a login with the token.
func (s *server) loggedIn(name string) change {
	s.t.Helper()
	resp, body := s.do("POST", "/login", loginForm(name, secretOf(name), ""), formBody)
	if resp.StatusCode != http.StatusSeeOther || len(resp.Cookies()) != 1 {
		s.t.Fatalf("login of %s: got %d %s", name, resp.StatusCode, body)
	}
	return withCookie(resp.Cookies()[0].Value)
}

func loginForm(name, token, next string) string {
	return url.Values{"name": {name}, "token": {token}, "next": {next}}.Encode()
}

// withCookie sends the session's cookie under the names that go with the request's Host, over TLS and in clear.
func withCookie(value string) change {
	return func(r *http.Request) {
		name := "datadogoauth-admin"
		if _, port, err := net.SplitHostPort(r.Host); err == nil {
			name += "-" + port
		}
		r.AddCookie(&http.Cookie{Name: name, Value: value})
		r.AddCookie(&http.Cookie{Name: "__Host-" + name, Value: value})
	}
}

func header(name, value string) change {
	return func(r *http.Request) { r.Header.Set(name, value) }
}

func formBody(r *http.Request) { r.Header.Set("Content-Type", "application/x-www-form-urlencoded") }

// browser asks a handler, without a network in between, from an address of its own.
type browser struct {
	t       *testing.T
	handler http.Handler
	base    string // "https://admin.example.com:8445"
	addr    string
	cookies map[string]*http.Cookie
}

func newBrowser(t *testing.T, handler http.Handler, base, addr string) *browser {
	return &browser{t, handler, base, addr, map[string]*http.Cookie{}}
}

func (b *browser) do(method, path, body string, changes ...change) *httptest.ResponseRecorder {
	r := httptest.NewRequestWithContext(b.t.Context(), method, b.base+path, strings.NewReader(body))
	r.RemoteAddr = b.addr + ":12345"
	if method == "POST" {
		formBody(r)
		r.Header.Set("Origin", b.base)
	}
	for _, c := range b.cookies {
		r.AddCookie(c)
	}
	for _, change := range changes {
		change(r)
	}
	w := httptest.NewRecorder()
	b.handler.ServeHTTP(w, r)
	for _, c := range w.Result().Cookies() {
		if b.cookies[c.Name] = c; c.MaxAge < 0 {
			delete(b.cookies, c.Name)
		}
	}
	return w
}

func (b *browser) login(name string) *httptest.ResponseRecorder {
	return b.do("POST", "/login", loginForm(name, secretOf(name), ""))
}

func TestALoginLeadsWhereItWasAskedFor(t *testing.T) {
	t.Parallel()
	s := start(t, &grants{})
	resp, _ := s.do("GET", "/?q=a&x=%2F", "")
	if got := resp.Header.Get("Location"); resp.StatusCode != 303 || got != "/login?next=%2F%3Fq%3Da%26x%3D%252F" {
		t.Errorf("nobody: got %d to %s", resp.StatusCode, got)
	}
	n := 0
	for next, want := range map[string]string{
		"": "/", "/?q=a&x=%2F": "/?q=a&x=%2F", "/tenants/a%2Fb": "/tenants/a%2Fb", "/x#y": "/x",
		"//evil.example": "/", `/\evil.example`: "/", "/\t/evil.example": "/", "https://evil.example/": "/", "evil": "/", "javascript:alert(1)": "/",
		"/%2Fevil.example": "/%2Fevil.example", "///evil.example": "/", "/login?next=/login": "/", "/\r\nSet-Cookie: a=b": "/",
	} {
		n++
		b := newBrowser(t, s.Config.Handler, "http://localhost:8445", fmt.Sprintf("10.0.0.%d", n))
		resp := b.do("POST", "/login", loginForm("the-read", " "+secretOf("the-read")+"\n", next))
		if got := resp.Header().Get("Location"); resp.Code != 303 || got != want {
			t.Errorf("%q: got %d to %q, want %q", next, resp.Code, got, want)
		}
	}
	if resp, _ := s.do("GET", "/login?next=/x", "", s.loggedIn("the-connect")); resp.StatusCode != 303 || resp.Header.Get("Location") != "/x" {
		t.Errorf("who is logged in is asked again: %d", resp.StatusCode)
	}
}

func TestALoginThatFailsDoesNotSayWhy(t *testing.T) {
	t.Parallel()
	s := start(t, &grants{})
	var answers []string
	for _, c := range [][2]string{{"the-read", secretOf("the-operate")}, {"nobody", secretOf("the-read")}, {"nobody", secretOf("x")}, {"the-read", ""}, {"", ""}} {
		resp, body := s.do("POST", "/login", loginForm(c[0], c[1], ""), formBody)
		if resp.StatusCode != 403 || len(resp.Cookies()) > 0 || strings.Contains(body, "the-read-the-read") {
			t.Errorf("%s: got %d %v %s", c[0], resp.StatusCode, resp.Cookies(), body)
		}
		answers = append(answers, strings.ReplaceAll(body, `value="`+c[0]+`"`, `value=""`))
	}
	for _, other := range answers[1:] {
		if other != answers[0] {
			t.Errorf("answers tell logins apart:\n%s\n%s", answers[0], other)
		}
	}
	if logged := fmt.Sprint(s.log.All()); strings.Contains(logged, "nobody") || strings.Contains(logged, secretOf("x")) {
		t.Errorf("the log has what was typed: %s", logged)
	}
}

func TestTheCookieOfASession(t *testing.T) {
	t.Parallel()
	s := start(t, &grants{})
	for base, want := range map[string]string{
		"https://admin.example.com":      "__Host-datadogoauth-admin=V; Path=/; HttpOnly; Secure; SameSite=Strict",
		"https://admin.example.com:8445": "__Host-datadogoauth-admin-8445=V; Path=/; HttpOnly; Secure; SameSite=Strict",
		"https://localhost:8445":         "__Host-datadogoauth-admin-8445=V; Path=/; HttpOnly; Secure; SameSite=Strict",
		"http://localhost:8445":          "datadogoauth-admin-8445=V; Path=/; HttpOnly; SameSite=Strict",
		"http://127.0.0.1:8445":          "datadogoauth-admin-8445=V; Path=/; HttpOnly; SameSite=Strict",
		"http://admin.example.com":       "__Host-datadogoauth-admin=V; Path=/; HttpOnly; Secure; SameSite=Strict", // through a proxy, where TLS ends
	} {
		b := newBrowser(t, s.Config.Handler, base, "10.0.0.1")
		line := b.login("the-read").Header().Get("Set-Cookie")
		name, rest, _ := strings.Cut(line, "=")
		value, rest, _ := strings.Cut(rest, ";")
		if got := name + "=V;" + rest; got != want || len(value) != 43 {
			t.Errorf("%s: got %s", base, line)
		}
		if resp := b.do("GET", "/", ""); resp.Code != 200 {
			t.Errorf("%s: logged in, got %d", base, resp.Code)
		}
		if resp := b.do("GET", "/v1/tenants", ""); resp.Code != 401 {
			t.Errorf("%s: the API takes the cookie: %d", base, resp.Code)
		}
	}
}

func TestANewLoginEndsTheSessionBefore(t *testing.T) {
	t.Parallel()
	s := start(t, &grants{})
	b := newBrowser(t, s.Config.Handler, "https://admin.example.com", "10.0.0.1")
	b.login("the-read")
	first := maps.Clone(b.cookies)
	b.login("the-operate")
	second := maps.Clone(b.cookies)
	for _, c := range []struct {
		cookies map[string]*http.Cookie
		status  int
	}{{second, 200}, {first, 303}} {
		b.cookies = c.cookies
		if got := b.do("GET", "/", "").Code; got != c.status {
			t.Errorf("got %d, want %d", got, c.status)
		}
	}
}

func TestASessionEnds(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		then func(s *server, b *browser)
		in   bool
	}{
		"not by itself":                     {func(*server, *browser) {}, true},
		"with a logout":                     {func(_ *server, b *browser) { b.do("POST", "/logout", "csrf="+b.csrf()) }, false},
		"not with a logout that is forged":  {func(_ *server, b *browser) { b.do("POST", "/logout", "csrf="+strings.Repeat("A", 43)) }, true},
		"with its token's file":             {func(s *server, _ *browser) { _ = os.Remove(filepath.Join(s.dir, "the-operate")) }, false},
		"when its token is replaced":        {func(s *server, _ *browser) { s.write(filepath.Join(s.dir, "the-operate"), secretOf("the-next")) }, false},
		"not when another one is":           {func(s *server, _ *browser) { s.write(filepath.Join(s.dir, "the-read"), secretOf("the-next")) }, true},
		"not within half an hour":           {func(*server, *browser) { time.Sleep(30*time.Minute - time.Second) }, true},
		"after half an hour without a page": {func(*server, *browser) { time.Sleep(30 * time.Minute) }, false},
		"though a script asks on": {func(_ *server, b *browser) {
			for range 31 {
				time.Sleep(time.Minute)
				b.do("GET", "/live", "")
			}
		}, false},
		"not while pages are asked for": {func(_ *server, b *browser) {
			for range 70 {
				time.Sleep(10 * time.Minute)
				b.do("GET", "/", "")
			}
		}, true},
		"after twelve hours in any case": {func(_ *server, b *browser) {
			for range 72 {
				time.Sleep(10 * time.Minute)
				b.do("GET", "/", "")
			}
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			synctest.Test(t, func(t *testing.T) {
				s := &server{t: t, grants: &grants{}, dir: dir}
				b := newBrowser(t, s.handler(func(*admin.Options) {}), "https://admin.example.com", "10.0.0.1")
				b.login("the-operate")
				kept := map[string]*http.Cookie{}
				for name, c := range b.cookies {
					kept[name] = c
				}
				c.then(s, b)
				b.cookies = kept // whatever the browser was told
				if got := b.do("GET", "/", "").Code; (got == 200) != c.in {
					t.Errorf("got %d", got)
				}
			})
		})
	}
}

// A browser has one login. That before it ends with the next one, and not with a try that fails.
func TestALoginEndsTheOneBefore(t *testing.T) {
	t.Parallel()
	s := start(t, &grants{})
	for n, next := range []string{"the-operate", "the-read"} {
		b := newBrowser(t, s.Config.Handler, "https://admin.example.com", fmt.Sprintf("10.0.0.%d", n))
		b.login("the-operate")
		before := maps.Clone(b.cookies)
		as := func(cookies map[string]*http.Cookie) int {
			other := newBrowser(t, s.Config.Handler, b.base, b.addr)
			other.cookies = maps.Clone(cookies)
			return other.do("GET", "/", "").Code
		}
		b.do("POST", "/login", loginForm(next, secretOf("guessed"), ""))
		if got := as(before); got != 200 {
			t.Errorf("a login of %s that failed ended one: %d", next, got)
		}
		b.login(next)
		if old, now := as(before), as(b.cookies); old != 303 || now != 200 {
			t.Errorf("after a login of %s the one before gets %d, and it %d", next, old, now)
		}
	}
}

// csrf takes the field from a page that has a form: that for whoever opens what is not for their role.
func (b *browser) csrf() string {
	b.t.Helper()
	page := b.do("POST", "/logout", "").Body.String()
	_, rest, ok := strings.Cut(page, `name="csrf" value="`)
	value, _, _ := strings.Cut(rest, `"`)
	if !ok || len(value) != 43 {
		b.t.Fatalf("no form on %s", page)
	}
	return value
}

func TestAFormHasToComeFromThisListenersPages(t *testing.T) {
	t.Parallel()
	s := start(t, &grants{})
	const base = "https://admin.example.com"
	for name, c := range map[string]struct {
		changes []change
		fields  string
		status  int
	}{
		"as it is":               {nil, "", 303},
		"without the field":      {nil, "csrf=", 403},
		"with another one's":     {nil, "csrf=" + strings.Repeat("B", 43), 403},
		"from another origin":    {[]change{header("Origin", "https://evil.example")}, "", 403},
		"from another port":      {[]change{header("Origin", base+":444")}, "", 403},
		"from an origin unnamed": {[]change{header("Origin", "null")}, "", 403},
		"from another site":      {[]change{header("Sec-Fetch-Site", "cross-site")}, "", 403},
		"from a sibling":         {[]change{header("Sec-Fetch-Site", "same-site")}, "", 403},
		"from here, says the browser, whatever the origin": {[]change{header("Sec-Fetch-Site", "same-origin"), header("Origin", "null")}, "", 303},
		"too big":                          {nil, "x=" + strings.Repeat("y", 17<<10), 400},
		"as JSON":                          {[]change{jsonBody}, "", 403},
		"without login":                    {[]change{func(r *http.Request) { r.Header.Del("Cookie") }}, "", 303},
		"with a token in place of a login": {[]change{func(r *http.Request) { r.Header.Del("Cookie") }, bearer("the-operate")}, "", 303},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBrowser(t, s.Config.Handler, base, "10.0.0."+fmt.Sprint(len(name)))
			b.login("the-operate")
			fields := c.fields
			if fields == "" {
				fields = "csrf=" + b.csrf()
			}
			resp := b.do("POST", "/logout", fields, c.changes...)
			if resp.Code != c.status {
				t.Errorf("got %d %s", resp.Code, resp.Body)
			}
			if left := resp.Header().Get("Set-Cookie") != ""; left != (c.status == 303 && !strings.Contains(name, "login")) {
				t.Errorf("logged out: %v", left)
			}
		})
	}
	for name, foreign := range map[string]change{"origin": header("Origin", "https://evil.example"), "fetch": header("Sec-Fetch-Site", "cross-site")} {
		b := newBrowser(t, s.Config.Handler, base, "10.0.1.1")
		if resp := b.do("POST", "/login", loginForm("the-read", secretOf("the-read"), ""), foreign); resp.Code != 403 || len(b.cookies) > 0 {
			t.Errorf("a foreign page logs a browser in, told by %s: %d", name, resp.Code)
		}
	}
}

func TestWhoeverLacksTheRoleCanLogOut(t *testing.T) {
	t.Parallel()
	s := start(t, &grants{})
	b := newBrowser(t, s.Config.Handler, "https://admin.example.com", "10.0.0.1")
	b.login("the-connect")
	page := b.do("GET", "/audit", "")
	if page.Code != 403 || !strings.Contains(page.Body.String(), "this needs read or operate") {
		t.Errorf("got %d %s", page.Code, page.Body)
	}
	if resp := b.do("POST", "/logout", "csrf="+b.csrf()); resp.Code != 303 || len(b.cookies) > 0 {
		t.Errorf("got %d, left with %v", resp.Code, b.cookies)
	}
}

func TestOneTokenCannotPushOutTheSessionsOfAnother(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		s := &server{t: t, grants: &grants{}, dir: dir}
		handler := s.handler(func(*admin.Options) {})
		const base = "https://admin.example.com"
		operator := newBrowser(t, handler, base, "10.0.0.1")
		operator.login("the-operate")
		var readers []*browser
		for i := range 1100 {
			b := newBrowser(t, handler, base, fmt.Sprintf("10.1.%d.%d", i/256, i%256))
			b.login("the-read")
			readers = append(readers, b)
			time.Sleep(time.Millisecond)
		}
		if got := operator.do("GET", "/", "").Code; got != 200 {
			t.Errorf("the operator gets %d", got)
		}
		in := 0
		for _, b := range readers {
			if b.do("GET", "/", "").Code == 200 {
				in++
			}
		}
		if last := readers[len(readers)-1].do("GET", "/", "").Code; in != 333 || last != 200 {
			t.Errorf("%d of 1100 are logged in, want a third of 1000; the last one gets %d", in, last)
		}
	})
}
