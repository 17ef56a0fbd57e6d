package check_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/datadogoauth/otelcol-datadogoauth/credential"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/check"
	"github.com/datadogoauth/otelcol-datadogoauth/site"
)

const (
	orgID     = "aaaa0000-1111-2222-3333-444455556666"
	publicURL = "https://connect.partner.example"
)

// world is a connection in which all is well, until a test breaks it.
type world struct {
	facts    check.Facts
	pages    func(query url.Values) (*url.URL, error)
	tile     *url.URL
	lastPage string
	errs     map[string]error        // of calls of the grant, by name
	at       map[string]func() error // the same
	keyOwner string
	invalid  bool
	mint     int
	trial    *check.Trial
	passed   map[string]time.Time
	probers  []credential.Prober
	// broken are scopes that are refused, lost kinds that are never found, host a host that answers no TLS.
	broken map[string]string // scope to the body of its 403
	status map[string]int    // scope to another status than 403
	before map[string]int    // scope to how many calls work before it is broken
	lost   map[string]bool
	host   string

	mu      sync.Mutex // guards the rest
	written map[credential.ProbeKind]credential.ProbeWrite
	calls   []string
	ended   bool                    // the link of a consent
	tag, id string                  // of the latest probe
	state   string                  // of the test incident
	onCall  func(call string) error // of datadog; nil is none
}

func newWorld() *world {
	eu, _ := site.ByDomain("datadoghq.eu")
	now := time.Now().Round(0) // without the machine's own clock, which a bubble has not
	w := &world{
		facts: check.Facts{
			Client: "main", ClientID: "client-1234", Stage: "published", Published: true, RedirectURL: publicURL + "/callback", PublicURL: publicURL,
			Site: eu, OrgID: orgID, OrgName: "Acme", AppOrigin: eu.AppOrigin(), StartedDomain: "datadoghq.eu", CallbackDomain: "datadoghq.eu",
			ConnectedAt: now.Add(-time.Hour), HasRefreshToken: true, TokenExpiry: now.Add(time.Hour), RefreshedAt: now, Token: "ok", Key: "ok", Hold: "none",
			Scopes: []string{"api_keys_write", "timeseries_query", "metrics_read", "logs_read_data", "apm_read", "events_read", "incident_write", "incident_read", "monitors_read"},
			HasKey: true, KeyLast4: "abcd", KeyName: "[Acme Integration] OAuth Client API Key 1", KeyMintedAt: now.Add(-time.Hour),
		},
		lastPage: "<p>You may now close this tab</p>", errs: map[string]error{}, keyOwner: orgID, mint: http.StatusConflict,
		tile:   &url.URL{Scheme: "https", Host: "login.partner.example"},
		trial:  &check.Trial{Host: "api.datadoghq.eu", Refused: true, Said: "400 invalid_grant Invalid code or code verifier"},
		broken: map[string]string{}, status: map[string]int{}, before: map[string]int{}, lost: map[string]bool{}, passed: map[string]time.Time{}, written: map[credential.ProbeKind]credential.ProbeWrite{},
	}
	w.pages = func(query url.Values) (*url.URL, error) {
		origin := site.US1().AppOrigin()
		if query.Get("domain") != "" {
			origin = eu.AppOrigin()
		}
		return url.Parse(origin + "/oauth2/v1/authorize?" + url.Values{
			"client_id": {w.facts.ClientID}, "redirect_uri": {w.facts.RedirectURL}, "response_type": {"code"}, "code_challenge_method": {"S256"},
			"code_challenge": {strings.Repeat("c", 43)}, "state": {strings.Repeat("s", 43)},
		}.Encode())
	}
	w.probers = []credential.Prober{prober{w}}
	return w
}

// everySite has checks of others pass at all of them.
func (w *world) everySite() {
	for _, at := range site.Table() {
		w.passed[at.Domain()] = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	}
}

// run makes an intrusive check with a consent, in a bubble, where waiting costs nothing.
func (w *world) run(t *testing.T, edit func(*check.Options)) check.Report {
	t.Helper()
	r := w.runIn(t, time.Hour, nil, edit)
	require.Len(t, r.Steps, 6)
	return r
}

// runUntil is run with an end. before may keep how to end it.
func (w *world) runUntil(t *testing.T, end time.Duration, before func(context.CancelFunc)) check.Report {
	t.Helper()
	return w.runIn(t, end, before, nil)
}

func (w *world) runIn(t *testing.T, end time.Duration, before func(context.CancelFunc), edit func(*check.Options)) check.Report {
	t.Helper()
	var report check.Report
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), end)
		defer cancel()
		if before != nil {
			before(cancel)
		}
		offset := time.Since(w.facts.ConnectedAt) - time.Hour // the bubble has a time of its own
		for _, at := range []*time.Time{&w.facts.ConnectedAt, &w.facts.TokenExpiry, &w.facts.RefreshedAt, &w.facts.KeyMintedAt} {
			if !at.IsZero() {
				*at = at.Add(offset)
			}
		}
		if w.facts.Failed != nil {
			w.facts.Failed.At = w.facts.Failed.At.Add(offset)
		}
		o := check.Options{
			Grant: w, Pages: w, Probers: w.probers, HTTP: hosts{w}, Intrusive: true, Consent: true, Wait: 10 * time.Minute, ConsentWait: 10 * time.Minute,
			Save: func(check.Report) error { return nil },
		}
		if edit != nil {
			edit(&o)
		}
		var err error
		report, err = check.Run(ctx, check.Report{ID: "0123456789abcdef", Tenant: "acme", By: "ops", StartedAt: time.Now()}, o)
		require.NoError(t, err)
	})
	require.False(t, report.Running())
	return report
}

func (w *world) err(call string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.calls = append(w.calls, call)
	if at := w.at[call]; at != nil {
		return at()
	}
	return w.errs[call]
}

func (w *world) Facts(context.Context) (check.Facts, error) { return w.facts, w.err("facts") }
func (w *world) Refresh(context.Context) error              { return w.err("refresh") }
func (w *world) ProveToken(context.Context) error           { return w.err("token") }
func (w *world) ProveKeyV1(context.Context) (bool, error) {
	err := w.err("v1")
	return err == nil && !w.invalid && time.Since(w.facts.KeyMintedAt) >= 10*time.Second, err
}
func (w *world) ProveKeyV2(context.Context) (string, error) { return w.keyOwner, w.err("v2") }
func (w *world) MintTwice(context.Context) (int, error)     { return w.mint, w.err("mint") }
func (w *world) RevokeUnknown(context.Context) error        { return w.err("revoke") }
func (w *world) Bearer() http.RoundTripper                  { return datadog{w} }
func (w *world) ConsentLink(context.Context) (string, func(context.Context), error) {
	return publicURL + "/connect/secret-of-a-link", func(context.Context) { w.ended = true }, w.err("link")
}
func (w *world) Trial(context.Context) (*check.Trial, error) { return w.trial, w.err("trial") }
func (w *world) PassedElsewhere(context.Context) (map[string]time.Time, error) {
	return w.passed, w.err("elsewhere")
}
func (w *world) Begin(_ context.Context, query url.Values) (*url.URL, error) { return w.pages(query) }
func (w *world) Tile(context.Context, url.Values) (*url.URL, error)          { return w.tile, w.err("tile") }
func (w *world) LastPage() (string, error)                                   { return w.lastPage, w.err("page") }

// prober sends everything, and is taken everywhere.
type prober struct{ w *world }

func (prober) ProbeKinds() []credential.ProbeKind {
	return []credential.ProbeKind{
		credential.ProbeMetric, credential.ProbeDistribution, credential.ProbeLog, credential.ProbeSpan, credential.ProbeStats, credential.ProbeEvent,
		credential.ProbeServiceCheck,
	}
}

func (prober) ProbeHosts(at site.Site) []string {
	return []string{at.Hostname(site.HostAPI), at.Hostname(site.HostLogs), at.Hostname(site.HostTraces)}
}

func (p prober) Probe(_ context.Context, probe credential.Probe) (writes []credential.ProbeWrite) {
	p.w.mu.Lock()
	p.w.tag, p.w.id = credential.ProbeTag+":"+probe.ID, probe.ID
	p.w.mu.Unlock()
	for _, kind := range probe.Kinds {
		w := credential.ProbeWrite{Kind: kind, Intake: string(kind), Host: "host-of-" + strings.ReplaceAll(string(kind), " ", "-"), Name: "datadogoauth.probe", At: time.Now(), Value: 42}
		switch kind {
		case credential.ProbeDistribution:
			w.Name = "datadogoauth.probe.distribution"
		case credential.ProbeSpan:
			w.TraceID = "0000000000000000000000000000abcd"
		}
		w.Err = p.w.err("send " + string(kind))
		w.Unjudged = errors.Is(w.Err, check.ErrUnjudged)
		if (w.Err == nil || w.Unjudged) && !p.w.lost[string(kind)] {
			p.w.mu.Lock()
			p.w.written[kind] = w
			p.w.mu.Unlock()
		}
		writes = append(writes, w)
	}
	return writes
}

// hosts answers HEAD with a certificate.
type hosts struct{ w *world }

func (h hosts) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Header.Get("Authorization") != "" || r.Header.Get("DD-API-KEY") != "" || r.Method != http.MethodHead {
		return nil, errors.New("a host was asked with a credential")
	}
	h.w.mu.Lock()
	h.w.calls = append(h.w.calls, "HEAD "+r.URL.Host)
	h.w.mu.Unlock()
	if r.URL.Host == h.w.host {
		return nil, fmt.Errorf("tls: failed to verify certificate: %w", x509.HostnameError{Host: r.URL.Host, Certificate: &x509.Certificate{DNSNames: []string{"proxy.example"}}})
	}
	cert := &x509.Certificate{Issuer: pkix.Name{CommonName: "A Root"}, NotAfter: time.Now().Add(time.Hour)}
	return &http.Response{StatusCode: 404, Body: http.NoBody, TLS: &tls.ConnectionState{Version: tls.VersionTLS13, PeerCertificates: []*x509.Certificate{cert}}}, nil
}

// datadog is api.datadoghq.eu for a bearer.
type datadog struct{ w *world }

var scopeOf = []struct {
	call  *regexp.Regexp
	scope string
}{
	{regexp.MustCompile(`^POST /api/v2/query/timeseries$`), "timeseries_query"},
	{regexp.MustCompile(`^GET /api/v2/metrics/[^/]+/all-tags$`), "metrics_read"},
	{regexp.MustCompile(`^POST /api/v2/logs/events/search$`), "logs_read_data"},
	{regexp.MustCompile(`^POST /api/v2/spans/events/search$`), "apm_read"},
	{regexp.MustCompile(`^GET /api/v2/trace/[0-9a-f]{32}$`), "apm_read"},
	{regexp.MustCompile(`^POST /api/v2/events/search$`), "events_read"},
	{regexp.MustCompile(`^GET /api/v1/monitor$`), "monitors_read"},
	{regexp.MustCompile(`^GET /api/v2/incidents/`), "incident_read"},
	{regexp.MustCompile(`^(POST|PATCH|DELETE) /api/v2/incidents`), "incident_write"},
}

func (d datadog) RoundTrip(r *http.Request) (*http.Response, error) {
	var body []byte
	if r.Body != nil {
		body, _ = io.ReadAll(r.Body)
	}
	call := r.Method + " " + r.URL.Path
	d.w.mu.Lock()
	d.w.calls = append(d.w.calls, call)
	d.w.mu.Unlock()
	if d.w.onCall != nil {
		if err := d.w.onCall(call); err != nil {
			return nil, err
		}
	}
	i := slices.IndexFunc(scopeOf, func(s struct {
		call  *regexp.Regexp
		scope string
	}) bool {
		return s.call.MatchString(call)
	})
	if r.URL.Host != "api.datadoghq.eu" || i < 0 {
		return answer(http.StatusNotFound, `{"errors":["no such thing"]}`), nil
	}
	scope := scopeOf[i].scope
	if refusal, broken := d.w.broken[scope]; broken && !d.w.stillWorks(scope) {
		status := http.StatusForbidden
		if s := d.w.status[scope]; s != 0 {
			status = s
		}
		return answer(status, refusal), nil
	}
	has := func(kind credential.ProbeKind) bool {
		d.w.mu.Lock()
		defer d.w.mu.Unlock()
		_, ok := d.w.written[kind]
		return ok
	}
	found := func(kind credential.ProbeKind) (*http.Response, error) {
		if !has(kind) {
			return answer(200, `{"data":[]}`), nil
		}
		return answer(200, `{"data":[{}]}`), nil
	}
	metric := credential.ProbeMetric // that is asked for
	if strings.Contains(call+string(body), "datadogoauth.probe.distribution") {
		metric = credential.ProbeDistribution
	}
	switch scope {
	case "timeseries_query":
		if strings.Contains(string(body), "sum:trace.datadogoauth.probe.hits{version:"+idIn(d.w)+"}.as_count()") {
			if !has(credential.ProbeStats) {
				return answer(200, `{"data":{"attributes":{"values":[[null,0]]}}}`), nil
			}
			return answer(200, `{"data":{"attributes":{"values":[[null,1]]}}}`), nil
		}
		if !has(metric) {
			return answer(200, `{"data":{"attributes":{"values":[]}}}`), nil
		}
		return answer(200, `{"data":{"attributes":{"values":[[null,42]]}}}`), nil
	case "metrics_read":
		if !has(metric) {
			return answer(404, `{"errors":["Not Found"]}`), nil
		}
		return answer(200, `{"data":{"attributes":{"tags":["`+tagIn(d.w)+`"]}}}`), nil
	case "logs_read_data":
		return found(credential.ProbeLog)
	case "apm_read":
		if strings.Contains(call, "/trace/") && !has(credential.ProbeSpan) {
			return answer(404, `{"errors":["trace not found"]}`), nil
		}
		return found(credential.ProbeSpan)
	case "events_read":
		return found(credential.ProbeEvent)
	case "incident_write", "incident_read":
		return d.incident(r, body)
	}
	return answer(200, `[]`), nil
}

// stillWorks counts the calls that a broken scope still takes.
func (w *world) stillWorks(scope string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.before[scope]--
	return w.before[scope] >= 0
}

// tagIn is that of the latest probe.
func tagIn(w *world) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.tag
}

func idIn(w *world) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.id
}

func (d datadog) incident(r *http.Request, body []byte) (*http.Response, error) {
	d.w.mu.Lock()
	defer d.w.mu.Unlock()
	switch r.Method {
	case http.MethodPost:
		var sent struct {
			Data struct {
				Attributes struct {
					Test bool `json:"is_test"`
				} `json:"attributes"`
			} `json:"data"`
		}
		if json.Unmarshal(body, &sent) != nil || !sent.Data.Attributes.Test {
			return answer(400, `{"errors":["not a test"]}`), nil
		}
		d.w.state = "active"
	case http.MethodPatch:
		d.w.state = "resolved"
	case http.MethodDelete:
		d.w.state = ""
		return answer(204, ""), nil
	}
	return answer(200, `{"data":{"id":"i1","type":"incidents","attributes":{"fields":{"state":{"value":"`+d.w.state+`"}}}}}`), nil
}

func answer(status int, body string) *http.Response {
	return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(bytes.NewReader([]byte(body)))}
}

// failed are the ids of the red lines.
func failed(r check.Report) (ids []string) {
	for _, s := range r.Steps {
		for _, l := range s.Lines {
			if l.Result == check.Fail {
				ids = append(ids, l.ID)
			}
		}
	}
	return ids
}

func lineOf(t *testing.T, r check.Report, id string) check.Line {
	t.Helper()
	for _, s := range r.Steps {
		for _, l := range s.Lines {
			if l.ID == id {
				return l
			}
		}
	}
	t.Fatalf("there is no line %s", id)
	return check.Line{}
}
