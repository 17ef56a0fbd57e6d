package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"golang.org/x/net/html"

	"github.com/datadogoauth/otelcol-datadogoauth/testbed/hostile"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/partner"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/standin/faults"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/standin/oauth"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/world"
)

// hostileWorld is one in which customers, Datadog and operators have hostile names.
type hostileWorld struct {
	*world.World
	t         *testing.T
	operators []hostileOperator
	customers []world.Customer // one for each text: its organisation has it as name, and its tenant where that can be
}

type hostileOperator struct{ name, secret string }

// startHostile runs a collector whose log has that encoding.
func startHostile(t *testing.T, encoding string, also func(func(*world.Options)) *world.World) *hostileWorld {
	t.Helper()
	h := &hostileWorld{t: t}
	h.World = also(func(o *world.Options) {
		withLogin("ES256")(o)
		o.Tenants, o.PublicHost = nil, ""
		o.Args = []string{"--config", h.operatorsOf(o.Dir), "--set=service.telemetry.logs.encoding=" + encoding, "--set=service.telemetry.logs.sampling.enabled=false", "--set=extensions.datadogoauth.checks.wait=1s"}
	})
	for i, text := range hostile.Texts() {
		org, err := h.Standin.OAuth().AddOrg(oauth.Org{OrgRef: oauth.OrgRef{Site: "datadoghq.eu"}, Name: text.Value})
		if err != nil {
			t.Fatal(err)
		}
		tenant := text.Value
		if !h.mayBeInvited(tenant) {
			tenant = fmt.Sprintf("tenant %02d", i)
		}
		h.customers = append(h.customers, world.Customer{Tenant: tenant, Org: org})
	}
	return h
}

// operatorsOf writes a configuration with a token for each text that can name one; what names none is refused with a clean error, under its key.
func (h *hostileWorld) operatorsOf(dir string) string {
	h.t.Helper()
	write := func(file string, tokens [][2]string) string {
		var out strings.Builder
		out.WriteString("extensions:\n  datadogoauth:\n    admin:\n      tokens:\n")
		for _, t := range tokens { // YAML knows the escapes of Go
			fmt.Fprintf(&out, "        - {name: %s, role: operate, file: %q}\n", strings.ReplaceAll(strconv.QuoteToASCII(t[0]), "$", "$$"), t[1])
		}
		path := filepath.Join(h.t.TempDir(), file)
		if err := os.WriteFile(path, []byte(out.String()), 0o600); err != nil {
			h.t.Fatal(err)
		}
		return path
	}
	good := [][2]string{{"demo", filepath.Join(dir, "admin-token")}}
	var bad [][2]string
	for i, text := range hostile.Texts() {
		one := [2]string{text.Value, filepath.Join(h.t.TempDir(), "token")}
		if _, unseen := hostile.Unseen(text.Value); unseen || len(text.Value) > 64 || strings.ContainsAny(text.Value, ":\u00a0\u2003\u3000") {
			if utf8.ValidString(text.Value) { // else it stands in no YAML
				bad = append(bad, one)
			}
			continue
		}
		secret := fmt.Sprintf("secret-of-operator-%032d", i)
		if err := os.WriteFile(one[1], []byte(secret), 0o600); err != nil {
			h.t.Fatal(err)
		}
		good, h.operators = append(good, one), append(h.operators, hostileOperator{text.Value, secret})
	}
	config := write("bad.yaml", bad)
	out, err := run(h.t, nil, "validate", "--config", filepath.Join(root, "examples/datadog/collector.yaml"), "--config", config)
	if err == nil {
		h.t.Error("tokens of names that do not print are valid")
	}
	for i := range bad {
		if !strings.Contains(out, fmt.Sprintf("tokens::%d::name", i)) {
			h.t.Errorf("a token may be named %.80q", bad[i][0])
		}
	}
	h.cleanLines("validate", out, 1000)
	return write("good.yaml", good)
}

// mayBeInvited asks for a link for a tenant of that name. A refusal says why, on one line.
func (h *hostileWorld) mayBeInvited(tenant string) bool {
	h.t.Helper()
	status, body := h.api(http.MethodPost, "/v1/invitations", fmt.Appendf(nil, `{"tenant":%s,"lifetime":"1h"}`, jsonText(tenant)), "")
	if status != http.StatusCreated && (status != http.StatusUnprocessableEntity || !strings.Contains(body, `"detail":"tenant: `)) {
		h.t.Errorf("an invitation of %.80q: %d %s", tenant, status, body)
	}
	return status == http.StatusCreated
}

// jsonText writes a text as JSON and keeps bytes that are no UTF-8.
func jsonText(text string) string {
	var out strings.Builder
	out.WriteByte('"')
	for i := range len(text) {
		switch c := text[i]; {
		case c == '"' || c == '\\':
			out.Write([]byte{'\\', c})
		case c < ' ':
			fmt.Fprintf(&out, `\u%04x`, c)
		default:
			out.WriteByte(c)
		}
	}
	out.WriteByte('"')
	return out.String()
}

// api asks with a token, or as the world's operator, and fails the test where an answer is not JSON of one line without anything unseen.
func (h *hostileWorld) api(method, path string, body []byte, token string) (status int, answer string) {
	h.t.Helper()
	req, err := http.NewRequestWithContext(h.t.Context(), method, h.AdminURL+path, bytes.NewReader(body))
	if err != nil {
		h.t.Fatal(err)
	}
	if token == "" {
		_, token = h.OperatorToken()
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Content-Type", "application/json")
	resp, err := h.HTTPClient().Do(req)
	if err != nil {
		h.t.Fatal(err)
	}
	defer resp.Body.Close()
	var out bytes.Buffer
	if _, err := out.ReadFrom(resp.Body); err != nil {
		h.t.Fatal(err)
	}
	answer = strings.TrimSuffix(out.String(), "\n")
	kind := resp.Header.Get("Content-Type")
	if !json.Valid(out.Bytes()) || !strings.HasSuffix(kind, "json") || resp.Header.Get("X-Content-Type-Options") != "nosniff" {
		h.t.Errorf("%s %.80q answers %d as %q with headers %v: %.200q", method, path, resp.StatusCode, kind, resp.Header, answer)
	}
	h.cleanLines(method+" "+path, answer, 1<<20)
	if resp.StatusCode >= 400 && len(answer) > 2000 {
		h.t.Errorf("%s %.80q is refused at length: %d bytes", method, path, len(answer))
	}
	return resp.StatusCode, answer
}

func (h *hostileWorld) cleanLines(what, text string, longest int) {
	h.t.Helper()
	faults := 0
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		if at, unseen := hostile.Unseen(line); unseen || len(line) > longest {
			h.t.Errorf("%.80q: a line of %d bytes, unseen at %d: %.300q", what, len(line), at, line[max(0, at-100):])
			if faults++; faults == 3 {
				return
			}
		}
	}
}

// dead fails the test where markup of a text came to life in a page.
func (h *hostileWorld) dead(what string, page *world.Page, status int) {
	h.t.Helper()
	if page.Status != status {
		h.t.Errorf("%.80q: %d %.300s", what, page.Status, page.Text())
	}
	root, err := html.Parse(strings.NewReader(page.Body))
	if err != nil {
		h.t.Fatal(err)
	}
	for n := range root.Descendants() {
		for _, a := range n.Attr {
			if a.Key == hostile.Mark || strings.HasPrefix(a.Key, "on") {
				h.t.Errorf("%.80q: element %s has %s=%q", what, n.Data, a.Key, a.Val)
			}
		}
	}
	if strings.ContainsAny(page.Body, "\u202e\u2066\x1b\x00") {
		h.t.Errorf("%.80q: the page has marks that change the direction, or what is no character", what)
	}
}

func (h *hostileWorld) set(change func(*oauth.Settings)) {
	h.t.Helper()
	if err := h.Standin.OAuth().UpdateSettings(func(s *oauth.Settings) error { change(s); return nil }); err != nil {
		h.t.Fatal(err)
	}
}

// during runs f while Datadog answers requests of a path with a status and a body.
func (h *hostileWorld) during(fault faults.Fault, f func()) {
	h.t.Helper()
	fault.Headers = map[string]string{"Content-Type": "application/json"}
	set, err := h.Standin.Faults().Add(fault)
	if err != nil {
		h.t.Fatal(err)
	}
	f()
	ctx, cancel := context.WithTimeout(h.t.Context(), 10*time.Second)
	defer cancel()
	if err := h.Standin.Faults().Await(ctx, set.ID, 1); err != nil {
		h.t.Error(err)
	}
	h.Standin.Faults().Remove(set.ID)
}

// consents goes through the consent page for a customer and returns the last page.
func (h *hostileWorld) consents(c world.Customer) *world.Page {
	h.t.Helper()
	link, err := h.Invite(h.t.Context(), c.Tenant)
	if err != nil {
		h.t.Fatal(err)
	}
	b, err := h.NewBrowser()
	if err != nil {
		h.t.Fatal(err)
	}
	defer b.Close()
	page, err := b.Open(h.t.Context(), link)
	if err != nil {
		h.t.Fatal(err)
	}
	h.dead("start page of "+c.Tenant, page, http.StatusOK)
	if page, err = b.Submit(h.t.Context(), page, nil); err != nil {
		h.t.Fatal(err)
	}
	if page, err = b.Submit(h.t.Context(), page, map[string]string{"action": "authorize", "org": c.Org.ID, "site": c.Org.Site}); err != nil {
		h.t.Fatal(err)
	}
	return page
}

// maxInAddress is how long a text may be that the flow takes in the address of a callback, even twice and percent-encoded.
const maxInAddress = 1000

// connects sends a customer with all that can go wrong on the way, then lets it connect.
func (h *hostileWorld) connects(i int, c world.Customer, text string) {
	h.t.Helper()
	quoted := jsonText(text)
	h.set(func(s *oauth.Settings) {
		s.ConsentError, s.ConsentErrorText, s.MoreScope, s.OmitOrgName = text, text, text, len(text) > maxInAddress
	})
	h.dead("callback with error "+text, h.consents(c), http.StatusBadRequest)
	h.set(func(s *oauth.Settings) { s.ConsentError, s.ConsentErrorText = "", "" })
	if i%2 == 0 {
		h.during(faults.Fault{Path: "/api/v2/api_keys/marketplace", Status: 403, Body: `{"errors":[` + quoted + `]}`}, func() {
			h.dead("mint says "+text, h.consents(c), http.StatusBadGateway)
		})
	}
	h.dead("connected to "+text, h.consents(c), http.StatusOK)
	h.set(func(s *oauth.Settings) { s.MoreScope = "" })
}

// orders gives every order that takes a text, as an operator of a hostile name, and lets Datadog answer with one.
func (h *hostileWorld) orders(i int, c world.Customer, text string) {
	h.t.Helper()
	quoted, path := jsonText(text), "/v1/tenants/"+url.PathEscape(c.Tenant)
	operator := h.operators[i%len(h.operators)]
	order := func(name, body string, want int) {
		h.t.Helper()
		if status, answer := h.api(http.MethodPost, path+"/"+name, []byte(body), operator.secret); status != want {
			h.t.Errorf("%s of %.80q: %d %s", name, c.Tenant, status, answer)
		}
	}
	h.during(faults.Fault{Path: "/oauth2/v1/token", Status: 400, Body: `{"error":` + quoted + `,"error_description":` + quoted + `}`}, func() {
		order("refresh", "{}", http.StatusConflict)
	})
	order("pause", `{"reason":`+quoted+`}`, http.StatusOK)
	if i%3 == 0 {
		order("disconnect", `{"reason":`+quoted+`}`, http.StatusOK)
	}
}

// mints orders a key while Datadog judges the one that is there with the text.
func (h *hostileWorld) mints(c world.Customer, text string) {
	h.t.Helper()
	quoted := jsonText(text)
	said := `{"errors":[` + quoted + `,{"title":` + quoted + `,"detail":` + quoted + `}]}`
	h.during(faults.Fault{Path: "/api/v2/validate", Status: 500, Body: said}, func() {
		h.during(faults.Fault{Path: "/api/v1/validate", Status: 403, Body: said}, func() {
			h.api(http.MethodPost, "/v1/tenants/"+url.PathEscape(c.Tenant)+"/mint", nil, "") // done or not: it depends on how young the key is
		})
	})
}

// asks puts a text into every parameter and path of the API.
func (h *hostileWorld) asks(text string) {
	h.t.Helper()
	for _, name := range []string{"q", "site", "state", "client", "after", "limit", text} {
		h.api(http.MethodGet, "/v1/tenants?"+url.Values{name: {text}}.Encode(), nil, "")
	}
	name := url.PathEscape(text)
	if text == ".." {
		return // a path without it
	}
	h.api(http.MethodGet, "/v1/tenants/"+name, nil, "")
	h.api(http.MethodPost, "/v1/tenants/"+name+"/pause", nil, "")
	h.api(http.MethodGet, "/v1/tenants/"+name+"/checks/latest?wait="+url.QueryEscape(text), nil, "")
	h.api(http.MethodGet, "/v1/tenants/"+name+"/checks/latest/report", nil, "")
	h.api(http.MethodDelete, "/v1/invitations/"+name, nil, "")
	h.api(http.MethodPost, "/v1/invitations", []byte(`{"tenant":"acme","lifetime":`+jsonText(text)+`}`), "")
	h.api(http.MethodPost, "/v1/invitations", []byte(`{"tenant":"acme","client":`+jsonText(text)+`}`), "")
	h.api(http.MethodPost, "/v1/invitations", []byte(`{`+jsonText(text)+`:1}`), "")
	h.api(http.MethodPost, "/v1/invitations", []byte(text), "")
}

// sends hands data over for a tenant that is named so, and lets an intake refuse what the first customer sends with the text.
func (h *hostileWorld) sends(c world.Customer, text string) {
	h.t.Helper()
	_ = h.SendLog(h.t.Context(), text, "hello") // taken or not: what counts is the log
	h.during(faults.Fault{Path: "/api/v2/logs", Status: 400, Body: `{"errors":[` + jsonText(text) + `]}`}, func() {
		if err := h.SendLog(h.t.Context(), c.Tenant, "hello"); err != nil {
			h.t.Errorf("a log of %.80q: %v", c.Tenant, err)
		}
	})
}

// comesWithATicket logs in at the partner's as a tenant of that name.
func (h *hostileWorld) comesWithATicket(text string) {
	h.t.Helper()
	h.Partner.SignIn(partner.Customer{Tenant: text})
	page := logIn(h.t, h.World)
	want := http.StatusOK
	switch {
	case len(text) > maxInAddress:
		want = http.StatusBadRequest
	case !h.mayBeInvited(text):
		want = http.StatusForbidden
	}
	h.dead("ticket of "+text, page, want)
}

// readsEveryPage fetches each page of lists, tenants, audit and connect links that a link on one of them leads to, as an operator who is logged in.
func (h *hostileWorld) readsEveryPage() {
	h.t.Helper()
	b, err := h.NewBrowser()
	if err != nil {
		h.t.Fatal(err)
	}
	defer b.Close()
	page, err := b.Open(h.t.Context(), h.AdminURL+"/")
	if err != nil {
		h.t.Fatal(err)
	}
	name, secret := h.OperatorToken()
	if page, err = b.Submit(h.t.Context(), page, map[string]string{"name": name, "token": secret}); err != nil {
		h.t.Fatal(err)
	}
	read, next := map[string]int{}, []string{page.URL.String()}
	seen := map[string]bool{next[0]: true}
	for len(next) > 0 {
		address := next[0]
		if page, err = b.Open(h.t.Context(), address); err != nil {
			h.t.Fatal(err)
		}
		next = next[1:]
		h.dead(address, page, http.StatusOK)
		kind, _, _ := strings.Cut(strings.TrimPrefix(page.URL.Path, "/"), "/")
		read[kind]++
		for _, link := range h.operatorsPages(page) {
			if !seen[link] {
				seen[link], next = true, append(next, link)
			}
		}
	}
	if read["tenants"] < len(h.customers) || read[""] < 2 || read["audit"] < len(h.customers) || read["invitations"] < 1 {
		h.t.Errorf("the pages read are %v, with %d customers", read, len(h.customers))
	}
}

// operatorsPages are the addresses of pages that a page leads to.
func (h *hostileWorld) operatorsPages(page *world.Page) (all []string) {
	h.t.Helper()
	root, err := html.Parse(strings.NewReader(page.Body))
	if err != nil {
		h.t.Fatal(err)
	}
	for n := range root.Descendants() {
		for _, a := range n.Attr {
			if n.Data != "a" || a.Key != "href" {
				continue
			}
			to, err := page.URL.Parse(a.Val)
			if err != nil {
				h.t.Errorf("%s leads to %q: %v", page.URL, a.Val, err)
				continue
			}
			to.Fragment = ""
			rest, ofTenant := strings.CutPrefix(to.EscapedPath(), "/tenants/")
			if to.Host == page.URL.Host && (ofTenant && !strings.Contains(rest, "/") || slices.Contains([]string{"/", "/audit", "/invitations"}, to.Path)) {
				all = append(all, to.String())
			}
		}
	}
	return all
}

// logLine begins every line of a log that does not belong to a stack, which only the collector writes.
var (
	logLine   = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z?[^\t]*\t(debug|info|warn|error)\t`)
	stackLine = regexp.MustCompile(`^(\t\S+\.(go|s):\d+|[\w./*()\[\]·-]+)$`)
)

// maxLogLine is in bytes. The longest is the audit's of the settings, here with dozens of tokens.
const maxLogLine = 16 << 10

// log fails the test unless each record of the collector's log is one line that shows all that is in it.
func (h *hostileWorld) log(encoding string) {
	h.t.Helper()
	if err := h.Collector.Stop(); err != nil {
		h.t.Error(err)
	}
	lines := 0
	for line := range strings.Lines(h.Log.String()) {
		line = strings.TrimSuffix(line, "\n")
		lines++
		shown := line
		if encoding == "console" {
			if stackLine.MatchString(line) {
				continue
			}
			if !logLine.MatchString(line) {
				h.t.Errorf("no line of the collector's: %.300q", line)
			}
			shown = strings.ReplaceAll(line, "\t", " ")
		} else if !json.Valid([]byte(line)) {
			h.t.Errorf("no JSON: %.300q", line)
		}
		if at, unseen := hostile.Unseen(shown); unseen {
			h.t.Errorf("unseen in a line of the log: %.400q", line[max(0, at-200):])
		}
		if len(line) > maxLogLine {
			h.t.Errorf("a line of %d bytes: %.300q", len(line), line)
		}
	}
	if lines < 10*len(h.customers) {
		h.t.Errorf("the log has %d lines only", lines)
	}
}

func TestHostileTextsStayOnOneLineOfAJSONLog(t *testing.T) {
	t.Parallel()
	h := startHostile(t, "json", func(change func(*world.Options)) *world.World { return start(t, change) })
	for i, text := range hostile.Texts() {
		h.connects(i, h.customers[i], text.Value)
		h.sends(h.customers[i], text.Value)
		h.mints(h.customers[i], text.Value)
		h.orders(i, h.customers[i], text.Value)
		h.asks(text.Value)
		h.comesWithATicket(text.Value)
	}
	for _, path := range []string{"/v1/tenants", "/v1/checks", "/v1/changes", "/v1/revocations", "/v1/invitations", "/v1/incidents", "/v1/audit?limit=1000"} {
		if status, answer := h.api(http.MethodGet, path, nil, ""); status != http.StatusOK {
			t.Errorf("%s: %d %s", path, status, answer)
		}
	}
	h.readsEveryPage()
	h.log("json")
}
