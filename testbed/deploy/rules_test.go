package deploy

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// series is what a Prometheus saw: a series, and its values once a minute in promtool's notation (0+2x30 counts up, _x20 is nothing).
// https://prometheus.io/docs/prometheus/latest/configuration/unit_testing_rules/
type series map[string]string

// scraped puts the labels of a target, and those given, on metrics: name, values, name, values.
func scraped(labels string, pairs ...string) series {
	all := series{}
	for i := 0; i < len(pairs); i += 2 {
		all[fmt.Sprintf(`%s{job="otelcol", instance="gw-0:8888"%s}`, pairs[i], labels)] = pairs[i+1]
	}
	return all
}

func ours(labels string, pairs ...string) series {
	for i := 0; i < len(pairs); i += 2 {
		pairs[i] = "otelcol_exporter_datadogoauth_" + pairs[i]
	}
	return scraped(`, exporter="datadogoauth"`+labels, pairs...)
}

func dropped(reason, values string) series {
	return ours(fmt.Sprintf(`, signal="logs", reason=%q`, reason), "dropped_items", values)
}

func grants(label, value, name, values string) series {
	return scraped(fmt.Sprintf(`, %s=%q`, label, value), "otelcol_datadogoauth_"+name, values)
}

func all(parts ...series) series {
	sum := series{}
	for _, part := range parts {
		for name, values := range part {
			sum[name] = values
		}
	}
	return sum
}

const (
	never  = "0x60"
	steady = "5x60"   // counted long ago, and not since
	counts = "0+3x60" // counted every minute
	appear = "0x35 4x30"
	// lost counts something and restarts, all within the ten minutes that are looked at, and counts nothing since.
	lost = "_x31 0 100x2 0x30"
)

// ruleCase is about one alert after 40 minutes.
type ruleCase struct {
	alert       string
	fires       []series // each alone is enough
	doesNotFire []series
}

func ruleCases() []ruleCase {
	var cases []ruleCase
	for alert, reasons := range map[string][]string{
		"Rejected": {"rejected"}, "ParkFull": {"park_full"}, "RefusedParkFull": {"intake_refused"}, "TooLarge": {"too_large"}, "Unreadable": {"unreadable"}, "LostAtStop": {"shutdown"},
		"QueueFull": {"queue_full"}, "OutcomeUnknown": {"outcome_unknown"},
		"NoTenant": {"no_tenant", "tenant_conflict", "tenant_invalid", "not_allowed", "unknown_tenant", "not_connected"},
	} {
		c := ruleCase{alert: alert, doesNotFire: []series{dropped("sampled", counts), dropped("baseline", appear)}}
		for _, reason := range reasons {
			c.fires = append(c.fires, dropped(reason, counts), dropped(reason, appear), dropped(reason, lost))
			c.doesNotFire = append(c.doesNotFire, dropped(reason, never), dropped(reason, steady))
		}
		cases = append(cases, c)
	}
	unusable := ruleCase{alert: "UnusableData", doesNotFire: []series{dropped("stale", counts), dropped("malformed", "0x30 1x30")}}
	for _, reason := range []string{"temporality", "malformed", "not_finite", "future", "foreign_stats", "no_host", "host_limit"} {
		unusable.fires = append(unusable.fires, dropped(reason, counts))
	}
	for state, c := range map[string]struct{ alert, short string }{
		"key refused": {"KeyRefused", "0x36 1x30"}, "key missing": {"KeyMissing", "0x36 1x30"}, "reauthorise": {"Reauthorise", "0x36 1x30"},
		"minting": {"MintHangs", "0x30 1x30"}, "unreadable": {"TenantUnreadable", never},
	} {
		cases = append(cases, ruleCase{c.alert, []series{grants("state", state, "tenants", "1x60")},
			[]series{grants("state", state, "tenants", c.short), grants("state", "ok", "tenants", "7x60"), grants("state", "paused", "tenants", "1x60")}})
	}
	duration := func(intake, outcome, values string) series {
		return ours(fmt.Sprintf(`, intake=%q, outcome=%q`, intake, outcome), "request_duration_count", values)
	}
	flow := func(signal, accepted, delivered string) series {
		return ours(fmt.Sprintf(`, signal=%q`, signal), "accepted_items", accepted, "delivered_items", delivered)
	}
	queue := func(exporter, size string) series {
		return scraped(fmt.Sprintf(`, exporter=%q, data_type="logs"`, exporter), "otelcol_exporter_queue_size", size, "otelcol_exporter_queue_capacity", "100x60")
	}
	alive := grants("state", "ok", "tenants", "3x60")
	gone := grants("state", "ok", "tenants", "3x20 stale")
	up := func(values string) series { return scraped("", "up", values) }
	uptime := func(values string) series { return scraped("", "otelcol_process_uptime", values) }
	refreshes := func(outcome, values string) series { return grants("outcome", outcome, "refreshes", values) }
	// both have a series for the outcome from the start
	either := func(outcome, refreshes, flows string) series {
		return all(grants("outcome", outcome, "refreshes", refreshes), grants("outcome", outcome, "flows", flows))
	}
	return append(cases, unusable,
		ruleCase{"Expired", []series{ours(`, signal="metrics"`, "expired_items", counts), ours(`, signal="metrics"`, "expired_items", appear), ours(`, signal="metrics"`, "expired_items", lost)},
			[]series{ours(`, signal="metrics"`, "expired_items", steady), ours(`, signal="metrics"`, "parked_items", counts)}},
		ruleCase{"LosesData",
			[]series{all(flow("logs", "0+100x60", counts), dropped("rejected", "0+2x60"), ours(`, signal="logs"`, "expired_items", never)), all(flow("logs", "0+100x60", counts), ours(`, signal="logs"`, "expired_items", "0+2x60"), dropped("rejected", never)),
				all(flow("logs", never, never), ours(`, signal="logs"`, "expired_items", counts), dropped("rejected", never))}, // nothing comes, and what waits is lost
			[]series{all(flow("logs", "0+1000x60", counts), dropped("rejected", "0+2x60"), ours(`, signal="logs"`, "expired_items", never)),
				all(flow("logs", "0+100x60", counts), dropped("sampled", "0+50x60"), dropped("rejected", never), ours(`, signal="logs"`, "expired_items", never)),
				all(flow("logs", never, never), dropped("rejected", never), ours(`, signal="logs"`, "expired_items", never))}},
		ruleCase{"ManyKeysFail",
			[]series{all(grants("state", "ok", "tenants", "90x60"), grants("state", "key refused", "tenants", "4x60"), grants("state", "key missing", "tenants", "6x60")), grants("state", "key refused", "tenants", "1x60")},
			[]series{all(grants("state", "ok", "tenants", "1999x60"), grants("state", "key refused", "tenants", "1x60")), all(grants("state", "ok", "tenants", "3x60"), grants("state", "paused", "tenants", "9x60")),
				grants("state", "key refused", "tenants", "0x36 9x30")}},
		ruleCase{"ParkNearlyFull", []series{ours(`, signal="logs", limit="all"`, "parking_used", "0.9x60"), ours(`, signal="logs", limit="tenant"`, "parking_used", "0.81x60")},
			[]series{ours(`, signal="logs", limit="all"`, "parking_used", "0.8x60"), ours(`, signal="logs", limit="age"`, "parking_used", "0.9x60"), ours(`, signal="logs", limit="tenant"`, "parking_used", "0x36 0.9x30")}},
		ruleCase{"ExpiresSoon", []series{ours(`, signal="metrics", limit="age"`, "parking_used", "0.76x60")},
			[]series{ours(`, signal="metrics", limit="age"`, "parking_used", "0.75x60"), ours(`, signal="service_checks", limit="age"`, "parking_used", "0.9x60"), ours(`, signal="metrics", limit="all"`, "parking_used", "0.9x60")}},
		ruleCase{"SiteDown", []series{all(ours(`, intake="logs", site="us5.datadoghq.com"`, "down_intakes", "1x60"), ours(`, intake="logs", site="datadoghq.com"`, "down_intakes", never))},
			[]series{ours(`, intake="logs", site="us5.datadoghq.com"`, "down_intakes", never), ours(`, intake="logs", site="us5.datadoghq.com"`, "down_intakes", "0x36 1x30")}},
		ruleCase{"SeriesForgotten", []series{ours("", "delta_evictions", counts)}, []series{ours("", "delta_evictions", never), ours("", "delta_series", counts)}},
		ruleCase{"CountsOverwritten", []series{ours(`, place="lost"`, "count_collisions", counts)},
			[]series{ours(`, place="lost"`, "count_collisions", steady), ours(`, place="moved"`, "count_collisions", counts)}},
		ruleCase{"StatsOverflow", []series{ours("", "stats_overflow", counts)}, []series{ours("", "stats_overflow", steady), ours("", "stats_late", counts)}},
		ruleCase{"Complaints", []series{ours(`, intake="series"`, "complaints", appear)}, []series{ours(`, intake="series"`, "complaints", steady)}},
		ruleCase{"NothingDelivered",
			[]series{flow("logs", counts, never), flow("logs", counts, "_x60"), all(flow("logs", counts, never), flow("traces", counts, counts)), all(flow("logs", "0+5x60", never), dropped("sampled", counts))},
			[]series{flow("logs", counts, counts), flow("logs", never, never), all(flow("logs", counts, never), dropped("sampled", counts)), flow("logs", "0x35 0+3x30", never)}},
		ruleCase{"DataWaits", []series{ours(`, signal="logs"`, "parking_items", "7x60")},
			[]series{ours(`, signal="logs"`, "parking_items", never), ours(`, signal="logs"`, "parking_items", "7x30 0 7x30"),
				ours(`, signal="logs"`, "parking_items", "_x38 7x30"), ours(`, signal="logs"`, "parking_items", "7x28 stale _x2 7x30")}}, // a start that restores, and a restart
		ruleCase{"QueueNearlyFull", []series{queue("datadogoauth", "90x60"), queue("datadogoauth/eu", "90x60")},
			[]series{queue("datadogoauth", "70x60"), queue("datadogoauth", "0x37 90x30"), queue("otlp", "90x60")}},
		ruleCase{"StorageFails", []series{ours(`, signal="logs", file="queue"`, "storage_failing", "1x60"), ours(`, signal="logs", file="parking"`, "storage_failing", "0x30 1 0 1 0 0 1 0 0 1 0x9")},
			[]series{ours(`, signal="logs", file="queue"`, "storage_failing", never), ours(`, signal="logs", file="queue"`, "storage_failing", "0x38 1x30"), ours(`, signal="logs", file="queue"`, "storage_failing", "0x20 1x5 0x30")}},
		ruleCase{"SendersRefused", []series{ours(`, signal="logs", reason="queue_full"`, "refused_items", counts)},
			[]series{ours(`, signal="logs", reason="queue_full"`, "refused_items", steady), ours(`, signal="logs", reason="too_fast"`, "refused_items", "0x25 5x30"), ours(`, signal="logs", reason="too_fast"`, "refused_items", "0x35 0+3x30")}},
		ruleCase{"IntakeFails", []series{all(duration("logs", "retry", "0+2x60"), duration("logs", "delivered", "0+1x60")), duration("logs", "unknown", counts)},
			[]series{all(duration("logs", "retry", "0+1x60"), duration("logs", "delivered", "0+2x60")), all(duration("logs", "retry", "0+1x60"), duration("series", "delivered", "0+2x60"), duration("logs", "delivered", "0+2x60")), duration("logs", "retry", "0x33 0+9x30")}},
		ruleCase{"IntakeRefuses", []series{ours(`, intake="logs"`, "refused_intakes", "1x60")},
			[]series{ours(`, intake="logs"`, "refused_intakes", never), ours(`, intake="logs"`, "refused_intakes", "0x35 1x30"), duration("logs", "refused", counts)}},
		ruleCase{"StoreDown", []series{scraped("", "otelcol_datadogoauth_store_faults", "1x60")}, []series{scraped("", "otelcol_datadogoauth_store_faults", never), scraped("", "otelcol_datadogoauth_store_faults", "0x39 1x30")}},
		ruleCase{"StoreWriteFails", []series{either("store_failed", counts, never), either("store_failed", appear, never), either("store_failed", never, counts), either("store_failed", never, appear), either("store_failed", lost, lost)},
			[]series{either("store_failed", steady, steady), either("store_failed", never, never), refreshes("refreshed", counts), grants("outcome", "connected", "flows", counts)}},
		ruleCase{"ClientRejected", []series{either("client_rejected", counts, never), either("client_rejected", appear, never), either("client_rejected", never, appear)},
			[]series{either("client_rejected", steady, steady), refreshes("revoked", counts)}},
		ruleCase{"RefreshesFail", []series{refreshes("failed", counts), all(refreshes("unanswered", "0+2x60"), refreshes("refreshed", "0+1x60"))},
			[]series{all(refreshes("failed", "0+1x60"), refreshes("refreshed", "0+2x60")), refreshes("failed", "0x20 2x60"), refreshes("failed", "0x30 0+3x60"), refreshes("revoked", counts)}},
		ruleCase{"MintFails", []series{grants("outcome", "forbidden", "mints", counts), grants("outcome", "exists", "mints", appear), grants("outcome", "refused", "mints", appear), grants("outcome", "unknown", "mints", appear), grants("outcome", "other_org", "mints", appear)},
			[]series{grants("outcome", "minted", "mints", counts), grants("outcome", "exists", "mints", steady)}},
		ruleCase{"RevocationFails", []series{grants("outcome", "given_up", "revocations", counts), grants("outcome", "key_remaining", "revocations", appear)},
			[]series{grants("outcome", "revoked", "revocations", counts), grants("outcome", "unanswered", "revocations", counts)}},
		ruleCase{"IncidentsUnknown", []series{ours(`, state="unknown"`, "incidents", "2x60")}, []series{ours(`, state="open"`, "incidents", "2x60"), ours(`, state="unknown"`, "incidents", never)}},
		ruleCase{"IncidentsWait", []series{ours("", "journal_items", "1x60")}, []series{ours("", "journal_items", "1x20 0 1x40"), ours("", "journal_items", never), ours("", "journal_items", "_x38 1x30"), ours("", "journal_items", "1x28 stale _x2 1x30")}},
		ruleCase{"CollectorDown", []series{all(gone, up("1x20 0x40"))}, []series{all(alive, up("1x60")), up("0x60"), all(gone, up("1x38 0x40"))}},
		ruleCase{"NoCollector", []series{gone}, []series{alive, grants("state", "ok", "tenants", "3x37 stale"), all(gone, series{`otelcol_datadogoauth_tenants{job="otelcol", instance="gw-1:8888", state="ok"}`: "3x60"})}},
		ruleCase{"CollectorRestarts", []series{all(alive, uptime("0 60 120 180 240 300 360 420 480 540 600 660 720 0 60 120 0 60 120 0 60 120 0 60 120 180 0+60x60"))},
			[]series{all(alive, uptime("0+60x60")), all(alive, uptime("0+60x20 0+60x60")), uptime("0 60 120 180 240 300 360 420 480 540 600 660 720 0 60 120 0 60 120 0 60 120 0 60 120 180 0+60x60")}},
	)
}

// failing for an hour takes longer than the other cases.
var slowCases = []ruleCase{{"RefreshFailing", []series{grants("state", "failing", "tenants", "2x120")},
	[]series{grants("state", "failing", "tenants", "2x50 0 2x70"), grants("state", "ok", "tenants", "2x120")}}}

// who is down for longer than a collector is remembered stays down.
var slowestCases = []ruleCase{{"CollectorDown", []series{all(grants("state", "ok", "tenants", "3x20 stale"), scraped("", "up", "1x20 0x500"))},
	[]series{all(grants("state", "ok", "tenants", "3x20 stale"), scraped("", "up", "1x20 0x400 1x100"))}}}

// tool finds a program of Debian's package prometheus.
func tool(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skipf("%s is not installed; install Prometheus (Debian: apt-get install prometheus) to test the rules of deploy/", name)
	}
	return path
}

type promtoolTest struct {
	Interval string              `yaml:"interval"`
	Name     string              `yaml:"name"`
	Input    []map[string]string `yaml:"input_series"`
	Promql   []promqlTest        `yaml:"promql_expr_test"`
}

type promqlTest struct {
	Expr    string           `yaml:"expr"`
	At      string           `yaml:"eval_time"`
	Samples []map[string]any `yaml:"exp_samples"`
}

func (c ruleCase) tests(at string) (tests []promtoolTest) {
	name := "DatadogOAuth" + c.alert
	for i, group := range [][]series{c.fires, c.doesNotFire} {
		for n, s := range group {
			test := promtoolTest{Interval: "1m", Name: fmt.Sprintf("%s %d fires=%v", name, n, i == 0)}
			for series, values := range s {
				test.Input = append(test.Input, map[string]string{"series": series, "values": values})
			}
			firing := promqlTest{Expr: fmt.Sprintf("group(ALERTS{alertname=%q, alertstate=\"firing\"})", name), At: at}
			if i == 0 {
				firing.Samples = []map[string]any{{"labels": "{}", "value": 1}}
			}
			test.Promql = []promqlTest{firing}
			tests = append(tests, test)
		}
	}
	return tests
}

// TestEachAlertFiresAndDoesNot runs every rule over series on which it must fire, and over those on which it must not.
func TestEachAlertFiresAndDoesNot(t *testing.T) {
	t.Parallel()
	promtool := tool(t, "promtool")
	rules, err := filepath.Abs(alertsFile)
	if err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(t.Context(), promtool, "check", "rules", rules).CombinedOutput(); err != nil {
		t.Fatalf("promtool check rules: %v\n%s", err, out)
	}
	rule := map[string]Alert{}
	for _, a := range alerts(t) {
		rule[a.Alert] = a
	}
	n := 0
	tested := map[string]bool{}
	for at, cases := range map[string][]ruleCase{"40m": ruleCases(), "90m": slowCases, "500m": slowestCases} {
		for _, c := range cases {
			a, ok := rule["DatadogOAuth"+c.alert]
			if !ok || len(c.fires) == 0 || len(c.doesNotFire) == 0 {
				t.Errorf("%s: there is no such alert, or no case in which it fires, or none in which it does not", c.alert)
				continue
			}
			tested[a.Alert] = true
			tests := c.tests(at)
			n += len(tests)
			if out, err := runRules(t, promtool, a, tests); err != nil {
				t.Errorf("promtool test rules: %v\n%s", err, out)
			}
		}
	}
	for name := range rule {
		if !tested[name] {
			t.Errorf("%s has no cases", name)
		}
	}
	t.Logf("%d cases", n)
}

// TestCasesOfAlertsCanFail shows that the run finds a rule that never fires, and one that always does.
func TestCasesOfAlertsCanFail(t *testing.T) {
	t.Parallel()
	promtool := tool(t, "promtool")
	a := Alert{Alert: "DatadogOAuthStoreDown", Expr: "otelcol_datadogoauth_store_faults > 0"}
	down := scraped("", "otelcol_datadogoauth_store_faults", "1x60")
	good := ruleCase{alert: "StoreDown", fires: []series{down}, doesNotFire: []series{scraped("", "up", "1x60")}}
	if out, err := runRules(t, promtool, a, good.tests("40m")); err != nil {
		t.Errorf("a good rule failed: %v\n%s", err, out)
	}
	for name, c := range map[string]ruleCase{
		"never fires":  {alert: "StoreDown", fires: []series{scraped("", "up", "1x60")}},
		"always fires": {alert: "StoreDown", doesNotFire: []series{down}},
	} {
		if out, err := runRules(t, promtool, a, c.tests("40m")); err == nil {
			t.Errorf("a rule that %s passed:\n%s", name, out)
		}
	}
}

// runRules gives a Prometheus this rule alone: with all of them each case would take a quarter of a second.
func runRules(t *testing.T, promtool string, rule Alert, tests []promtoolTest) ([]byte, error) {
	t.Helper()
	dir := t.TempDir()
	write := func(name string, content any) string {
		raw, err := yaml.Marshal(content)
		if err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, raw, 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	rules := write("rules.yaml", map[string]any{"groups": []any{map[string]any{"name": "one", "rules": []Alert{rule}}}})
	file := write("tests.yaml", map[string]any{"rule_files": []string{rules}, "evaluation_interval": "1m", "tests": tests})
	out, err := exec.CommandContext(t.Context(), promtool, "test", "rules", file).CombinedOutput()
	return bytes.TrimSpace(out), err
}

// TestTheScrapeShownIsValid checks the Prometheus configuration that deploy/ shows.
func TestTheScrapeShownIsValid(t *testing.T) {
	t.Parallel()
	promtool := tool(t, "promtool")
	out, err := exec.CommandContext(t.Context(), promtool, "check", "config", filepath.Join(root, "deploy/prometheus.yaml")).CombinedOutput()
	if err != nil || !strings.Contains(string(out), " rules found") {
		t.Errorf("promtool check config: %v\n%s", err, out)
	}
}
