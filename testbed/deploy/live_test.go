package deploy

import (
	"bufio"
	"flag"
	"io"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// takesMinutes are instruments that the short run does not bring to count anything, with the reason. The long one, of make picture, does.
var takesMinutes = map[string]string{
	"otelcol_exporter_datadogoauth_refused_intakes": "a refusal of a key in its first minute may mean that it is not known everywhere yet",
}

// neverThere are those that no run here has.
var neverThere = map[string]string{
	"otelcol_exporter_datadogoauth_restored_items":  "its collector has no storage and is not restarted",
	"otelcol_exporter_datadogoauth_storage_failing": "its collector has no storage",
}

// TestAgainstARealPrometheus runs a collector under load and trouble, and asks a Prometheus that scrapes it everything that the dashboard asks.
func TestAgainstARealPrometheus(t *testing.T) {
	t.Parallel()
	length, window, every := 24*time.Second, 5*time.Second, time.Second
	if *update {
		length, window, every = 150*time.Second, 10*time.Second, 1500*time.Millisecond
	}
	l := startLab(t, length)
	l.run()
	l.namesAreShown()
	l.rulesWork()
	d := dashboard(t)
	answers := l.ask(d, window, every)
	empty := 0
	for _, a := range answers {
		if HasNumber(a.Lines) {
			continue
		}
		excused := false
		for name := range takesMinutes {
			excused = excused || !*update && strings.Contains(a.Target.Expr, name)
		}
		for name := range neverThere {
			excused = excused || strings.Contains(a.Target.Expr, name)
		}
		if excused {
			empty++
		} else {
			t.Errorf("panel %q: no answer to %s", a.Panel.Title, a.Expr)
		}
	}
	t.Logf("%d expressions have an answer, %d may be empty and are", len(answers)-empty, empty)
	picture, err := Draw(d, answers, l.begin, l.begin.Add(length))
	if err != nil {
		t.Fatal(err)
	}
	if *update && !t.Failed() {
		if err := os.WriteFile(pictureFile, picture, 0o644); err != nil { //nolint:gosec // a picture of the documentation
			t.Fatal(err)
		}
	}
}

// update makes a longer run, and leaves the picture of the documentation. make picture does it.
var update = flag.Bool("update", false, "run for minutes and write "+pictureFile)

const pictureFile = root + "/deploy/dashboard.svg"

// choice is "All" of every variable, as Grafana puts it into expressions.
func (l *lab) choice(d Dashboard, window time.Duration) Choice {
	c := Choice{"__rate_interval": window.String(), "__range": l.length.String()}
	for _, v := range d.Templating.List {
		if v.Type != "query" {
			continue
		}
		metric, label := labelValues(l.t, v)
		selector, err := c.Expand(metric)
		if err != nil {
			l.t.Fatalf("variable %s: %v", v.Name, err)
		}
		values, err := l.prometheus.LabelValues(l.t.Context(), selector, label)
		if err != nil || len(values) == 0 {
			l.t.Fatalf("variable %s: %q, %v", v.Name, values, err)
		}
		for i := range values {
			values[i] = strings.ReplaceAll(regexp.QuoteMeta(values[i]), `\`, `\\`)
		}
		c[v.Name] = "(" + strings.Join(values, "|") + ")"
	}
	return c
}

// ask puts every question of a dashboard.
func (l *lab) ask(d Dashboard, window, every time.Duration) (answers []Answer) {
	c := l.choice(d, window)
	end := l.begin.Add(l.length)
	for _, p := range d.Panels {
		for _, target := range p.Targets {
			expr, err := c.Expand(target.Expr)
			if err != nil {
				l.t.Errorf("panel %q: %v", p.Title, err)
				continue
			}
			a := Answer{Panel: p, Target: target, Expr: expr}
			if target.Instant {
				a.Lines, err = l.prometheus.Instant(l.t.Context(), expr, end)
			} else {
				a.Lines, err = l.prometheus.Range(l.t.Context(), expr, l.begin, end, every)
			}
			if err != nil {
				l.t.Errorf("panel %q: %v", p.Title, err)
			}
			answers = append(answers, a)
		}
	}
	return answers
}

var shownSeries = regexp.MustCompile(`^([a-z_]+)(?:\{(.*)\})? \S+$`)
var shownLabel = regexp.MustCompile(`([a-z_]+)="((?:[^"\\]|\\.)*)"`)

// namesAreShown compares what the collector shows with what is declared, both ways.
func (l *lab) namesAreShown() {
	l.t.Helper()
	resp, err := http.Get("http://" + l.metrics + "/metrics")
	if err != nil {
		l.t.Fatal(err)
	}
	defer resp.Body.Close()
	k := known(l.t)
	shown, valued := map[string]bool{}, map[string]bool{}
	lines := bufio.NewScanner(io.LimitReader(resp.Body, 64<<20))
	for lines.Scan() {
		m := shownSeries.FindStringSubmatch(lines.Text())
		if m == nil {
			continue
		}
		name, labels := m[1], shownLabel.FindAllStringSubmatch(m[2], -1)
		names, values, ok := k.labels(name)
		if !ok {
			if strings.HasPrefix(name, "otelcol_exporter_datadogoauth_") || strings.HasPrefix(name, "otelcol_datadogoauth_") {
				l.t.Errorf("the collector shows %s, which is not declared", name)
			}
			continue
		}
		shown[name] = true
		var has []string
		for _, label := range labels {
			has = append(has, label[1])
			valued[name+" "+label[1]+" "+label[2]] = true
			if v, ok := values[label[1]]; ok && !v.Has(label[2]) {
				l.t.Errorf("%s is shown with %s=%q, which is not declared", name, label[1], label[2])
			}
		}
		slices.Sort(has)
		slices.Sort(names)
		if !slices.Equal(has, names) {
			l.t.Errorf("%s is shown with labels %q, %q are declared", name, has, names)
		}
		if i, ok := Instrument(k.Ours, name); ok {
			shown[i.Name] = true
		}
	}
	for name := range k.Ours {
		if !shown[name] && neverThere[name] == "" && (*update || takesMinutes[name] == "") {
			l.t.Errorf("the collector does not show %s", name)
		}
	}
	// What a rule takes the increase of is there before it is counted, or the first counts would be no increase.
	for _, a := range alerts(l.t) {
		e, err := ParseExpression(a.Expr)
		if err != nil {
			l.t.Fatal(err)
		}
		for _, s := range e.Selectors {
			if i, ok := Instrument(k.Ours, s.Metric); !ok || i.Histogram || !strings.Contains(a.Expr, "increase("+s.Metric) {
				continue
			}
			for _, m := range s.Matchers {
				for _, v := range m.Values() {
					if !valued[s.Metric+" "+m.Label+" "+v] {
						l.t.Errorf("%s is about %s with %s=%q, which is not shown", a.Alert, s.Metric, m.Label, v)
					}
				}
			}
		}
	}
	for name := range k.Others {
		if !shown[name] && name != "up" && name != "ALERTS" { // which are Prometheus's
			l.t.Errorf("the collector does not show %s", name)
		}
	}
}

// provoked are alerts that the run must set off, or begin to.
var provoked = []string{"Rejected", "ParkFull", "Expired", "NoTenant", "UnusableData", "SendersRefused", "StatsOverflow", "SeriesForgotten", "Complaints", "OutcomeUnknown"}

// rulesWork: all are loaded and can be evaluated, those that the run provokes are active, and their texts came out.
func (l *lab) rulesWork() {
	l.t.Helper()
	rules, err := l.prometheus.Rules(l.t.Context())
	if err != nil {
		l.t.Fatal(err)
	}
	if want := len(alerts(l.t)); len(rules) != want {
		l.t.Errorf("%d rules are loaded, %d are in the file", len(rules), want)
	}
	active := map[string]bool{}
	for _, r := range rules {
		if r.Health != "ok" {
			l.t.Errorf("%s: health %s: %s", r.Name, r.Health, r.LastError)
		}
		for _, a := range r.Alerts {
			active[strings.TrimPrefix(r.Name, "DatadogOAuth")] = true
			for key, text := range a.Annotations {
				if strings.Contains(text, "<no value>") || strings.Contains(text, "%!") || strings.Contains(text, "<error") {
					l.t.Errorf("%s: %s came out as %q", r.Name, key, text)
				}
			}
		}
	}
	want := provoked
	if *update {
		want = append(slices.Clone(want), "KeyRefused", "IncidentsUnknown", "IntakeRefuses") // a key is believed for its first minute; the journal is counted once a minute
	}
	for _, name := range want {
		if !active[name] {
			l.t.Errorf("%s is not active", name)
		}
	}
	if out := l.prometheus.Log(); strings.Contains(out, "level=error") || strings.Contains(out, "err=") {
		l.t.Errorf("Prometheus says:\n%s", out)
	}
}
