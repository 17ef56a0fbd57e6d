package ctl_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/ctl"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/check"
)

// checking plays the admin listener of one that checks: answers are those to the questions after the report, in their order, the last
// one for good.
type checking struct {
	t       *testing.T
	status  int // of the order; 0 is 202
	answers []func(http.ResponseWriter)
	asked   int
	ordered string // the body of the order
}

func (c *checking) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Authorization") != "Bearer the-token" {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	switch r.Method + " " + r.URL.EscapedPath() {
	case "POST /v1/tenants/ac%2Fme/checks":
		var body bytes.Buffer
		_, _ = body.ReadFrom(r.Body)
		c.ordered = body.String()
		if c.status != 0 {
			w.Header().Set("Content-Type", "application/problem+json")
			w.WriteHeader(c.status)
			fmt.Fprint(w, `{"detail":"one is under way"}`)
			return
		}
		w.WriteHeader(http.StatusAccepted)
		fmt.Fprint(w, `{"id":"c1"}`)
	case "GET /v1/tenants/ac%2Fme/checks/latest":
		c.asked++
		c.answers[min(c.asked, len(c.answers))-1](w)
	default:
		c.t.Errorf("%s %s", r.Method, r.URL)
	}
}

func says(r check.Report) func(http.ResponseWriter) {
	return func(w http.ResponseWriter) { _ = json.NewEncoder(w).Encode(r) }
}

func reportOf(lines ...check.Line) check.Report {
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	return check.Report{ID: "c1", Tenant: "ac/me", Site: "datadoghq.eu", OrgID: "o1", OrgName: "Acme \x1b[31m\u202eevil", StartedAt: at, EndedAt: at.Add(time.Minute),
		Steps: []check.Step{{Number: 1, Title: "Authorisation works", Lines: lines}}}
}

var good = check.Line{ID: "a", What: "The token is good", Result: check.Pass, Evidence: "it said so"}

func (c *checking) flags(t *testing.T, more ...string) []string {
	server := httptest.NewServer(c)
	t.Cleanup(server.Close)
	token := filepath.Join(t.TempDir(), "token")
	require.NoError(t, os.WriteFile(token, []byte("the-token\n"), 0o600))
	return append([]string{"check", "--admin", server.URL, "--token-file", token, "--tenant", "ac/me"}, more...)
}

func TestCheckShowsAndKeepsTheReport(t *testing.T) {
	t.Parallel()
	begun := reportOf(check.Line{ID: "a", What: "The token is good"})
	begun.EndedAt, begun.ConsentLink = time.Time{}, "https://connect.partner.example/connect/secret"
	cut := func(w http.ResponseWriter) { w.Header().Set("Content-Length", "100"); fmt.Fprint(w, `{"id":`) }
	c := &checking{t: t, answers: []func(http.ResponseWriter){says(begun), cut, says(reportOf(good, check.Line{ID: "b", What: "Another", Result: check.NotTested, Todo: "press it"},
		check.Line{ID: "c", What: "A third\n", Result: "\x1b[2J\u202eodd"}))}}
	dir := t.TempDir()
	html, machine := filepath.Join(dir, "r.html"), filepath.Join(dir, "r.json")
	var stdout, stderr bytes.Buffer
	require.NoError(t, ctl.Run(t.Context(), c.flags(t, "--consent", "--html", html, "--json", machine), &stdout, &stderr))
	assert.JSONEq(t, `{"consent":true,"intrusive":false}`, c.ordered)
	assert.Equal(t, `check c1 of ac/me at datadoghq.eu, organisation o1 Acme [31mevil

1  Authorisation works: not tested (1 passed, 1 not tested)
   pass        The token is good
               it said so
   not tested  Another
               to do: press it
   [2Jodd      A third

1 passed, 0 failed, 1 not tested
`, stdout.String())
	assert.Contains(t, stderr.String(), "open this in a browser within some minutes, and agree at Datadog; it connects nothing: https://connect.partner.example/connect/secret\n")
	assert.Contains(t, stderr.String(), "step 1 of 6, Authorisation works: 0 passed, 0 failed, 0 not tested\n")
	page, err := os.ReadFile(html)
	require.NoError(t, err)
	assert.Contains(t, string(page), "<!DOCTYPE html>")
	raw, err := os.ReadFile(machine)
	require.NoError(t, err)
	var kept check.Report
	require.NoError(t, json.Unmarshal(raw, &kept))
	assert.Equal(t, "c1", kept.ID)

	failed, _ := refused(t, c.flags(t, "--json", machine)...)
	assert.Contains(t, failed.Error(), "never overwritten")
}

func TestCheckFailsWithARedLine(t *testing.T) {
	t.Parallel()
	c := &checking{t: t, answers: []func(http.ResponseWriter){says(reportOf(good, check.Line{ID: "b", What: "Another", Result: check.Fail, Evidence: "no", Todo: "cure it"}))}}
	failed, stdout := refused(t, c.flags(t)...)
	assert.Contains(t, failed.Error(), "1 line(s) failed")
	assert.Contains(t, stdout, "   FAIL        Another\n               no\n               to do: cure it\n")
}

func TestCheckThatCannotBeMade(t *testing.T) {
	t.Parallel()
	other := reportOf(good)
	other.ID = "c2"
	for name, c := range map[string]struct {
		listener *checking
		flags    []string
		says     string
	}{
		"refused":           {&checking{status: 409}, nil, "one is under way"},
		"no such tenant":    {&checking{status: 404}, nil, "404"},
		"another one began": {&checking{answers: []func(http.ResponseWriter){says(other)}}, nil, "another check took its place"},
		"not there":         {&checking{answers: []func(http.ResponseWriter){func(w http.ResponseWriter) { w.WriteHeader(500) }}}, nil, "500"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.listener.t = t
			failed, stdout := refused(t, c.listener.flags(t, c.flags...)...)
			assert.Contains(t, failed.Error(), c.says)
			assert.Empty(t, stdout)
		})
	}
	for _, args := range [][]string{{"check"}, {"check", "--admin", "http://localhost:1"}, {"check", "--admin", "http://example.com", "--tenant", "a"}, {"check", "--admin", "http://localhost:1", "--tenant", "a"}} {
		failed, _ := refused(t, args...)
		assert.NotEmpty(t, failed.Hint)
	}
}
