package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/datadogoauth/otelcol-datadogoauth/testbed/figures"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/load"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/sink"
)

// binary finds what `make build` wrote.
func binary(t *testing.T, name string) string {
	t.Helper()
	dist := os.Getenv("DATADOGOAUTH_DIST")
	if dist == "" {
		dist = "../../../dist"
	}
	path, err := filepath.Abs(filepath.Join(dist, name))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Fatalf("%v; run `make build` first", err)
	}
	return path
}

// A short run shows that every figure comes out and that nothing is lost. What the figures are is no matter here.
func TestAShortRunHasAllFigures(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "figures.json")
	var out bytes.Buffer
	err := run(t.Context(), []string{"-collector", binary(t, "otelcol-datadogoauth"), "-ctl", binary(t, "datadogoauthctl"), "-short", "-runs", "1", "-items", "2000",
		"-tenants", "3", "-json", file}, &out)
	if err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var r Report
	if err := json.Unmarshal(text, &r); err != nil {
		t.Fatal(err)
	}
	if len(r.Exporters) != 3 || len(r.Tenants) != 3 {
		t.Fatalf("%d comparisons of exporters, %d of tenants", len(r.Exporters), len(r.Tenants))
	}
	encodings := map[load.Signal][]string{load.Metrics: {"zstd"}, load.Logs: {"zstd"}, load.Traces: {"gzip"}}
	for _, c := range r.Exporters {
		for i, name := range []string{nop, otlpHTTP, datadogOAuth} {
			a := c.Arms[i]
			if a.Name != name || len(a.Runs) != 1 || a.Runs[0].Items != 2000 || a.Runs[0].CPUSeconds <= 0 || (name != nop) != (a.Runs[0].Bytes > 0) {
				t.Errorf("%s with %s: %+v", c.Signal, name, a)
			}
		}
		if got, want := c.Arms[2].Runs[0].Encodings, encodings[c.Signal]; !slices.Equal(c.Arms[1].Runs[0].Encodings, []string{"zstd"}) || !slices.Equal(got, want) {
			t.Errorf("%s: datadogoauth sent %q, want %q; otlp_http sent %q", c.Signal, got, want, c.Arms[1].Runs[0].Encodings)
		}
		if stats := c.Arms[2].Runs[0].Stats; (c.Signal == load.Traces) != (stats > 0) || c.Arms[1].Runs[0].Stats != 0 {
			t.Errorf("%s: %d requests of stats", c.Signal, stats)
		}
		if c.CPU.OfMedians <= 0 || c.Bytes.OfMedians <= 0 || c.CPU.Verdict == "" {
			t.Errorf("%s: %+v, %+v", c.Signal, c.CPU, c.Bytes)
		}
	}
	for _, c := range r.Tenants {
		for _, a := range slices.Concat([]ArmRuns{c.Alone}, c.Direct, c.Batched) {
			if len(a.Runs) != 1 || a.Runs[0].Rate <= 0 || a.Runs[0].Items != 600*requestsOfATenant[c.Signal] || a.Runs[0].Requests < 3 && a.Name == "3 tenants" || a.Runs[0].Latency <= 0 ||
				a.Runs[0].P50 <= 0 || a.Runs[0].P99 < a.Runs[0].P50 {
				t.Errorf("%s, %s: %+v", c.Signal, a.Name, a.Runs)
			}
		}
	}
	for _, name := range []string{otlpHTTP, datadogOAuth} {
		if p := r.Protocols[name]; len(p) == 0 {
			t.Errorf("no protocol of %s is known", name)
		}
	}
	for _, want := range []string{"nothing lost", "CPU, datadogoauth to otlp_http", "bytes, datadogoauth to otlp_http", "CPU, many tenants to one",
		"to one before the others had connected", "time under way, datadogoauth over otlp_http: ", "only 1 of 7 runs", "items a second"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the output lacks %q:\n%s", want, out.String())
		}
	}
}

func TestRequestsOfStatsAreCountedApart(t *testing.T) {
	t.Parallel()
	spans := sink.From{Key: "k", Path: "/api/v0.2/traces", Encoding: "gzip"}
	stats := sink.From{Key: "k", Path: "/api/v0.2/stats"}
	before := map[sink.From]sink.Counts{spans: {Requests: 1, Items: 100, Bytes: 10, Sum: 500}, {Path: "/quiet", Encoding: "br"}: {Requests: 3, Items: 3}}
	after := map[sink.From]sink.Counts{spans: {Requests: 3, Items: 300, Bytes: 40, Sum: 2500}, stats: {Requests: 5, Hits: 200, Bytes: 7}, {Path: "/quiet", Encoding: "br"}: {Requests: 3, Items: 3}}
	r := Run{Items: 200}
	if mean := r.count(since(before, after)); mean != 10 {
		t.Errorf("arrived at %v on average", mean)
	}
	if r.Requests != 7 || r.Stats != 5 || r.Bytes != 37 || sizeOf(r) != 100 || !slices.Equal(r.Encodings, []string{"gzip", "none"}) {
		t.Errorf("%+v, %v items per request", r, sizeOf(r))
	}
}

func TestRequestsOfAnotherSizeAreAnError(t *testing.T) {
	t.Parallel()
	same := Run{Items: 600, Requests: 5, Stats: 2}
	arms := []ArmRuns{{"one", []Run{same, {Items: 600, Requests: 3}}}, {"many", []Run{same, same}}}
	if err := equalRequests(arms); err != nil {
		t.Error(err)
	}
	arms[1].Runs[1].Requests++
	if err := equalRequests(arms); err == nil || !strings.Contains(err.Error(), "many: run 2 has 150.00 items per request, run 1 of one has 200.00") {
		t.Error(err)
	}
}

// What is off shows beside what was measured.
func TestARunThatMissedItsRateIsMarked(t *testing.T) {
	t.Parallel()
	good := Run{Items: 1000, Requests: 1, Rate: 50_000, Encodings: []string{"zstd"}, Latency: .5}
	slow := good
	slow.Rate, slow.OffRate, slow.Encodings, slow.Latency = 40_000, true, []string{"gzip"}, .7
	var out strings.Builder
	printArms(&out, []ArmRuns{{"one", slices.Repeat([]Run{good}, 7)}, {"two", []Run{good, slow, slow}}})
	lines := strings.Split(out.String(), "\n")
	if strings.Contains(lines[1], "off by") || !strings.Contains(lines[1], "50000") || !strings.Contains(lines[2], "two (only 3 of 7 runs)") ||
		!strings.Contains(lines[2], "40000 (2 runs off by > 5 %)") || !strings.Contains(lines[2], "gzip, zstd") || !strings.Contains(lines[2], "0.700 s") ||
		!strings.Contains(lines[2], "0.500–0.700") {
		t.Error(out.String())
	}
}

func TestDifferencesAreOfRunsSideBySide(t *testing.T) {
	t.Parallel()
	arm := func(seconds ...float64) (a ArmRuns) {
		for _, s := range seconds {
			a.Runs = append(a.Runs, Run{Latency: s})
		}
		return a
	}
	if got, want := differences(arm(5, 2, 4), arm(1, 2, 1), latencyOf), (figures.Spread{Median: 3, Min: 0, Max: 4}); got != want {
		t.Errorf("%+v", got)
	}
}

func TestRatiosAreOfRunsSideBySide(t *testing.T) {
	t.Parallel()
	arm := func(seconds ...float64) (a ArmRuns) {
		for _, s := range seconds {
			a.Runs = append(a.Runs, Run{Items: 1e6, CPUSeconds: s})
		}
		return a
	}
	r := ratio(arm(2, 4, 9), arm(1, 4, 3), cpuOf, 1.5)
	if r.OfMedians != 4.0/3 || r.Pairs != (figures.Spread{Median: 2, Min: 1, Max: 3}) || r.Target != 1.5 {
		t.Errorf("%+v", r)
	}
}

func TestFaultsOfFlags(t *testing.T) {
	t.Parallel()
	good := []string{"-collector", "c", "-ctl", "c"}
	for want, args := range map[string][]string{
		"are needed":            {},
		"there is no signal":    append(good, "-signal", "profiles"),
		"multiple of 1000":      append(good, "-items", "1500"),
		"must be positive":      append(good, "-runs", "0"),
		"more series":           append(good, "-items", "900000"),
		"no such file":          append(good, "-mix", "absent.json"),
		"flag provided but not": append(good, "-quick"),
	} {
		if err := run(t.Context(), args, new(bytes.Buffer)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: error %v, want one about %q", args, err, want)
		}
	}
	o, err := parse(append(good, "-signal", "traces,logs", "-short"))
	if err != nil || len(o.signals) != 2 || o.signals[0] != load.Traces || o.runs != 2 {
		t.Errorf("%+v, %v", o, err)
	}
}
