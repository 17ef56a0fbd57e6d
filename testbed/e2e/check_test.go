package e2e

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/datadogoauth/otelcol-datadogoauth/testbed/standin"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/standin/history"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/standin/intake"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/standin/oauth"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/world"
)

// report is what datadogoauthctl keeps of a check.
type report struct {
	ID, Tenant, Site string
	Org              string    `json:"org_id"`
	Ended            time.Time `json:"ended_at"`
	Steps            []struct {
		Number int
		Title  string
		Lines  []struct{ ID, What, Result, Evidence, Todo string }
	}
}

// lines are the ids of those with a result, and what the lines saw.
func (r report) lines(result string) (ids []string, evidence string) {
	for _, s := range r.Steps {
		for _, l := range s.Lines {
			if l.Result == result {
				ids = append(ids, l.ID)
				evidence += l.Evidence + "\n"
			}
		}
	}
	return ids, evidence
}

// checked runs the command for a customer, and gives a consent where it asks for one.
type checked struct {
	report
	status         int
	stdout, stderr string
	html           []byte
}

func check(t *testing.T, w *world.World, c world.Customer, flags ...string) checked {
	t.Helper()
	dir := t.TempDir()
	html, machine := filepath.Join(dir, "report.html"), filepath.Join(dir, "report.json")
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, binary(t, "datadogoauthctl"), append([]string{
		"check", "--admin", w.AdminURL, "--token-file", w.Path("admin-token"), "--tenant", c.Tenant, "--html", html, "--json", machine,
	}, flags...)...)
	var stdout bytes.Buffer
	cmd.Stdout = &stdout
	pipe, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var stderr strings.Builder
	link := regexp.MustCompile(`https://\S+/connect/\S+`)
	for lines := bufio.NewScanner(io.TeeReader(pipe, &stderr)); lines.Scan(); {
		if found := link.FindString(lines.Text()); found != "" {
			consent(t, w, c, found)
		}
	}
	err = cmd.Wait()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	got := checked{status: cmd.ProcessState.ExitCode(), stdout: stdout.String(), stderr: stderr.String()}
	raw, err := os.ReadFile(machine)
	if err != nil {
		t.Fatalf("%v: %s", err, got.stderr)
	}
	if err := json.Unmarshal(raw, &got.report); err != nil {
		t.Fatal(err)
	}
	if got.html, err = os.ReadFile(html); err != nil {
		t.Fatal(err)
	}
	if failed, _ := got.lines("fail"); (got.status == 0) != (len(failed) == 0) {
		t.Errorf("exit status %d with %q", got.status, failed)
	}
	return got
}

// consent opens the link of a check and agrees.
func consent(t *testing.T, w *world.World, c world.Customer, link string) {
	t.Helper()
	b, err := w.NewBrowser()
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	start, err := b.Open(t.Context(), link)
	if err != nil {
		t.Fatal(err)
	}
	page, err := b.Submit(t.Context(), start, nil)
	if err != nil {
		t.Fatal(err)
	}
	last, err := b.Submit(t.Context(), page, map[string]string{"action": "authorize", "org": c.Org.ID, "site": c.Org.Site})
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(last.Text(), "You may now close this tab") {
		t.Errorf("the last page of a check: %d %s", last.Status, last.Text())
	}
}

func withChecks(o *world.Options) {
	o.Tenants = [][2]string{{"acme", "datadoghq.eu"}, {"globex", "datadoghq.com"}}
	o.PublicHost = world.PartnerHost
	o.Scopes = []string{"api_keys_write", "timeseries_query", "metrics_read", "logs_read_data", "apm_read", "events_read", "incident_write", "incident_read", "monitors_read", "hosts_read"}
	o.Args = []string{"--set=extensions.datadogoauth.checks.intrusive=true", "--set=extensions.datadogoauth.checks.wait=5s"}
}

// TestTheSixSteps checks a connection in which all is well, then breaks one thing after the other.
func TestTheSixSteps(t *testing.T) {
	t.Parallel()
	w := start(t, withChecks)
	connectAll(t, w)
	acme, globex := w.Customers[0], w.Customers[1]
	org := acme.Org
	red := func(what string, c checked, want ...string) {
		t.Helper()
		failed, evidence := c.lines("fail")
		if !slices.Equal(failed, want) {
			t.Errorf("%s: failed %q, want %q:\n%s\n%s", what, failed, want, evidence, c.stdout)
		}
	}

	good := check(t, w, acme, "--consent", "--intrusive")
	red("nothing is broken", good)
	if good.Tenant != "acme" || good.Site != "datadoghq.eu" || good.Org != org.ID || len(good.Steps) != 6 || good.Ended.IsZero() {
		t.Errorf("%+v", good.report)
	}
	for _, s := range good.Steps {
		passed := 0
		for _, l := range s.Lines {
			if l.Evidence == "" {
				t.Errorf("%s has no evidence", l.ID)
			}
			if l.Result == "pass" {
				passed++
			}
		}
		if passed == 0 {
			t.Errorf("step %d, %s: nothing passed", s.Number, s.Title)
		}
	}
	passed, evidence := good.lines("pass")
	for _, id := range []string{
		"step1.link_origin", "step1.link_bare", "step1.refresh", "step1.validate_keys", "step1.wrong_verifier", "step2.validate_v1", "step2.validate_v2", "step2.second_mint",
		"step3.datadoghq.eu", "step4.host.api", "step4.host.logs", "step4.host.traces", "step4.host.otlp", "step4.host.events", "step4.host.spans", "step4.routing",
		"step5.metric", "step5.distribution", "step5.log", "step5.span", "step5.stats", "step5.event", "step5.incident", "step5.scope.hosts_read", "step5.scope.metrics_read", "step6.public_url", "step6.revoke",
	} {
		if !slices.Contains(passed, id) {
			t.Errorf("%s did not pass: %s", id, good.stdout)
		}
	}
	for _, seen := range []string{"Invalid code or code verifier", "public-trace-http-intake.logs.datadoghq.eu", org.ID, "answered 409"} {
		if !strings.Contains(evidence+good.stdout, seen) {
			t.Errorf("no line says %q", seen)
		}
	}
	if !bytes.Contains(good.html, []byte("Datadog integration check")) || bytes.Contains(good.html, []byte("/connect/")) {
		t.Error("the page is not a report, or gives the link of a consent away")
	}
	if got := w.Standin.Intake().Received(org.ID); len(got.Incidents) != 0 {
		t.Errorf("the test incident is still there: %+v", got.Incidents)
	}
	keep(t, "check-report.html", good.html)

	american := check(t, w, globex)
	red("another site", american)
	if passed, _ := american.lines("pass"); !slices.Contains(passed, "step4.host.spans") || !strings.Contains(american.stdout, "trace.browser-intake-datadoghq.com (span intake of the guide)") {
		t.Errorf("the span host of US1 did not pass: %s", american.stdout)
	}

	w.Standin.Intake().BreakScopes(org.ID, "timeseries_query")
	red("a broken scope", check(t, w, acme), "step5.scope.timeseries_query")
	w.Standin.Intake().BreakScopes(org.ID)

	w.Standin.Intake().DropKinds(org.ID, intake.KindLogs, intake.KindSketches, intake.KindStats)
	lost := check(t, w, acme)
	red("lost writes", lost, "step5.distribution", "step5.log")
	if open, _ := lost.lines("not tested"); !slices.Contains(open, "step5.stats") { // five seconds are too few to judge
		t.Errorf("lost stats: %s", lost.stdout)
	}
	w.Standin.Intake().DropKinds(org.ID)

	anyVerifier := func(on bool) {
		if err := w.Standin.OAuth().UpdateSettings(func(s *oauth.Settings) error { s.AnyVerifier = on; return nil }); err != nil {
			t.Fatal(err)
		}
	}
	anyVerifier(true)
	red("a server that takes any verifier", check(t, w, acme, "--consent"), "step1.wrong_verifier")
	anyVerifier(false)

	if err := w.Standin.SetScenario(standin.ScenarioWrongSite); err != nil {
		t.Fatal(err)
	}
	if elsewhere, _ := check(t, w, acme, "--consent").lines("not tested"); !slices.Contains(elsewhere, "step1.wrong_verifier") {
		t.Errorf("a code that went to another site says something of verifiers; not tested are %q", elsewhere)
	}
	if err := w.Connect(t.Context(), acme); err == nil {
		t.Fatal("a code was good at another site")
	}
	if err := w.Standin.SetScenario(standin.ScenarioNone); err != nil {
		t.Fatal(err)
	}
	wrong := check(t, w, acme)
	red("a wrong site", wrong, "step1.latest_consent")
	if _, evidence := wrong.lines("fail"); !strings.Contains(evidence, "invalid_grant") || !strings.Contains(evidence, "the code went to api.") {
		t.Errorf("the wrong site is not named: %s", evidence)
	}

	if err := w.Connect(t.Context(), acme); err != nil {
		t.Fatal(err)
	}
	red("all is well again", check(t, w, acme))
	if strays := w.Strays(); len(strays) > 0 {
		t.Errorf("requests that must never be: %+v", strays)
	}
	for _, e := range w.Standin.History().List(history.Filter{}) {
		if e.Method == http.MethodHead && e.Auth != "none" {
			t.Errorf("a host was asked with a credential: %+v", e)
		}
	}
	logs := w.Log.String()
	for _, s := range w.Secrets() {
		if strings.Contains(logs+good.stdout+string(good.html), s.Value) {
			t.Errorf("a %s is shown", s.Kind)
		}
	}
}

// keep leaves a file where DATADOGOAUTH_SHOTS says.
func keep(t *testing.T, name string, content []byte) {
	t.Helper()
	dir := os.Getenv("DATADOGOAUTH_SHOTS")
	if dir == "" {
		return
	}
	if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
		t.Error(err)
	}
}
