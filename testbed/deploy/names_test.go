package deploy

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const root = "../.."

// others are the collector's own series that the files name, with their labels; a run with the real binary compares them with what it shows.
var others = map[string][]string{
	"otelcol_exporter_queue_size":              {"exporter", "data_type"},
	"otelcol_exporter_queue_capacity":          {"exporter", "data_type"},
	"otelcol_receiver_accepted_metric_points":  {"receiver", "transport"},
	"otelcol_receiver_accepted_log_records":    {"receiver", "transport"},
	"otelcol_receiver_accepted_spans":          {"receiver", "transport"},
	"otelcol_receiver_refused_metric_points":   {"receiver", "transport"},
	"otelcol_receiver_refused_log_records":     {"receiver", "transport"},
	"otelcol_receiver_refused_spans":           {"receiver", "transport"},
	"otelcol_process_uptime":                   nil,
	"otelcol_process_cpu_seconds":              nil,
	"otelcol_process_memory_rss":               nil,
	"otelcol_process_runtime_heap_alloc_bytes": nil,
	"up":     nil,
	"ALERTS": {"alertname", "alertstate", "severity"},
}

func known(t *testing.T) Known {
	t.Helper()
	ours, err := Declared(root)
	if err != nil {
		t.Fatal(err)
	}
	return Known{Ours: ours, Others: others}
}

func dashboard(t *testing.T) Dashboard {
	t.Helper()
	d, err := ReadDashboard(filepath.Join(root, "deploy/grafana/datadogoauth.json"))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func alerts(t *testing.T) []Alert {
	t.Helper()
	all, err := ReadAlerts(alertsFile)
	if err != nil || len(all) == 0 {
		t.Fatalf("%d alerts: %v", len(all), err)
	}
	return all
}

const alertsFile = root + "/deploy/alerts.yaml"

// inText are the labels that a legend or an annotation shows.
var inText = regexp.MustCompile(`\$labels\.([a-z_]+)|\{\{\s*([a-z_]+)\s*\}\}`)

func namesIn(text string) (names []string) {
	for _, m := range inText.FindAllStringSubmatch(text, -1) {
		names = append(names, m[1]+m[2])
	}
	return names
}

func TestEveryNameOnTheDashboardIsDeclared(t *testing.T) {
	t.Parallel()
	k, d := known(t), dashboard(t)
	n := 0
	for _, p := range d.Panels {
		for _, target := range p.Targets {
			n++
			faults, labels := k.Check(target.Expr)
			for _, fault := range faults {
				t.Errorf("panel %q: %s", p.Title, fault)
			}
			for _, name := range namesIn(target.LegendFormat) {
				if !slices.Contains(labels, name) {
					t.Errorf("panel %q: the legend names %s, the answer has %q", p.Title, name, labels)
				}
			}
		}
	}
	for _, v := range d.Templating.List {
		if v.Type != "query" {
			continue
		}
		metric, label := labelValues(t, v)
		faults, labels := k.Check(metric)
		for _, fault := range faults {
			t.Errorf("variable %s: %s", v.Name, fault)
		}
		if !slices.Contains(labels, label) {
			t.Errorf("variable %s: no label %s", v.Name, label)
		}
	}
	t.Logf("%d expressions", n)
}

var labelValuesForm = regexp.MustCompile(`^label_values\((.+), ([a-z_]+)\)$`)

func labelValues(t *testing.T, v Variable) (metric, label string) {
	t.Helper()
	m := labelValuesForm.FindStringSubmatch(string(v.Query))
	if m == nil {
		t.Fatalf("variable %s: %q is no label_values(metric, label)", v.Name, v.Query)
	}
	return m[1], m[2]
}

func TestEveryNameInTheAlertsIsDeclared(t *testing.T) {
	t.Parallel()
	k := known(t)
	for _, a := range alerts(t) {
		faults, labels := k.Check(a.Expr)
		for _, fault := range faults {
			t.Errorf("%s: %s", a.Alert, fault)
		}
		for _, text := range a.Annotations {
			for _, name := range namesIn(text) {
				if !slices.Contains(labels, name) {
					t.Errorf("%s: an annotation names %s, the result has %q", a.Alert, name, labels)
				}
			}
		}
	}
}

// TestEveryInstrumentIsOnTheDashboard: whoever adds one adds it to a panel.
func TestEveryInstrumentIsOnTheDashboard(t *testing.T) {
	t.Parallel()
	k := known(t)
	shown := map[string]bool{}
	for _, p := range dashboard(t).Panels {
		for _, target := range p.Targets {
			e, err := ParseExpression(target.Expr)
			if err != nil {
				t.Fatal(err)
			}
			for _, s := range e.Selectors {
				m, _ := Instrument(k.Ours, s.Metric)
				shown[m.Name] = true
			}
		}
	}
	for name := range k.Ours {
		if !shown[name] {
			t.Errorf("no panel of deploy/grafana/datadogoauth.json shows %s", name)
		}
	}
	if len(k.Ours) < 24 {
		t.Errorf("only %d instruments are declared", len(k.Ours))
	}
}

// named are the values of a label of a metric that alerts name, with the alerts.
func named(t *testing.T, metric, label string) map[string][]string {
	t.Helper()
	all := map[string][]string{}
	for _, a := range alerts(t) {
		e, err := ParseExpression(a.Expr)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range e.Selectors {
			for _, m := range s.Matchers {
				if s.Metric != metric || m.Label != label || strings.HasPrefix(m.Op, "!") { // what a rule leaves out it is not about
					continue
				}
				for _, v := range m.Values() {
					if !slices.Contains(all[v], a.Alert) {
						all[v] = append(all[v], a.Alert)
					}
				}
			}
		}
	}
	return all
}

// tableOf reads the rows of the table of README.md below a headline: the text in quotes of the first column, and the last column.
func tableOf(t *testing.T, headline string) map[string]string {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(root, "deploy/README.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, section, ok := strings.Cut(string(raw), "\n"+headline+"\n")
	if !ok {
		t.Fatalf("deploy/README.md has no %q", headline)
	}
	section, _, _ = strings.Cut(section, "\n## ")
	rows := map[string]string{}
	for line := range strings.Lines(section) {
		cells := strings.Split(strings.TrimSpace(line), " | ")
		if len(cells) < 3 || !strings.HasPrefix(cells[0], "| `") {
			continue
		}
		for name := range strings.SplitSeq(strings.TrimPrefix(cells[0], "| "), ", ") {
			rows[strings.Trim(name, "`")] = strings.Trim(strings.TrimSuffix(cells[len(cells)-1], "|"), " `")
		}
	}
	return rows
}

// TestEveryReasonAndStateIsAccountedFor compares the tables of deploy/README.md with what is declared, and with the alerts.
func TestEveryReasonAndStateIsAccountedFor(t *testing.T) {
	t.Parallel()
	k := known(t)
	for _, c := range []struct {
		headline, metric, label string
		oneAlert                bool // is about all of them
	}{
		{"## Why items are dropped", "otelcol_exporter_datadogoauth_dropped_items", "reason", false},
		{"## Why items are given back", "otelcol_exporter_datadogoauth_refused_items", "reason", true},
		{"## States of tenants", "otelcol_datadogoauth_tenants", "state", false},
	} {
		rows := tableOf(t, c.headline)
		alerted := named(t, c.metric, c.label)
		values := k.Ours[c.metric].Labels[c.label]
		if !values.Enum || len(values.Values) == 0 {
			t.Fatalf("%s of %s has no enum", c.label, c.metric)
		}
		for _, v := range values.Values {
			alert, ok := rows[v]
			switch {
			case !ok:
				t.Errorf("%q: the table says nothing of %s", c.headline, v)
			case c.oneAlert:
			case alert == "–" && alerted[v] != nil:
				t.Errorf("%q: the table says that no alert is about %s, but %q are", c.headline, v, alerted[v])
			case alert != "–" && !slices.Contains(alerted[v], alert):
				t.Errorf("%q: the table says that %s is about %s; %q are", c.headline, alert, v, alerted[v])
			}
		}
		for name := range rows {
			if !values.Has(name) {
				t.Errorf("%q: there is no %s", c.headline, name)
			}
		}
	}
}

func TestAlertsSayWhatToDo(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, a := range alerts(t) {
		if seen[a.Alert] {
			t.Errorf("%s is there twice", a.Alert)
		}
		seen[a.Alert] = true
		if s := a.Labels["severity"]; s != "critical" && s != "warning" {
			t.Errorf("%s: severity %q", a.Alert, s)
		}
		if len(a.Annotations["summary"]) < 20 || len(a.Annotations["action"]) < 40 {
			t.Errorf("%s: needs a summary and an action", a.Alert)
		}
	}
}

func TestWrongNamesAreFound(t *testing.T) {
	t.Parallel()
	k := known(t)
	const m = "otelcol_exporter_datadogoauth_dropped_items"
	for expr, want := range map[string]string{
		`rate(` + m + `_total[5m])`:                                            "no metric",
		`sum by (site) (rate(` + m + `[5m]))`:                                  "label site",
		`rate(` + m + `{intake="series"}[5m])`:                                 "no label intake",
		`rate(` + m + `{reason="lost"}[5m]) > 0`:                               `never "lost"`,
		`rate(` + m + `{reason=~"rejected|lost"}[5m])`:                         `never "lost"`,
		`rate(` + m + `{reason!="lost"}[5m] offset 5m)`:                        `never "lost"`,
		`otelcol_exporter_datadogoauth_request_duration`:                       "no metric",
		`otelcol_datadogoauth_refreshes{outcome="refreshd"}`:                   `never "refreshd"`,
		`up == 0 and on (pod) ` + m:                                            "label pod",
		`sum(rate(` + m + `[5m])) without (nothing)`:                           "label nothing",
		`max by (le) (otelcol_exporter_queue_size{data_type="logs"})`:          "label le",
		`otelcol_exporter_queue_size{signal="logs"}`:                           "no label signal",
		`label_replace(` + m + `, "a", "b", "", "") or typo_of_a_metric`:       "no metric typo_of_a_metric",
		`histogram_quantile(0.5, rate(otelcol_datadogoauth_flows_bucket[5m]))`: "no metric",
		`sum(` + m + `{reason="sampled}`:                                       "without an end",
	} {
		faults, _ := k.Check(expr)
		if !strings.Contains(strings.Join(faults, "\n"), want) {
			t.Errorf("%s: %q, want %q", expr, faults, want)
		}
	}
	for _, expr := range []string{
		`histogram_quantile(0.99, sum by (le, intake) (rate(otelcol_exporter_datadogoauth_request_duration_bucket{exporter=~"$exporter", outcome="retry"}[$__rate_interval])))`,
		`(` + m + ` unless ` + m + ` offset 10m) > 1e3 or vector(0)`,
		`sum(increase(` + m + `{reason=~".+", signal=~"$signal"}[1h:5m])) by (job) * on (job) group_left (instance) up`,
	} {
		if faults, _ := k.Check(expr); faults != nil {
			t.Errorf("%s: %q", expr, faults)
		}
	}
}
