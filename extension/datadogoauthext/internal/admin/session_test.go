package admin_test

import (
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// loggedIn sends the cookie of a login with the token.
func (s *server) loggedIn(name string) change {
	s.t.Helper()
	resp, body := s.do("POST", "/login", url.Values{"name": {name}, "token": {secretOf(name)}}.Encode(), formBody)
	if resp.StatusCode != http.StatusSeeOther || len(resp.Cookies()) != 1 {
		s.t.Fatalf("login of %s: got %d %s", name, resp.StatusCode, body)
	}
	return withCookie(resp.Cookies()[0].Value)
}

// withCookie sends the session's cookie under the name that goes with the request's Host.
func withCookie(value string) change {
	return func(r *http.Request) {
		name := "datadogoauth-admin"
		if _, port, err := net.SplitHostPort(r.Host); err == nil {
			name += "-" + port
		}
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
}

func formBody(r *http.Request) { r.Header.Set("Content-Type", "application/x-www-form-urlencoded") }

func TestALoginLeadsWhereItWasAskedFor(t *testing.T) {
	t.Parallel()
	s := start(t, &grants{})
	resp, _ := s.do("GET", "/?q=a&x=%2F", "")
	if got := resp.Header.Get("Location"); resp.StatusCode != 303 || got != "/login?next=%2F%3Fq%3Da%26x%3D%252F" {
		t.Errorf("nobody: got %d to %s", resp.StatusCode, got)
	}
	for next, want := range map[string]string{
		"": "/", "/?q=a&x=%2F": "/?q=a&x=%2F", "/tenants/a%2Fb": "/tenants/a%2Fb", "/x#y": "/x",
		"//evil.example": "/", `/\evil.example`: "/", "/\t/evil.example": "/", "https://evil.example/": "/", "evil": "/", "javascript:alert(1)": "/",
		"/%2Fevil.example": "/%2Fevil.example", "///evil.example": "/", "/login?next=/login": "/", "/\r\nSet-Cookie: a=b": "/",
	} {
		form := url.Values{"name": {"the-read"}, "token": {" " + secretOf("the-read") + "\n"}, "next": {next}}
		resp, body := s.do("POST", "/login", form.Encode(), formBody)
		if got := resp.Header.Get("Location"); resp.StatusCode != 303 || got != want {
			t.Errorf("%q: got %d to %q, want %q: %s", next, resp.StatusCode, got, want, body)
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
		resp, body := s.do("POST", "/login", url.Values{"name": {c[0]}, "token": {c[1]}}.Encode(), formBody)
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
}
