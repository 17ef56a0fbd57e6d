package check_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/datadogoauth/otelcol-datadogoauth/credential"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/check"
	"github.com/datadogoauth/otelcol-datadogoauth/site"
)

func TestAGoodConnectionPasses(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.everySite()
	w.passed["ddog-gov.com"] = time.Time{}
	r := w.run(t, nil)
	assert.Empty(t, failed(r))
	open := map[string]bool{}
	for _, s := range r.Steps {
		assert.Equal(t, check.Pass, s.Result(), "step %d", s.Number)
		for _, l := range s.Lines {
			assert.NotEmpty(t, l.Evidence, l.ID)
			if l.Result != check.Pass {
				assert.Equal(t, check.NotTested, l.Result, l.ID)
				assert.NotEmpty(t, l.Todo, l.ID)
				open[l.ID] = true
			}
		}
	}
	for id := range open { // what nobody can see from here
		assert.True(t, strings.HasPrefix(id, "step3.") && strings.Contains(id, "ddog-gov.com") || id == "step5.service_check" || id == "step6.uninstall", id)
	}
	assert.Equal(t, check.Pass, lineOf(t, r, "step3.datadoghq.eu").Result)
	assert.Contains(t, lineOf(t, r, "step3.us5.datadoghq.com").Evidence, "2026-01-02")
	assert.Contains(t, lineOf(t, r, "step3.ddog-gov.com").Evidence, "no check at this site passed")
	assert.Contains(t, lineOf(t, r, "step5.metric").Evidence, "the value 42")
	assert.Contains(t, lineOf(t, r, "step5.distribution").Evidence, "\"datadogoauth.probe.distribution\"")
	assert.Contains(t, lineOf(t, r, "step5.distribution").Evidence, "the value 42")
	assert.Contains(t, lineOf(t, r, "step5.stats").Evidence, "counts hits of version ")
	assert.Contains(t, lineOf(t, r, "step6.scopes").Evidence, "with apm_read, events_read, logs_read_data, metrics_read, monitors_read, timeseries_query nothing but checks reads")
	assert.Equal(t, check.Pass, lineOf(t, r, "step5.scope.metrics_read").Result)
	assert.True(t, w.ended, "the link of the consent is still there")
	assert.Empty(t, w.state, "the test incident is still there")
}

// TestAStepThatLacksALineItNeedsIsNotTested takes one thing away from a connection that passes all of them.
func TestAStepThatLacksALineItNeedsIsNotTested(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		edit  func(*world)
		order func(*check.Options)
		steps []int
	}{
		"paused":              {func(w *world) { w.facts.Hold = "paused" }, nil, []int{5}},
		"no exporter":         {func(w *world) { w.probers = nil }, nil, []int{4, 5}},
		"an exporter too few": {func(w *world) { w.probers = []credential.Prober{metricsOnly{prober{w}}} }, nil, []int{5}},
		"a scope that is lost": {func(w *world) {
			w.facts.Scopes = slices.DeleteFunc(w.facts.Scopes, func(s string) bool { return s == "logs_read_data" })
		}, nil, []int{5}},
		"one site of nine": {func(w *world) { clear(w.passed) }, nil, []int{3}},
		"a site too few":   {func(w *world) { delete(w.passed, "ap2.datadoghq.com") }, nil, []int{3}},
		"test client":      {func(w *world) { w.facts.Stage, w.facts.Published = "test", false }, nil, []int{6}},
		"no consent":       {nil, func(o *check.Options) { o.Consent = false }, []int{1}},
		"not intrusive":    {nil, func(o *check.Options) { o.Intrusive = false }, []int{2, 5}},
		"metrics and no more": {func(w *world) {
			w.probers, w.facts.Scopes = []credential.Prober{metricsOnly{prober{w}}}, []string{"api_keys_write", "timeseries_query"}
		}, nil, nil},
		"traces and no more": {func(w *world) {
			w.probers, w.facts.Scopes = []credential.Prober{tracesOnly{prober{w}}}, []string{"api_keys_write", "apm_read"}
		}, nil, nil},
		"stats in a shorter time": {func(w *world) { w.lost["APM stats"] = true }, func(o *check.Options) { o.Wait = 5 * time.Minute }, nil},
		"no tickets":              {func(w *world) { w.tile = nil }, nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld()
			w.everySite()
			if c.edit != nil {
				c.edit(w)
			}
			r := w.run(t, c.order)
			assert.Empty(t, failed(r))
			for _, s := range r.Steps {
				want := check.Pass
				if slices.Contains(c.steps, s.Number) {
					want = check.NotTested
				}
				assert.Equal(t, want, s.Result(), "step %d: %s", s.Number, s.Sum())
			}
		})
	}
}

// TestEachFaultTurnsItsOwnLineRed breaks one thing at a time.
func TestEachFaultTurnsItsOwnLineRed(t *testing.T) {
	t.Parallel()
	const noPermission = `{"errors":["Forbidden","Failed permission authorization checks"]}`
	for name, c := range map[string]struct {
		breakIt func(*world)
		line    string
		says    string // in its evidence
	}{
		"a scope that is granted and refused": {func(w *world) { w.broken["timeseries_query"] = noPermission }, "step5.scope.timeseries_query", "403: Forbidden, Failed permission"},
		"a scope of logs that is refused":     {func(w *world) { w.broken["logs_read_data"] = noPermission }, "step5.scope.logs_read_data", "403"},
		"a scope that only lists":             {func(w *world) { w.broken["monitors_read"] = noPermission }, "step5.scope.monitors_read", "403"},
		"a scope of incidents":                {func(w *world) { w.broken["incident_write"] = noPermission }, "step5.scope.incident_write", "403"},
		"a scope of reading incidents":        {func(w *world) { w.broken["incident_read"] = noPermission }, "step5.scope.incident_read", "403"},
		"a lost metric":                       {func(w *world) { w.lost["metric"] = true }, "step5.metric", "not found within 3m0s"},
		"a lost distribution":                 {func(w *world) { w.lost["distribution"] = true }, "step5.distribution", "not found within 3m0s"},
		"a lost log":                          {func(w *world) { w.lost["log"] = true }, "step5.log", "not found within 3m0s"},
		"a lost span":                         {func(w *world) { w.lost["span"] = true }, "step5.span", "not found within 10m0s"},
		"lost APM stats":                      {func(w *world) { w.lost["APM stats"] = true }, "step5.stats", "not found within 10m0s"},
		"a lost event":                        {func(w *world) { w.lost["event"] = true }, "step5.event", "not found within 2m0s"},
		"a write that is refused":             {func(w *world) { w.errs["send log"] = errors.New("logs: 403") }, "step5.log", "not sent: logs: 403"},
		"a wrong site": {func(w *world) {
			w.facts.Failed = &check.FailedConsent{At: w.facts.ConnectedAt.Add(time.Minute), Outcome: "exchange_refused", Reason: "invalid_grant",
				StartedDomain: "datadoghq.eu", AppOrigin: "https://app.datadoghq.eu", CallbackDomain: "us3.datadoghq.com"}
		}, "step1.latest_consent", "site at the start datadoghq.eu, app origin https://app.datadoghq.eu, domain of the callback us3.datadoghq.com, the code went to api.us3.datadoghq.com"},
		"a verifier that does not matter": {func(w *world) { w.trial = &check.Trial{Accepted: true, Said: "it gave tokens"} }, "step1.wrong_verifier", "it gave tokens"},
		"a refresh that fails":            {func(w *world) { w.errs["refresh"] = errors.New("400: invalid_grant") }, "step1.refresh", "invalid_grant"},
		"a token that is not taken":       {func(w *world) { w.errs["token"] = errors.New("403: Forbidden") }, "step1.validate_keys", "403"},
		"no refresh token":                {func(w *world) { w.facts.HasRefreshToken = false }, "step1.tokens", "no refresh token"},
		"a last page without its words":   {func(w *world) { w.lastPage = "Bye" }, "step1.last_page", "You may now close this tab"},
		"a tile that leads nowhere":       {func(w *world) { w.errs["tile"] = errors.New("it answered 400") }, "step1.tile", "400"},
		"a bare site that is not taken": {func(w *world) {
			good := w.pages
			w.pages = func(q url.Values) (*url.URL, error) {
				if q.Get("site") == "app.datadoghq.eu" {
					return nil, errors.New("the connect page answered 400")
				}
				return good(q)
			}
		}, "step1.link_bare", "400"},
		"a link without site that begins elsewhere": {func(w *world) {
			good := w.pages
			w.pages = func(q url.Values) (*url.URL, error) {
				if len(q) == 0 {
					return good(url.Values{"domain": {"x"}})
				}
				return good(q)
			}
		}, "step4.no_site", "it should be https://app.datadoghq.com/oauth2/v1/authorize"},
		"no key":                        {func(w *world) { w.facts.HasKey, w.facts.Key = false, "exists-unknown" }, "step2.key", "there is none; state exists-unknown"},
		"a key that is not valid":       {func(w *world) { w.invalid = true }, "step2.validate_v1", "not valid"},
		"a key of another organisation": {func(w *world) { w.keyOwner = "bbbb0000-1111-2222-3333-444455556666" }, "step2.validate_v2", "names bbbb0000"},
		"a second key":                  {func(w *world) { w.mint = http.StatusCreated }, "step2.second_mint", "201 and made another key; it was deleted"},
		"a second key that is left": {func(w *world) {
			w.mint, w.errs["mint"] = http.StatusCreated, errors.New("key …cdef was left: 403")
		}, "step2.second_mint", "201 and made another key; key …cdef was left: 403"},
		"a host behind a proxy":         {func(w *world) { w.host = "http-intake.logs.datadoghq.eu" }, "step4.host.logs", "certificate is valid for proxy.example"},
		"the span intake of the guide":  {func(w *world) { w.host = "public-trace-http-intake.logs.datadoghq.eu" }, "step4.host.spans", "certificate"},
		"an exporter that sends abroad": {func(w *world) { w.probers = []credential.Prober{abroad{prober{w}}} }, "step4.routing", "http-intake.logs.datadoghq.com"},
		"a scope that nothing uses":     {func(w *world) { w.facts.Scopes = append(w.facts.Scopes, "user_access_read") }, "step6.scopes", "user_access_read"},
		"a revocation that fails":       {func(w *world) { w.errs["revoke"] = errors.New("500") }, "step6.revoke", "500"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld()
			c.breakIt(w)
			r := w.run(t, nil)
			require.Equal(t, []string{c.line}, failed(r))
			l := lineOf(t, r, c.line)
			assert.Contains(t, l.Evidence, c.says)
			assert.NotEmpty(t, l.Todo)
		})
	}
}

// nowhere has no intake for the site, such as that of OTLP at one that is not documented to have it.
type nowhere struct{ prober }

func (nowhere) ProbeHosts(site.Site) []string { return nil }

// TestHostsOfTheExportersEndpointsAreAsked, and those of Datadog's that they replace are not needed.
func TestHostsOfTheExportersEndpointsAreAsked(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		dead, line string
		optional   bool
	}{
		"the public host cannot be reached": {"http-intake.logs.datadoghq.eu", "step4.host.logs", true},
		"nor can that of the endpoints":     {"logs.example.com:8443", "step4.endpoint.logs.example.com:8443", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld()
			w.probers, w.host = []credential.Prober{privateLink{prober{w}}}, c.dead
			r := w.run(t, nil)
			assert.Empty(t, failed(r))
			l := lineOf(t, r, c.line)
			assert.Equal(t, check.NotTested, l.Result)
			assert.Equal(t, c.optional, l.Optional)
			assert.Contains(t, l.Evidence, "certificate is valid for proxy.example")
			assert.Contains(t, w.calls, "HEAD logs.example.com:8443")
		})
	}
	w := newWorld()
	w.probers, w.host = []credential.Prober{privateLink{prober{w}}}, "trace.agent.datadoghq.eu"
	assert.Equal(t, []string{"step4.host.traces"}, failed(w.run(t, nil)), "what data goes to is needed")
}

// privateLink has logs go by a host of its own.
type privateLink struct{ prober }

func (privateLink) ProbeHosts(at site.Site) []string {
	return []string{at.Hostname(site.HostAPI), "logs.example.com:8443", at.Hostname(site.HostTraces)}
}

type abroad struct{ prober }

func (abroad) ProbeHosts(site.Site) []string { return []string{"http-intake.logs.datadoghq.com"} }

// TestWhatCannotBeSeenIsNotTested takes away what a line needs.
func TestWhatCannotBeSeenIsNotTested(t *testing.T) {
	t.Parallel()
	without := func(scope string) func(*world) {
		return func(w *world) {
			w.facts.Scopes = slices.DeleteFunc(w.facts.Scopes, func(s string) bool { return s == scope })
		}
	}
	for name, c := range map[string]struct {
		edit       func(*world)
		order      func(*check.Options)
		line       string
		says, todo string
	}{
		"no scope that reads logs":   {without("logs_read_data"), nil, "step5.log", "host-of-log took", "the scope logs_read_data would help"},
		"no scope that reads events": {without("events_read"), nil, "step5.event", "took", "the scope events_read would help"},
		"APM stats in too short a time": {func(w *world) { w.lost["APM stats"] = true }, func(o *check.Options) { o.Wait = 9 * time.Minute }, "step5.stats",
			"not found within 9m0s, although the search with the scope timeseries_query answers, which is too soon to judge", "let checks::wait be 10m0s"},
		"APM stats without a scope":    {without("timeseries_query"), nil, "step5.stats", "took \"datadogoauth.probe\"", "the scope timeseries_query would help"},
		"no exporter":                  {func(w *world) { w.probers = nil }, nil, "step5.metric", "no exporter datadogoauth of this collector", "run the check at a collector that sends data"},
		"an exporter for metrics only": {func(w *world) { w.probers = []credential.Prober{metricsOnly{prober{w}}} }, nil, "step5.log", "no exporter of this collector is configured to send it for this tenant", "configure the exporter in a pipeline"},
		"a log search without OAuth":   {func(w *world) { w.broken["logs_read_data"] = `{"errors":["Forbidden"]}` }, nil, "step5.scope.logs_read_data", "403", "may not take OAuth tokens"},
		"an endpoint without OAuth": {func(w *world) {
			w.broken["events_read"], w.status["events_read"] = `{"errors":["Unauthorized"]}`, http.StatusUnauthorized
		}, nil, "step5.event", "took", "see the scope events_read"},
		"a search that has a fault": {func(w *world) { w.broken["apm_read"], w.status["apm_read"] = `<html>`, http.StatusBadGateway }, nil, "step5.span", "502", "again"},
		"a search that stops answering": {func(w *world) {
			w.lost["event"], w.before["events_read"] = true, 1
			w.broken["events_read"], w.status["events_read"] = `{"errors":["rate limited"]}`, http.StatusTooManyRequests
		}, nil, "step5.event", "could not be read back: POST /api/v2/events/search answered 429: ", "again"},
		"a search that is refused at the last look": {func(w *world) {
			w.lost["metric"], w.before["timeseries_query"] = true, 17+1+1 // the distribution's, and that of APM stats
			w.broken["timeseries_query"], w.status["timeseries_query"] = `{"errors":["Unauthorized"]}`, http.StatusUnauthorized
		}, nil, "step5.metric", "could not be read back: POST /api/v2/query/timeseries answered 401", "again"},
		"a write that nobody answered": {func(w *world) { w.lost["log"], w.errs["send log"] = true, fmt.Errorf("%w: 503", check.ErrUnjudged) }, nil, "step5.log", "whether it was taken is not known: not judged: 503", "again"},
		"a check that nobody answered": {func(w *world) { w.errs["send service check"] = fmt.Errorf("%w: 503", check.ErrUnjudged) }, nil, "step5.service_check", "whether it was taken is not known", "again"},
		"not intrusive, key":           {func(*world) {}, func(o *check.Options) { o.Intrusive = false }, "step2.second_mint", "", "intrusive"},
		"not intrusive, incident":      {func(*world) {}, func(o *check.Options) { o.Intrusive = false }, "step5.incident", "", "intrusive"},
		"not intrusive, its scope":     {func(*world) {}, func(o *check.Options) { o.Intrusive = false }, "step5.scope.incident_write", "", "intrusive"},
		"no consent asked for":         {func(*world) {}, func(o *check.Options) { o.Consent = false }, "step1.wrong_verifier", "", "with consent"},
		"nobody consents":              {func(w *world) { w.trial = nil }, nil, "step1.wrong_verifier", "nobody gave consent", ""},
		"a trial without an end":       {func(w *world) { w.trial = &check.Trial{Said: "503"} }, nil, "step1.wrong_verifier", "503", ""},
		"a code of another site":       {func(w *world) { w.trial.Host = "api.us3.datadoghq.com" }, nil, "step1.wrong_verifier", "the callback named another site than the tenant's, datadoghq.eu", "the domain of the callback"},
		"an exporter without a host":   {func(w *world) { w.probers = []credential.Prober{nowhere{prober{w}}} }, nil, "step4.routing", "have no host for data at EU", "endpoints"},
		"a paused tenant":              {func(w *world) { w.facts.Hold = "paused" }, nil, "step5.span", "the tenant is paused", "resume"},
		"scopes that nobody named":     {func(w *world) { w.facts.Scopes = nil }, nil, "step5.scope", "did not say", ""},
		"links only":                   {func(w *world) { w.tile = nil }, nil, "step1.tile", "flow::tickets is not configured", ""},
		"a test client":                {func(w *world) { w.facts.Stage, w.facts.Published = "test", false }, nil, "step6.credentials", "test client", "submitted"},
		"a refresh without an answer":  {func(w *world) { w.errs["refresh"] = fmt.Errorf("%w: 503", check.ErrUnjudged) }, nil, "step1.refresh", "503", "again"},
		"v2 validate that fails":       {func(w *world) { w.errs["v2"] = errors.New("404") }, nil, "step2.validate_v2", "404", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld()
			c.edit(w)
			r := w.run(t, c.order)
			assert.Empty(t, failed(r))
			l := lineOf(t, r, c.line)
			assert.Equal(t, check.NotTested, l.Result)
			assert.Contains(t, l.Evidence, c.says)
			assert.Contains(t, l.Todo, c.todo)
		})
	}
}

// TestAKeyThatIsYoungIsGivenTime: until it is known everywhere Datadog calls it not valid.
func TestAKeyThatIsYoungIsGivenTime(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.facts.KeyMintedAt = w.facts.ConnectedAt.Add(time.Hour) // a moment ago
	r := w.run(t, nil)
	assert.Empty(t, failed(r))
	assert.Equal(t, check.Pass, lineOf(t, r, "step2.validate_v1").Result)
}

// TestAWriteThatArrivedWithoutAnAnswerPasses: the answer was lost, and the data was not.
func TestAWriteThatArrivedWithoutAnAnswerPasses(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.errs["send event"] = fmt.Errorf("%w: EOF", check.ErrUnjudged)
	r := w.run(t, nil)
	assert.Empty(t, failed(r))
	l := lineOf(t, r, "step5.event")
	assert.Equal(t, check.Pass, l.Result)
	assert.Contains(t, l.Evidence, "whether it was taken is not known: not judged: EOF; POST /api/v2/events/search found it")
}

// TestEveryHostOfEachSiteIsAsked compares them with the table of sites: one that is added there is to be asked here too.
func TestEveryHostOfEachSiteIsAsked(t *testing.T) {
	t.Parallel()
	spans := map[string]string{"datadoghq.com": "trace.browser-intake-datadoghq.com", "datadoghq.eu": "public-trace-http-intake.logs.datadoghq.eu"}
	for _, at := range site.Table() {
		t.Run(at.Domain(), func(t *testing.T) {
			t.Parallel()
			w := newWorld()
			w.facts.Site = at
			r := w.run(t, nil) // all else is of EU1
			want := slices.DeleteFunc(at.Hostnames(), func(name string) bool { return name == at.Hostname(site.HostOTLP) && !at.Serves(site.HostOTLP) })
			var got []string
			for _, call := range w.calls {
				if name, ok := strings.CutPrefix(call, "HEAD "); ok {
					got = append(got, name)
				}
			}
			assert.ElementsMatch(t, want, got)
			for _, l := range r.Steps[3].Lines {
				assert.True(t, l.Result == check.Pass || l.Todo != "", l.ID)
			}
			if name := spans[at.Domain()]; name != "" {
				assert.Contains(t, got, name)
				assert.Contains(t, lineOf(t, r, "step4.host.spans").What, name)
				assert.Equal(t, check.Pass, lineOf(t, r, "step4.host.spans").Result)
			}
		})
	}
}

type tracesOnly struct{ prober }

func (tracesOnly) ProbeKinds() []credential.ProbeKind {
	return []credential.ProbeKind{credential.ProbeSpan, credential.ProbeStats}
}

type metricsOnly struct{ prober }

func (metricsOnly) ProbeKinds() []credential.ProbeKind {
	return []credential.ProbeKind{credential.ProbeMetric, credential.ProbeDistribution}
}

// TestAMetricIsReadByItsNameWhereItsValueCannotBe needs the second reader.
func TestAMetricIsReadByItsNameWhereItsValueCannotBe(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.facts.Scopes = []string{"api_keys_write", "metrics_read"}
	r := w.run(t, nil)
	assert.Empty(t, failed(r))
	for _, id := range []string{"step5.metric", "step5.distribution"} {
		assert.Contains(t, lineOf(t, r, id).Evidence, "its value is read with timeseries_query")
	}
	assert.NotContains(t, w.calls, "POST /api/v2/query/timeseries")
}

// TestADisconnectedTenantLacksNoKey: somebody disconnected it on purpose, and what Datadog let be done with its key is no fault either.
func TestADisconnectedTenantLacksNoKey(t *testing.T) {
	t.Parallel()
	for name, edit := range map[string]func(*check.Facts){
		"the key is deleted": func(f *check.Facts) {
			f.HasKey, f.KeyLast4, f.KeyName, f.KeyReason = false, "", "", "the API key …abcd was deleted"
		},
		"the key is left":        func(f *check.Facts) { f.HasKey, f.KeyReason = false, "the API key could not be deleted from here" },
		"another tenant uses it": func(*check.Facts) {},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld()
			w.facts.Hold, w.facts.TokenExpiry, w.facts.HasRefreshToken = "disconnected", time.Time{}, false
			edit(&w.facts)
			r := w.run(t, nil)
			assert.Empty(t, failed(r))
			for _, id := range []string{"step2.key", "step2.validate_v1", "step2.validate_v2", "step2.second_mint"} {
				l := lineOf(t, r, id)
				assert.Equal(t, check.NotTested, l.Result, id)
				assert.Contains(t, l.Evidence, "the tenant is disconnected", id)
				assert.Contains(t, l.Evidence, w.facts.KeyReason, id)
			}
			for _, call := range []string{"v1", "v2", "mint"} {
				assert.NotContains(t, w.calls, call)
			}
		})
	}
}

func TestATenantThatIsNotConnectedIsChecked(t *testing.T) {
	t.Parallel()
	w := newWorld()
	failedAt := w.facts.ConnectedAt
	w.facts = check.Facts{
		Client: "main", ClientID: "client-1234", Stage: "published", RedirectURL: publicURL + "/callback", PublicURL: publicURL, Hold: "none",
		Failed: &check.FailedConsent{At: failedAt, Outcome: "exchange_refused", Reason: "invalid_grant", CallbackDomain: "us3.datadoghq.com"},
	}
	w.pages = func(url.Values) (*url.URL, error) {
		return url.Parse("https://app.datadoghq.com/oauth2/v1/authorize?" + url.Values{
			"client_id": {"client-1234"}, "redirect_uri": {publicURL + "/callback"}, "response_type": {"code"}, "code_challenge_method": {"S256"},
			"code_challenge": {strings.Repeat("c", 43)}, "state": {strings.Repeat("s", 43)},
		}.Encode())
	}
	r := w.run(t, nil)
	assert.Equal(t, []string{"step1.latest_consent"}, failed(r))
	assert.Empty(t, r.Site)
	for _, call := range []string{"refresh", "token", "v1", "v2", "mint", "revoke", "link", "send metric"} {
		assert.NotContains(t, w.calls, call)
	}
}

// TestACheckThatIsStoppedBlamesNobody ends it at each of its calls of the grant, and while it waits for data.
func TestACheckThatIsStoppedBlamesNobody(t *testing.T) {
	t.Parallel()
	for _, at := range []string{"tile", "refresh", "token", "v1", "mint", "elsewhere", "send metric", "revoke", ""} {
		w := newWorld()
		w.lost["span"], w.trial = true, nil
		r := w.runUntil(t, 3*time.Minute, func(cancel context.CancelFunc) {
			w.at = map[string]func() error{at: func() error { cancel(); return context.Canceled }}
		})
		assert.Empty(t, failed(r), at)
		for _, s := range r.Steps {
			for _, l := range s.Lines {
				assert.NotEmpty(t, l.Result, l.ID)
			}
		}
		assert.Empty(t, r.ConsentLink)
		assert.True(t, w.ended, "the link of the consent is still there")
	}
}

// TestACheckThatIsStoppedTellsWhatItLeft: a key or an incident that it made is for people to find.
func TestACheckThatIsStoppedTellsWhatItLeft(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		stop       func(*world, context.CancelFunc)
		line       string
		says, todo string
	}{
		"a second key": {func(w *world, cancel context.CancelFunc) {
			w.mint = http.StatusCreated
			w.at = map[string]func() error{"mint": func() error { cancel(); return errors.New("key …cdef was left: 403") }}
		}, "step2.second_mint", "key …cdef was left: 403", "look for a second key"},
		"an incident": {func(w *world, cancel context.CancelFunc) {
			w.onCall = func(call string) error {
				switch {
				case strings.HasPrefix(call, "PATCH "):
					cancel()
					return context.Canceled
				case strings.HasPrefix(call, "DELETE "):
					return errors.New("EOF")
				}
				return nil
			}
		}, "step5.incident", "incident i1: ", "delete the incident by hand"},
		"an incident that may be there": {func(w *world, _ context.CancelFunc) {
			w.onCall = func(call string) error {
				if call == "POST /api/v2/incidents" {
					return errors.New("EOF")
				}
				return nil
			}
		}, "step5.incident", "whether one was made is not known", "in its title, and delete it"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld()
			r := w.runUntil(t, time.Hour, func(cancel context.CancelFunc) { c.stop(w, cancel) })
			assert.Empty(t, failed(r))
			l := lineOf(t, r, c.line)
			assert.Equal(t, check.NotTested, l.Result)
			assert.Contains(t, l.Evidence, c.says)
			assert.Contains(t, l.Todo, c.todo)
		})
	}
}

func TestACheckWhoseReportCannotBeKeptEnds(t *testing.T) {
	t.Parallel()
	lost := errors.New("another check took its place")
	r, err := check.Run(t.Context(), check.Report{ID: "1", Tenant: "acme"}, check.Options{
		Grant: newWorld(), Pages: newWorld(), HTTP: http.DefaultTransport, Save: func(check.Report) error { return lost },
	})
	require.ErrorIs(t, err, lost)
	assert.False(t, r.Running())
}
